// The Anthropic SDK, unmodified.

import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";

import { DIRECT, KEY, PIXEL, URL, ant, caught, onEachModel, onGateway, user } from "./setup.mjs";

const WEATHER = {
  name: "weather",
  input_schema: {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer", maximum: 3 } },
    required: ["city", "days"],
  },
};
const CLOCK = { name: "clock", input_schema: { type: "object", properties: {} } };

const ask = (model, content, more = {}) => ({ model, max_tokens: 500, messages: user(content), ...more });
const create = (model, content, more) => ant.messages.create(ask(model, content, more));
const textOf = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");
const callsOf = (message) => message.content.filter((block) => block.type === "tool_use");
const input = (usage) => usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);

onEachModel("answers", async (model) => {
  const message = await create(model, "hello é漢🦀");
  assert.equal(textOf(message), "You said: hello é漢🦀 é漢🦀.");
  assert.equal(message.stop_reason, "end_turn");
  assert.ok(message.usage.cache_read_input_tokens > 0);
});

onEachModel("streams", async (model) => {
  const stream = ant.messages.stream(ask(model, "hello é漢🦀"));
  let text = "";
  stream.on("text", (piece) => (text += piece));
  const message = await stream.finalMessage();
  assert.equal(text, "You said: hello é漢🦀 é漢🦀.");
  assert.equal(textOf(message), text);
  assert.ok(input(message.usage) > 0 && message.usage.output_tokens > 0);
});

onEachModel("passes instructions on", async (model) => {
  assert.equal(textOf(await create(model, "[[system]]", { system: "Be brief." })), "System: Be brief.");
});

onEachModel("takes images", async (model) => {
  const source = { type: "base64", media_type: "image/png", data: PIXEL };
  const message = await create(model, [{ type: "image", source }, { type: "text", text: "what is this?" }]);
  assert.match(textOf(message), /image\/png/);
});

onEachModel("stops where it is told", async (model) => {
  const stopped = await create(model, "[[stop]]", { stop_sequences: ["END"] });
  assert.equal(textOf(stopped), "Before the stop, é漢🦀. ");
  assert.equal((await create(model, "[[tokens 50]]", { max_tokens: 5 })).stop_reason, "max_tokens");
});

onEachModel("refuses", async (model) => {
  assert.equal((await create(model, "[[refuse]]")).stop_reason, "refusal");
});

onEachModel("calls tools at once and takes their results", async (model) => {
  const tools = [WEATHER, CLOCK];
  const first = await create(model, "[[tools 2]]", { tools });
  assert.equal(first.stop_reason, "tool_use");
  assert.deepEqual(callsOf(first).map((call) => call.input), [{ city: 'city "é漢🦀"', days: 3 }, {}]);
  const results = callsOf(first).map((call, number) => ({
    type: "tool_result",
    tool_use_id: call.id,
    content: `result ${number}`,
  }));
  const messages = [...user("[[tools 2]]"), { role: "assistant", content: first.content }, ...user(results)];
  const message = await create(model, "", { messages, tools });
  assert.equal(textOf(message), "The tools answered: result 0; result 1. é漢🦀");
});

onEachModel("streams tool calls", async (model) => {
  const stream = ant.messages.stream(ask(model, "[[tools 2]] [[preamble]]", { tools: [WEATHER, CLOCK] }));
  const message = await stream.finalMessage();
  assert.deepEqual(message.content.map((block) => block.type), ["text", "tool_use", "tool_use"]);
  assert.equal(callsOf(message)[0].input.city, 'city "é漢🦀"');
});

onEachModel("thinks, and takes its thoughts back", async (model) => {
  const more = { max_tokens: 9000, thinking: { type: "enabled", budget_tokens: 2000 } };
  const first = await ant.messages.stream(ask(model, "[[think]] why?", more)).finalMessage();
  assert.deepEqual(first.content.map((block) => block.type), ["thinking", "text"]);
  const messages = [...user("[[think]] why?"), { role: "assistant", content: first.content }, ...user("and now?")];
  assert.match(textOf(await create(model, "", { ...more, messages })), /and now\?/);
});

onEachModel("counts without asking", async (model) => {
  const { input_tokens } = await ant.messages.countTokens({ model, messages: user("hello ".repeat(40)) });
  assert.ok(30 < input_tokens && input_tokens < 300, `${input_tokens}`);
});

onEachModel("tells an error within a stream", async (model) => {
  let text = "";
  const error = await caught(async () => {
    const stream = ant.messages.stream(ask(model, "[[tokens 20]] [[fault error=3,between=20]]"));
    stream.on("text", (piece) => (text += piece));
    await stream.finalMessage();
  });
  assert.ok(error instanceof Anthropic.APIError, `${error}`);
  assert.equal(text, "w0 w1 w2 ");
});

onEachModel("stops when told to", async (model) => {
  const stream = await ant.messages.create(ask(model, "[[tokens 500]] [[fault between=20]]", { stream: true }));
  let events = 0;
  for await (const _ of stream) if (++events === 5) break;
  assert.ok(stream.controller.signal.aborted);
});

onEachModel("fails with the right class", async (model) => {
  const fails = (content) => caught(() => create(model, content));
  assert.ok((await fails("[[fault status=429]]")) instanceof Anthropic.RateLimitError);
  for (const status of [500, 503, 529]) {
    assert.ok((await fails(`[[fault status=${status}]]`)) instanceof Anthropic.InternalServerError);
  }
  const missing = await caught(() => create("missing-model", "hi"));
  assert.ok(missing instanceof Anthropic.NotFoundError, `${missing}`);
  assert.equal(missing.error.error.type, "not_found_error");
  const wizard = await caught(() => create(model, "", { messages: [{ role: "wizard", content: "hi" }] }));
  assert.ok(wizard instanceof Anthropic.BadRequestError, `${wizard}`);
  const late = caught(() => ant.messages.create(ask(model, "[[fault delay=3000]]"), { timeout: 400 }));
  assert.ok((await late) instanceof Anthropic.APIConnectionTimeoutError);
});

onEachModel("takes a bearer token", async (model) => {
  const client = new Anthropic({ baseURL: URL, apiKey: null, authToken: KEY, maxRetries: 0 });
  assert.ok((await client.messages.create(ask(model, "hi"))).content.length > 0);
});

onGateway("a wrong key is told so", async () => {
  const client = new Anthropic({ baseURL: URL, apiKey: "sk-sluice-wrong", maxRetries: 0 });
  const error = await caught(() => client.messages.create(ask("chat-anthropic", "hi")));
  assert.ok(error instanceof Anthropic.AuthenticationError, `${error}`);
});

onGateway("lists models", async () => {
  const names = [];
  for await (const model of ant.models.list()) names.push(model.id);
  assert.ok(names.includes("chat-anthropic"), `${names}`);
});

onGateway("falls over", async () => {
  assert.equal(textOf(await create("fallback", "[[fault@primary status=500]] hello")), "You said: hello é漢🦀.");
});

if (DIRECT) onEachModel("is told what it must not leave out", async (model) => {
  const error = await caught(() => ant.post("/v1/messages", { body: { model, messages: user("hi") } }));
  assert.match(error.message, /max_tokens/);
});
