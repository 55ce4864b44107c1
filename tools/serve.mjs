// Serves a built Cloudflare bundle in workerd, with the bindings, compatibility date and flags of wrangler.toml.
//
//   node tools/serve.mjs --bundle target/bundle/cloudflare [--port N] [--seed FILE] [--state DIR]
//
// --port 0 lets the system pick. --seed is JSON {"kv": {key: text}, "variables": {NAME: text}}: entries written to KV
// before it is ready, and plain bindings. --state keeps KV in a folder; without it KV ends with the process.
// Prints `ready http://127.0.0.1:PORT` once it answers; everything else goes to standard error. Stops on SIGINT,
// SIGTERM, when its standard input closes and when its parent dies, and takes workerd with it.

import { fstatSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

process.env.WRANGLER_SEND_METRICS = "false";
process.env.WRANGLER_HIDE_BANNER = "true";

const ADDRESS = "127.0.0.1";
const MANIFEST = fileURLToPath(new URL("../wrangler.toml", import.meta.url));
const SEED_BATCH = 100;

let server;
let stopping = false;

/** Ends workerd, then this process. */
async function stop(code) {
  if (stopping) return;
  stopping = true;
  try {
    await server?.dispose();
  } finally {
    process.exit(code);
  }
}

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  return stop(1);
}

function stopWithParent() {
  process.on("SIGINT", () => stop(130));
  process.on("SIGTERM", () => stop(0));
  process.on("SIGHUP", () => stop(0));
  const input = fstatSync(0, { throwIfNoEntry: false });
  if (input?.isFIFO() || input?.isSocket()) {
    process.stdin.on("end", () => stop(0)).on("error", () => stop(0)).resume();
  }
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || stop(0), 1000).unref();
}

/** The bundle's modules, the entry point first. */
function modules(bundle) {
  const types = { js: "ESModule", wasm: "CompiledWasm" };
  return readdirSync(bundle)
    .filter((name) => name.split(".").pop() in types)
    .sort((a, b) => (b === "index.js") - (a === "index.js"))
    .map((name) => ({ type: types[name.split(".").pop()], path: join(bundle, name) }));
}

function readSeed(file) {
  const { kv = {}, variables = {}, ...unknown } = file ? JSON.parse(readFileSync(file, "utf8")) : {};
  const names = Object.keys(unknown);
  if (names.length > 0) throw new Error(`${file}: unknown member ${names.join(", ")}; allowed: kv, variables`);
  return { kv, variables };
}

function portIsFree(port) {
  return new Promise((answer) => {
    const probe = createServer();
    probe.once("error", () => answer(false));
    probe.listen({ port, host: ADDRESS }, () => probe.close(() => answer(true)));
  });
}

async function fillKv(entries) {
  const list = Object.entries(entries);
  if (list.length === 0) return;
  const kv = await server.getKVNamespace("KV");
  for (let start = 0; start < list.length; start += SEED_BATCH) {
    await Promise.all(list.slice(start, start + SEED_BATCH).map(([key, value]) => kv.put(key, value)));
  }
}

async function serve({ bundle, port, seed, state }) {
  const { kv, variables } = readSeed(seed);
  if (port !== 0 && !(await portIsFree(port))) {
    return fail(`port ${port} of ${ADDRESS} is taken: choose another with --port`);
  }
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import("wrangler");
  const { Miniflare, NoOpLog } = await import("miniflare");
  const config = unstable_readConfig({ config: MANIFEST }, { hideWarnings: true });
  const { workerOptions } = unstable_getMiniflareWorkerOptions(config);
  const folder = resolve(bundle);

  server = new Miniflare({
    log: new NoOpLog(),
    cf: false,
    host: ADDRESS,
    port: 0,
    ...(state ? { defaultPersistRoot: resolve(state) } : {}),
    handleRuntimeStdio(stdout, stderr) {
      stdout.pipe(process.stderr, { end: false });
      stderr.pipe(process.stderr, { end: false });
    },
    workers: [
      {
        ...workerOptions,
        name: config.name,
        modules: modules(folder),
        modulesRoot: folder,
        // Not what wrangler would read from .dev.vars: a run is what its arguments say.
        bindings: { ...config.vars, ...variables },
        // Straight to the Worker, as deployed: Miniflare's own front door is one more Worker, which costs time.
        unsafeDirectSockets: [{ host: ADDRESS, port }],
      },
    ],
  });
  await server.ready;
  await fillKv(kv);
  const url = (await server.unsafeGetDirectURL(config.name)).origin;
  const answer = await fetch(`${url}/healthz`);
  await answer.arrayBuffer();
  if (!stopping) process.stdout.write(`ready ${url}\n`);
}

const { values } = parseArgs({
  options: {
    bundle: { type: "string", default: fileURLToPath(new URL("../target/bundle/cloudflare", import.meta.url)) },
    port: { type: "string", default: "0" },
    seed: { type: "string" },
    state: { type: "string" },
  },
});
stopWithParent();
serve({ ...values, port: Number(values.port) }).catch((error) => fail(error.message ?? error));
