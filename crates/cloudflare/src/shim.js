// The Worker's entry point: what the platform calls, handed on to WASM. `cargo xtask build` bundles it with what
// wasm-bindgen makes of the crate.
//
// A panic ends the WASM instance, and with it all that was under way; the next event begins a new one. The handlers are
// plain functions: a class makes the platform build an object for each request.

import * as wasm from "./index.js";

const instance = wasm.__worker_init_state();

Error.stackTraceLimit = 100;
addEventListener("error", (event) => noteEnd(event.error));

/** Notes whether the WASM instance has ended with `error`. */
function noteEnd(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error("Critical", error);
    instance.criticalError = true;
  }
}

/** Begins a new WASM instance if the last one has ended. */
function ensureInstance() {
  if (instance.criticalError) {
    console.log("Reinitializing Wasm application");
    wasm.__wbg_reset_state();
    instance.criticalError = false;
    instance.instanceId++;
  }
}

function run(handler) {
  ensureInstance();
  try {
    return handler();
  } catch (error) {
    noteEnd(error);
    throw error;
  }
}

const handlers = {};
for (const name of ["fetch", "queue", "scheduled"]) {
  const handler = wasm[name];
  if (handler) handlers[name] = (event, env, context) => run(() => handler(event, env, context));
}

export default handlers;

/** A tenant's counters. The object outlives WASM instances: what it keeps is in its storage. */
export class TenantObject {
  #state;
  #env;
  #object;
  #of;

  constructor(state, env) {
    this.#state = state;
    this.#env = env;
  }

  fetch(request) {
    return run(() => this.#now().fetch(request));
  }

  alarm() {
    return run(() => this.#now().alarm());
  }

  /** The object in the WASM instance there is now. */
  #now() {
    if (this.#of !== instance.instanceId) {
      this.#object = new wasm.TenantObject(this.#state, this.#env);
      this.#of = instance.instanceId;
    }
    return this.#object;
  }
}
