// Times searches over 10,000 chunks in WASM (V8): node tools/retrieval/time.mjs MODULE.wasm
// The module is crates/eval-retrieval/src/bin/wasm_steps.rs; `cargo xtask eval retrieval --wasm` builds and calls it.
import { readFileSync } from 'node:fs';

const steps = ['read 200 files\' headers', 'dense: every vector', 'words alone', 'hybrid', 'hybrid, reranked, spread'];
const times = 40;
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const call = () => {
  const start = process.cpuUsage();
  const begun = performance.now();
  instance.exports.main(0, 0);
  const taken = performance.now() - begun;
  const { user } = process.cpuUsage(start);
  return Math.min(taken, Math.max(user / 1000, 0.001) || taken);
};
const filling = performance.now();
instance.exports.main(0, 0);
console.log(`10,000 chunks cut, embedded and packed in ${((performance.now() - filling) / 1000).toFixed(2)} s`);
for (const step of steps) {
  const taken = Array.from({ length: times }, call).sort((a, b) => a - b);
  console.log(`${step.padEnd(28)} median ${taken[times / 2].toFixed(2)} ms, best ${taken[0].toFixed(2)} ms`);
}
