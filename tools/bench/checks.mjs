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

// The best of many single runs: other work on the machine only ever adds.
function time(text, checks) {
  for (let run = 0; run < 5; run += 1) wasm.run(text, checks);
  const begun = performance.now();
  let best = Infinity;
  for (let run = 0; run < 30 || performance.now() - begun < 250; run += 1) {
    const from = performance.now();
    wasm.run(text, checks);
    best = Math.min(best, performance.now() - from);
  }
  return best;
}

const checks = names(1);
const rows = names(0).map((text, at) => {
  const kilobytes = wasm.size(at) / 1024;
  return { text, kilobytes, micros: checks.map((_, which) => (time(at, which) * 1000) / kilobytes) };
});
console.log(JSON.stringify({ checks, rows }));
