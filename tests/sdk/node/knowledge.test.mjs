// Files and vector stores with the OpenAI SDK, unmodified.

import assert from "node:assert/strict";

import { toFile } from "openai";

import { caught, oai, onGateway } from "./setup.mjs";

const HANDBOOK =
  "# Leave\n\nEverybody has thirty days of holiday a year.\n\n# Kitchen\n\nThe coffee machine is cleaned on Fridays.\n";

const handbook = () => toFile(Buffer.from(HANDBOOK), "handbook.md");

onGateway("files are uploaded, read and deleted", async () => {
  const made = await oai.files.create({ file: await handbook(), purpose: "assistants" });
  assert.deepEqual([made.object, made.bytes, made.filename], ["file", HANDBOOK.length, "handbook.md"]);
  assert.equal(await (await oai.files.content(made.id)).text(), HANDBOOK);
  const listed = [];
  for await (const file of oai.files.list({ limit: 1 })) listed.push(file.id);
  assert.ok(listed.includes(made.id));
  assert.equal((await oai.files.delete(made.id)).deleted, true);
  assert.equal((await caught(() => oai.files.retrieve(made.id))).status, 404);
});

onGateway("a file is put into a store, found and taken out", async () => {
  const store = await oai.vectorStores.create({ name: "handbook" });
  const member = await oai.vectorStores.files.uploadAndPoll(store.id, await handbook());
  assert.deepEqual([member.status, member.last_error], ["completed", null]);
  const found = await oai.vectorStores.search(store.id, { query: "How many days of holiday do I have?" });
  assert.equal(found.data[0].file_id, member.id);
  assert.match(found.data[0].content[0].text, /thirty days/);
  assert.equal((await oai.vectorStores.files.delete(member.id, { vector_store_id: store.id })).deleted, true);
  assert.deepEqual((await oai.vectorStores.search(store.id, { query: "holiday" })).data, []);
  assert.equal((await oai.vectorStores.delete(store.id)).deleted, true);
  await oai.files.delete(member.id);
});

onGateway("a batch goes in", async () => {
  const store = await oai.vectorStores.create({});
  const files = [await toFile(Buffer.from("Apples are red."), "a.txt"), await toFile(Buffer.from("Bananas are yellow."), "b.txt")];
  const batch = await oai.vectorStores.fileBatches.uploadAndPoll(store.id, { files });
  assert.deepEqual([batch.status, batch.file_counts.completed], ["completed", 2]);
  const found = await oai.vectorStores.search(store.id, { query: "What are bananas?", max_num_results: 1 });
  assert.match(found.data[0].content[0].text, /yellow/);
  await oai.vectorStores.delete(store.id);
});
