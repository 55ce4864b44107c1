// The OpenAI SDK, unmodified.

import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";

import { DIRECT, EMBED_MODEL, KEY, PIXEL, URL, caught, oai, onEachModel, onGateway, user } from "./setup.mjs";

const WEATHER = {
  type: "function",
  function: {
    name: "weather",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer", maximum: 3 } },
      required: ["city", "days"],
      additionalProperties: false,
    },
  },
};
const CLOCK = { type: "function", function: { name: "clock", parameters: { type: "object", properties: {} } } };

const create = (model, content, more = {}) =>
  oai.chat.completions.create({ model, messages: user(content), ...more });

/** The text of a stream, read to its end. */
async function textOf(stream) {
  let text = "";
  for await (const chunk of await stream) for (const choice of chunk.choices) text += choice.delta.content ?? "";
  return text;
}

onEachModel("answers", async (model) => {
  const answer = await create(model, "hello é漢🦀");
  assert.equal(answer.choices[0].message.content, "You said: hello é漢🦀 é漢🦀.");
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.ok(answer.usage.prompt_tokens_details.cached_tokens > 0);
});

onEachModel("streams, and tells usage last", async (model) => {
  const chunks = [];
  const ask = { stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await create(model, "hello é漢🦀", ask)) chunks.push(chunk);
  const last = chunks.pop();
  assert.deepEqual(last.choices, []);
  assert.ok(last.usage.completion_tokens > 0);
  const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  assert.equal(text, "You said: hello é漢🦀 é漢🦀.");
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
});

onEachModel("passes instructions on", async (model) => {
  for (const role of ["system", "developer"]) {
    const messages = [{ role, content: "Be brief." }, ...user("[[system]]")];
    const answer = await oai.chat.completions.create({ model, messages });
    assert.equal(answer.choices[0].message.content, "System: Be brief.");
  }
});

onEachModel("takes images", async (model) => {
  const url = `data:image/png;base64,${PIXEL}`;
  const answer = await create(model, [
    { type: "text", text: "what is this?" },
    { type: "image_url", image_url: { url } },
  ]);
  assert.match(answer.choices[0].message.content, /image\/png/);
});

onEachModel("stops where it is told", async (model) => {
  const stopped = await create(model, "[[stop]]", { stop: ["END"] });
  assert.equal(stopped.choices[0].message.content, "Before the stop, é漢🦀. ");
  const cut = await create(model, "[[tokens 50]]", { max_completion_tokens: 5 });
  assert.equal(cut.choices[0].finish_reason, "length");
});

onEachModel("refuses", async (model) => {
  const choice = (await create(model, "[[refuse]]")).choices[0];
  assert.ok(choice.message.refusal || choice.finish_reason === "content_filter");
});

onEachModel("counts reasoning", async (model) => {
  const answer = await create(model, "[[think]] why?", { reasoning_effort: "low", max_completion_tokens: 9000 });
  assert.ok(answer.usage.completion_tokens_details.reasoning_tokens > 0);
});

onEachModel("calls tools at once and takes their results", async (model) => {
  const tools = [WEATHER, CLOCK];
  const first = (await create(model, "[[tools 2]]", { tools })).choices[0];
  assert.equal(first.finish_reason, "tool_calls");
  assert.deepEqual(first.message.tool_calls.map((call) => call.function.name), ["weather", "clock"]);
  assert.deepEqual(JSON.parse(first.message.tool_calls[0].function.arguments), { city: 'city "é漢🦀"', days: 3 });
  const results = first.message.tool_calls.map((call, number) => ({
    role: "tool",
    tool_call_id: call.id,
    content: `result ${number}`,
  }));
  const messages = [...user("[[tools 2]]"), first.message, ...results];
  const answer = await oai.chat.completions.create({ model, messages, tools });
  assert.equal(answer.choices[0].message.content, "The tools answered: result 0; result 1. é漢🦀");
});

onEachModel("streams tool calls", async (model) => {
  const stream = oai.chat.completions.stream({ model, messages: user("[[tools 2]]"), tools: [WEATHER, CLOCK] });
  const { message } = (await stream.finalChatCompletion()).choices[0];
  assert.equal(message.tool_calls.length, 2);
  assert.equal(JSON.parse(message.tool_calls[0].function.arguments).city, 'city "é漢🦀"');
  assert.deepEqual(JSON.parse(message.tool_calls[1].function.arguments), {});
});

onEachModel("answers by schema", async (model) => {
  const schema = {
    type: "object",
    properties: { days: { type: "integer" } },
    required: ["days"],
    additionalProperties: false,
  };
  const response_format = { type: "json_schema", json_schema: { name: "trip", strict: true, schema } };
  const answer = await oai.chat.completions.parse({ model, messages: user("plan"), response_format });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), { days: 7 });
});

onEachModel("tells an error within a stream", async (model) => {
  let text = "";
  const error = await caught(async () => {
    const stream = await create(model, "[[tokens 20]] [[fault error=3,between=20]]", { stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  });
  assert.ok(error instanceof OpenAI.APIError, `${error}`);
  assert.equal(text, "w0 w1 w2 ");
});

onEachModel("stops when told to", async (model) => {
  const stream = await create(model, "[[tokens 500]] [[fault between=20]]", { stream: true });
  let chunks = 0;
  for await (const _ of stream) if (++chunks === 3) break;
  assert.ok(stream.controller.signal.aborted);
});

onEachModel("fails with the right class", async (model) => {
  const fails = (content) => caught(() => create(model, content));
  assert.ok((await fails("[[fault status=429]]")) instanceof OpenAI.RateLimitError);
  assert.ok((await fails("[[fault status=503]]")) instanceof OpenAI.InternalServerError);
  const wizard = [{ role: "wizard", content: "hi" }];
  const bad = await caught(() => oai.chat.completions.create({ model, messages: wizard }));
  assert.ok(bad instanceof OpenAI.BadRequestError, `${bad}`);
  assert.ok((await caught(() => create("missing-model", "hi"))) instanceof OpenAI.NotFoundError);
  const late = caught(() => oai.chat.completions.create(
    { model, messages: user("[[fault delay=3000]]") },
    { timeout: 400 },
  ));
  assert.ok((await late) instanceof OpenAI.APIConnectionTimeoutError);
});

onGateway("a wrong key is told so", async () => {
  const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: "sk-sluice-wrong", maxRetries: 0 });
  assert.ok((await caught(() => client.models.list())) instanceof OpenAI.AuthenticationError);
});

onGateway("falls over", async () => {
  const whole = await create("fallback", "[[fault@primary status=500]] hello");
  assert.equal(whole.choices[0].message.content, "You said: hello é漢🦀.");
  const stream = create("fallback", "[[fault@primary error=0]] hello", { stream: true });
  assert.equal(await textOf(stream), "You said: hello é漢🦀.");
});

onGateway("the built-in model answers from the text", async () => {
  const text = "The library opens at nine. Bread is sold at the market.\nWhen does the library open?";
  assert.match(await textOf(create("builtin/extractive", text, { stream: true })), /nine/);
});

test("embeds, in both encodings", async () => {
  const packed = await oai.embeddings.create({ model: EMBED_MODEL, input: "hello" });
  const plain = await oai.embeddings.create({ model: EMBED_MODEL, input: "hello", encoding_format: "float" });
  assert.equal(packed.data[0].embedding.length, 64);
  packed.data[0].embedding.forEach((number, at) => {
    assert.ok(Math.abs(number - plain.data[0].embedding[at]) < 1e-6);
  });
  const small = await oai.embeddings.create({ model: EMBED_MODEL, input: [[1, 2], [3]], dimensions: 8 });
  assert.deepEqual(small.data.map((item) => item.embedding.length), [8, 8]);
});

test("lists models", async () => {
  const names = [];
  for await (const model of oai.models.list()) names.push(model.id);
  assert.ok(names.includes(DIRECT ? "mock-large" : "chat-openai"), `${names}`);
  assert.equal((await oai.models.retrieve(names[0])).id, names[0]);
});

onEachModel("retries by itself", async (model) => {
  const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 2 });
  const fault = `[[fault status=429,times=1,id=node-retry-${model}-${process.pid}]]`;
  assert.ok(await client.chat.completions.create({ model, messages: user(fault) }));
});
