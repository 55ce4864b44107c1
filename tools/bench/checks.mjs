// Times the guardrails' checks in WASM: node tools/bench/checks.mjs MODULE.wasm. Prints rows as JSON.
import { readFileSync } from 'node:fs';

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const wasm = instance.exports;

function names(what) {
  const found = [];
  for (;;) {
    const length = wasm.name_length(what, found.length);
    if (length === 0) return found;
    found.push(Buffer.from(wasm.memory.buffer, wasm.name_address(), length).toString('utf8'));
  }
}

const RUNS = 5;
const ROUNDS = 30;

const checks = names(1);
const texts = names(0);
const best = texts.map(() => checks.map(() => Infinity));
// Microseconds of CPU, which other work on the machine takes less from than from the clock, and the least of many rounds over
// all of it: what shares a core or a cache only ever adds, for a while. The first rounds wait for the compiler.
for (let round = 0; round < ROUNDS; round += 1) {
  for (const row of texts.keys()) {
    for (const which of checks.keys()) {
      const from = process.cpuUsage();
      for (let run = 0; run < RUNS; run += 1) wasm.run(row, which);
      const { user, system } = process.cpuUsage(from);
      best[row][which] = Math.min(best[row][which], (user + system) / RUNS);
    }
  }
}

const rows = texts.map((text, row) => {
  const kilobytes = wasm.size(row) / 1024;
  return { text, kilobytes, micros: best[row].map((micros) => micros / kilobytes) };
});
console.log(JSON.stringify({ checks, rows }));
