// What a large document takes on a host, as released (`cargo xtask build` first):
//
//   node tools/retrieval/memory.mjs [--host cloudflare|spin] [--megabytes 50] [--kind text|csv|FILE] [--bundles target/bundle]
//
// Uploads a document that it makes up, or FILE, has it put into a store and searches it; tells the times and the CPU's, and the
// peaks of every WASM memory and of the whole process, which keeps the store as well. Linux only: it reads /proc. A Worker may have 128 MB.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createHash } from 'node:crypto';

const { values: given } = parseArgs({ options: {
  host: { type: 'string', default: 'cloudflare' }, megabytes: { type: 'string', default: '50' },
  kind: { type: 'string', default: 'text' }, bundles: { type: 'string', default: 'target/bundle' },
} });
const key = 'sk-sluice-dev';
const digest = createHash('sha256').update(key).digest('hex');
const records = { [`key/${digest}`]: { id: 'key_dev', name: 'Large', tenant: 'dev' }, 'tenant/dev': { id: 'dev', name: 'Large' } };
const kv = Object.fromEntries(Object.entries(records).map(([name, record]) => [name, JSON.stringify(record)]));

/** Words as they lie in texts: few of them often. */
function words() {
  let seed = 7n;
  const below = (most) => Number((seed = (seed * 6364136223846793005n + 1442695040888963407n) & (2n ** 64n - 1n)) >> 33n) % most;
  const all = Array.from({ length: 20000 }, (_, at) => {
    let word = '';
    for (let left = at + 1; left > 0; left = Math.floor(left / 40)) word += 'wlsptrmb'[left % 8] + 'oaieu'[left % 5];
    return word;
  });
  return (count) => Array.from({ length: count }, () => all[below([20, 200, 2000, 20000][below(4)])]).join(' ');
}

function document(kind, bytes) {
  if (kind !== 'text' && kind !== 'csv') return { name: basename(kind), parts: [readFileSync(kind)] };
  const some = words();
  const rows = kind === 'csv' ? ['id,name,note'] : [];
  // As much as 1 MB is made up; what is repeated stands under other numbers, so no part of it equals another.
  const pool = Array.from({ length: 8000 }, () => some(14));
  let size = 0;
  for (let at = 0; size < bytes; at += 1) {
    const text = pool[at % pool.length];
    rows.push(kind === 'csv' ? `${at},${text.slice(0, 8)},${text}` : `In ${at} ${text}.${at % 5 === 4 ? '\n' : ''}`);
    size += rows.at(-1).length + 1;
  }
  return { name: kind === 'csv' ? 'large.csv' : 'large.txt', parts: [rows.join('\n')] };
}

/** The process and all below it. */
function family(pid) {
  const below = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((name) => {
    try {
      return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1].split(' ')[1] === String(pid);
    } catch {
      return false;
    }
  });
  return [pid, ...below.flatMap((name) => family(Number(name)))];
}

/** Bytes of each WASM memory of a process: what is there of a reservation of 4 GB. */
function memories(pid) {
  const rows = readFileSync(`/proc/${pid}/maps`, 'utf8').trim().split('\n').map((row) => {
    const [, from, to, mode] = row.match(/^([0-9a-f]+)-([0-9a-f]+) (\S+)/);
    return { from: parseInt(from, 16), to: parseInt(to, 16), mode };
  });
  return rows.flatMap(({ from, to, mode }, at) => {
    const rest = rows[at + 1];
    const all = rest?.from === to && rest.mode.startsWith('---') ? rest.to - from : 0;
    return mode.startsWith('rw') && all >= 2 ** 32 && all < 2 ** 32 + 2 ** 28 ? [to - from] : [];
  });
}

const peaks = { wasm: 0, process: 0 };
/** Seconds of CPU that a process has taken; the kernel counts hundredths. */
const cpu = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const mb = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
function look(pids) {
  for (const pid of pids) {
    peaks.wasm = Math.max(peaks.wasm, ...memories(pid));
    peaks.process = Math.max(peaks.process, Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1]) * 1024);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-memory-'));
const seed = join(folder, 'seed.json');
writeFileSync(seed, JSON.stringify({ kv, variables: { SLUICE_ADMIN_KEY: 'admin' } }));
const command = given.host === 'spin'
  ? ['target/tool/spin-host', '--manifest', 'spin.toml', '--components', join(given.bundles, 'spin'), '--listen', '127.0.0.1:0',
    '--exit-on-stdin-close']
  : ['node', 'tools/serve.mjs', '--bundle', join(given.bundles, 'cloudflare'), '--ingest', join(given.bundles, 'cloudflare-ingest')];
const server = spawn(command[0], [...command.slice(1), '--seed', seed], { stdio: ['pipe', 'pipe', 'inherit'] });
try {
  let url;
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.startsWith('ready ')) {
      url = line.slice(6).trim();
      break;
    }
  }
  const ask = async (path, body) => {
    const headers = { authorization: `Bearer ${key}` };
    if (body && !(body instanceof FormData)) headers['content-type'] = 'application/json';
    const sent = body instanceof FormData || !body ? body : JSON.stringify(body);
    // workerd closes connections that seem idle while it is busy: a connection each.
    headers.connection = 'close';
    const answer = await fetch(url + path, { method: body ? 'POST' : 'GET', headers, body: sent });
    const told = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(told));
    return told;
  };
  const timed = async (what, work) => {
    const taken = () => pids.reduce((sum, pid) => sum + cpu(pid), 0);
    const [start, before] = [performance.now(), taken()];
    const done = await work();
    look(pids);
    const seconds = (performance.now() - start) / 1000;
    console.log(`${what}: ${seconds.toFixed(1)} s, CPU ${(taken() - before).toFixed(1)} s; peaks so far: a WASM memory `
      + `${mb(peaks.wasm)}, the process ${mb(peaks.process)}`);
    return done;
  };
  const pids = family(server.pid).filter((pid) => !readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('node'));
  const { name, parts } = document(given.kind, Number(given.megabytes) * 1e6 - 1000);
  const form = new FormData();
  form.append('purpose', 'assistants');
  form.append('file', new Blob(parts), name);
  await timed('started', () => ask('/v1/files'));
  const file = await timed(`uploaded ${name}`, () => ask('/v1/files', form));
  const store = await ask('/v1/vector_stores', { name: 'large' });
  const member = `/v1/vector_stores/${store.id}/files`;
  await ask(member, { file_id: file.id });
  const settled = await timed('put into the store', async () => {
    for (;;) {
      const told = await ask(`${member}/${file.id}`);
      look(pids);
      if (told.status !== 'in_progress') return told;
      await sleep(500);
    }
  });
  console.log(`${settled.status}: ${settled.sluice.chunks} chunks ${settled.last_error?.message ?? ''}`);
  for (const turn of ['first', 'second']) {
    const found = await timed(`${turn} search`, () => ask(`/v1/vector_stores/${store.id}/search`, { query: 'what is said of wopa' }));
    console.log(`  ${found.data.length} passages`);
  }
} finally {
  server.stdin.end();
  rmSync(folder, { recursive: true });
}
