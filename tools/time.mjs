// Times searches over 10,000 chunks, and documents made ready for it, in WASM (V8): node tools/retrieval/time.mjs MODULE.wasm
// The module is crates/eval-retrieval/src/bin/wasm_steps.rs; `cargo xtask eval retrieval --wasm` builds and times it.
import { readFileSync } from 'node:fs';

const steps = ["read 200 files' heads", 'dense: every vector', 'words alone', 'hybrid', 'hybrid, 20 reranked, 10 picked',
  '100 chunks cut, embedded, packed'];
const times = 40;
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const call = () => {
  const start = performance.now();
  instance.exports.main(0, 0);
  return performance.now() - start;
};
console.log(`10,000 chunks made up, embedded and packed in ${(call() / 1000).toFixed(2)} s`);
for (const step of steps) {
  const before = process.cpuUsage();
  const taken = Array.from({ length: times }, call).sort((a, b) => a - b);
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1000 / times;
  const [median, best] = [taken[times / 2], taken[0]].map((time) => time.toFixed(2));
  console.log(`${step.padEnd(32)} median ${median} ms, best ${best} ms, CPU ${cpu.toFixed(2)} ms`);
}
