// Times the steps of a module in WASM (V8): node tools/time.mjs MODULE REPEATS FRESH FIRST... -- STEP...
// The module's `main` does the next step with each call: each of FIRST once, then each STEP 40 times, REPEATS times a call.
// Before that, FRESH instances are made that do the first call alone: V8 compiles it for the first of them.
// `cargo xtask eval retrieval --wasm` and `cargo xtask eval semantic --wasm` build the modules and say what their steps are.
import { readFileSync } from 'node:fs';

const times = 40;
const [file, repeats, fresh, ...names] = process.argv.slice(2);
const [first, steps] = [names.slice(0, names.indexOf('--')), names.slice(names.indexOf('--') + 1)];
const module = await WebAssembly.compile(readFileSync(file));
// Those of wasm-bindgen, which a dependency may bring along and no step calls.
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  (imports[from] ??= {})[name] = () => { throw new Error(`${name} is not there`); };
}
const timed = ({ exports }) => () => {
  const start = performance.now();
  exports.main(0, 0);
  return performance.now() - start;
};
const milliseconds = (number) => number.toPrecision(3);
for (let at = 0; at < fresh; at++) {
  const taken = timed(await WebAssembly.instantiate(module, imports))();
  console.log(`first call of a new instance             ${milliseconds(taken)} ms`);
}
const call = timed(await WebAssembly.instantiate(module, imports));
for (const name of first) console.log(`${name.padEnd(40)} ${milliseconds(call())} ms, once`);
for (const name of steps) {
  const before = process.cpuUsage();
  const taken = Array.from({ length: times }, () => call() / repeats).sort((a, b) => a - b);
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1000 / times / repeats;
  const [median, best] = [taken[times / 2], taken[0]].map(milliseconds);
  console.log(`${name.padEnd(40)} median ${median} ms, best ${best} ms, CPU ${milliseconds(cpu)} ms`);
}
