// The stand-in behind the real binding class in workerd: `node --test tools/vectorize.test.mjs`. What is sent is what
// `sluice_core::vectors::vectorize` sends, the fixture its unit test checks.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Miniflare, NoOpLog } from "miniflare";

import { Index, vectorize } from "./vectorize.mjs";

const SCRIPT = `export default {
  async fetch(request, env) {
    const [method, ...values] = await request.json();
    try {
      return Response.json({ value: await env.VECTORS[method](...values) });
    } catch (error) {
      return Response.json({ error: error.message });
    }
  },
};`;

const fixture = JSON.parse(readFileSync(new URL("../tests/fixtures/vectorize.json", import.meta.url)));

test("the binding's calls are answered, late and within limits", async (t) => {
  let now = 0;
  const { url, index, close } = await vectorize(new Index({ dimensions: 2, delay: 1000, now: () => now }));
  const server = new Miniflare({
    log: new NoOpLog(),
    cf: false,
    modules: true,
    script: SCRIPT,
    compatibilityDate: "2026-04-24",
    vectorize: { VECTORS: { index_name: "sluice", remoteProxyConnectionString: url } },
  });
  t.after(async () => {
    await server.dispose();
    await close();
  });
  const call = async (...asked) => {
    const answer = await server.dispatchFetch("http://x/", { method: "POST", body: JSON.stringify(asked) });
    return answer.json();
  };
  const { upsert, query, remove } = fixture;
  assert.ok((await call("upsert", upsert)).value.mutationId);
  assert.deepEqual((await call("query", ...query)).value.matches, [], "not yet");
  now = 1000;
  const { matches } = (await call("query", ...query)).value;
  assert.equal(matches.length, 1);
  assert.deepEqual([matches[0].id, matches[0].metadata], [upsert[0].id, upsert[0].metadata]);
  const elsewhere = { ...query[1], namespace: "0".repeat(64) };
  assert.deepEqual((await call("query", query[0], elsewhere)).value.matches, []);
  const many = await call("query", query[0], { ...query[1], topK: 21 });
  assert.match(many.error, /VECTOR_QUERY_ERROR \(code = 40025\)/);
  const long = await call("query", [1, 2, 3], query[1]);
  assert.match(long.error, /VECTOR_QUERY_ERROR \(code = 40012\)/);
  const name = await call("upsert", [{ ...upsert[0], id: "x".repeat(65) }]);
  assert.match(name.error, /code = 40008/);
  assert.ok((await call("deleteByIds", remove)).value.mutationId);
  assert.equal((await call("query", ...query)).value.matches.length, 1, "still there");
  now = 2000;
  assert.equal((await call("query", ...query)).value.matches.length, 0);
  assert.ok(index.calls > 8);
});
