// Serves built Cloudflare bundles in workerd, with the bindings, compatibility date and flags of wrangler.toml; and with
// --ingest the second Worker, which takes documents off the queue, with those of wrangler.ingest.toml.
//
//   node tools/serve.mjs --bundle target/bundle/cloudflare [--ingest target/bundle/cloudflare-ingest]
//                        [--port N] [--seed FILE] [--state DIR]
//
// --port 0 lets the system pick. --seed is JSON {"kv": {key: text}, "variables": {NAME: text}}: entries written to KV
// before it is ready, and plain bindings of both Workers; "vectorize": {"dimensions": N, "delay": MS} binds an index
// (vectorize.mjs) as VECTORS, "workers_ai": {"url": URL, "key": KEY} binds Workers AI (workers_ai.mjs) as AI. --state keeps KV, R2 and objects in a folder; without it they end with the process. What is
// in a queue ends with it in any case.
// Prints `ready http://127.0.0.1:PORT` once it answers, and before that `ingest URL` of the second Worker; everything else
// goes to standard error. Stops on SIGINT,
// SIGTERM, when its standard input closes and when its parent dies, and takes workerd with it; killed, too (on Linux).

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { fstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import http from "node:http";
import module from "node:module";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

process.env.WRANGLER_SEND_METRICS = "false";
process.env.WRANGLER_HIDE_BANNER = "true";

// Newer Nodes keep what they compiled, which halves the start.
module.enableCompileCache?.();

// After each batch, Miniflare's queues tell a server in this process over a connection that workerd keeps. Where Node has
// closed that after five idle seconds, workerd may wait for minutes, and the queue with it.
const { createServer: makeServer } = http;
http.createServer = (...given) => Object.assign(makeServer(...given), { keepAliveTimeout: 0 });

const ADDRESS = "127.0.0.1";
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GATEWAY = here("../wrangler.toml");
const INGEST = here("../wrangler.ingest.toml");
const SEED_BATCH = 100;

let server;
let guard;
let stopping = false;

/** Ends workerd, then this process. */
async function stop(code) {
  if (stopping) return;
  stopping = true;
  try {
    await server?.dispose();
    guard?.kill();
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

/** Ends workerd when this process is killed and cannot: its end closes the pipe that the guard reads. */
function startGuard() {
  let children;
  try {
    children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();
  } catch {
    return;
  }
  guard = spawn("sh", ["-c", `read _; kill -9 ${children}`], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guard.on("error", () => {}).unref();
}

/**
 * What wrangler makes of a manifest. Importing wrangler takes more than a second, so the answer is kept beside it
 * for as long as neither the manifest nor the tools change.
 */
async function workerOptions(manifest) {
  const hash = createHash("sha256").update(manifest);
  for (const file of [manifest, here("package-lock.json"), fileURLToPath(import.meta.url)]) {
    hash.update(readFileSync(file));
  }
  const cache = here(`node_modules/.cache/sluice/${hash.digest("hex")}.json`);
  try {
    return JSON.parse(readFileSync(cache, "utf8"));
  } catch {
    // Not there yet.
  }
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import("wrangler");
  const config = unstable_readConfig({ config: manifest }, { hideWarnings: true });
  const { workerOptions } = unstable_getMiniflareWorkerOptions(config);
  // Not what wrangler reads from .dev.vars: a run is what its arguments say.
  const options = { ...workerOptions, name: config.name, bindings: config.vars };
  let isPlain = true;
  const text = JSON.stringify(options, (_, value) => {
    isPlain &&= typeof value !== "function" && typeof value !== "symbol";
    return value;
  });
  if (isPlain) {
    mkdirSync(dirname(cache), { recursive: true });
    writeFileSync(cache, text);
  }
  return options;
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
  const { kv = {}, variables = {}, vectorize, workers_ai, ...unknown } = file ? JSON.parse(readFileSync(file, "utf8")) : {};
  const names = Object.keys(unknown);
  if (names.length > 0) {
    throw new Error(`${file}: unknown member ${names.join(", ")}; allowed: kv, variables, vectorize, workers_ai`);
  }
  return { kv, variables, vectorize, workers_ai };
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

/** A Worker of a bundle, with the bindings its manifest declares. */
async function worker(manifest, bundle, variables, index, models) {
  const options = await workerOptions(manifest);
  const folder = resolve(bundle);
  const own = { modules: modules(folder), modulesRoot: folder, bindings: { ...options.bindings, ...variables } };
  const bound = { VECTORS: { index_name: "sluice", remoteProxyConnectionString: index?.url } };
  const ai = { binding: "AI", remoteProxyConnectionString: models?.url };
  return { ...options, ...own, ...(index && { vectorize: bound }), ...(models && { ai }) };
}

async function serve({ bundle, ingest, port, seed, state }) {
  const { kv, variables, vectorize, workers_ai } = readSeed(seed);
  if (port !== 0 && !(await portIsFree(port))) {
    return fail(`port ${port} of ${ADDRESS} is taken: choose another with --port`);
  }
  const index = vectorize && (await (await import("./vectorize.mjs")).vectorize(vectorize));
  const models = workers_ai && (await (await import("./workers_ai.mjs")).workersAi(workers_ai));
  // Before wrangler, which takes it too: two that load it at once may get one that is not there yet.
  const { Miniflare, NoOpLog } = await import("miniflare");
  const [gateway, consumer] = await Promise.all([
    worker(GATEWAY, bundle, variables, index, models),
    ingest && worker(INGEST, ingest, variables, index, models),
  ]);

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
      // Straight to the Worker, as deployed: Miniflare's own front door is one more Worker, which costs time.
      { ...gateway, unsafeDirectSockets: [{ host: ADDRESS, port }] },
      ...(consumer ? [{ ...consumer, unsafeDirectSockets: [{ host: ADDRESS, port: 0 }] }] : []),
    ],
  });
  await server.ready;
  startGuard();
  await fillKv(kv);
  const url = (await server.unsafeGetDirectURL(gateway.name)).origin;
  const answer = await fetch(`${url}/healthz`);
  await answer.arrayBuffer();
  if (stopping) return;
  if (consumer) {
    process.stdout.write(`ingest ${(await server.unsafeGetDirectURL(consumer.name)).origin}\n`);
  }
  process.stdout.write(`ready ${url}\n`);
}

const { values } = parseArgs({
  options: {
    bundle: { type: "string", default: here("../target/bundle/cloudflare") },
    ingest: { type: "string" },
    port: { type: "string", default: "0" },
    seed: { type: "string" },
    state: { type: "string" },
  },
});
stopWithParent();
serve({ ...values, port: Number(values.port) }).catch((error) => fail(error.message ?? error));
