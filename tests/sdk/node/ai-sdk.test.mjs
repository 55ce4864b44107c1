// The Vercel AI SDK, unmodified, in three protocols.

import assert from "node:assert/strict";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateObject, generateText, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";

import { KEY, URL, onEveryFormat } from "./setup.mjs";

const openai = createOpenAI({ baseURL: `${URL}/v1`, apiKey: KEY });
const anthropic = createAnthropic({ baseURL: `${URL}/v1`, apiKey: KEY });
const google = createGoogleGenerativeAI({ baseURL: `${URL}/v1beta`, apiKey: KEY });

const protocols = {
  chat: (name) => openai.chat(name),
  responses: (name) => openai.responses(name),
  messages: (name) => anthropic(name),
  gemini: (name) => google(name),
};

const city = z.object({ name: z.string(), people: z.number().int() });
const weather = tool({
  description: "The weather of a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

function onEach(name, body, unable = () => false) {
  for (const [protocol, of] of Object.entries(protocols)) {
    onEveryFormat(`${name} in ${protocol}`, (model) => {
      if (!unable(protocol, model)) return body({ model: of(model), maxRetries: 0 });
    });
  }
}

// In Messages the SDK asks for objects by a tool that must be called, and Ollama knows no such must.
const withoutForce = (protocol, model) => protocol === "messages" && model === "chat-ollama";

onEach("generateText", async (base) => {
  const { text, usage, finishReason } = await generateText({ ...base, prompt: "hello é漢🦀" });
  assert.equal(text, "You said: hello é漢🦀 é漢🦀.");
  assert.equal(finishReason, "stop");
  assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
});

onEach("streamText", async (base) => {
  const { textStream, usage } = streamText({ ...base, prompt: "hello é漢🦀" });
  let text = "";
  for await (const piece of textStream) text += piece;
  assert.equal(text, "You said: hello é漢🦀 é漢🦀.");
  assert.ok((await usage).outputTokens > 0);
});

onEach("tools go there and back", async (base) => {
  const { text, steps } = await generateText({
    ...base,
    prompt: "[[tools 2]] How is the weather?",
    tools: { weather },
    stopWhen: stepCountIs(3),
  });
  assert.equal(steps[0].toolCalls.length, 2);
  assert.match(text, /The tools answered: .*sunny in city/s);
});

onEach("tools in streams", async (base) => {
  const result = streamText({
    ...base,
    prompt: "[[tools 2]] How is the weather?",
    tools: { weather },
    stopWhen: stepCountIs(3),
  });
  for await (const part of result.fullStream) assert.notEqual(part.type, "error", String(part.error));
  assert.match(await result.text, /The tools answered: .*sunny in city/s);
});

onEach("generateObject", async (base) => {
  const { object } = await generateObject({ ...base, prompt: "Which city?", schema: city });
  assert.ok(city.parse(object));
}, withoutForce);

onEach("streamObject", async (base) => {
  const { object, partialObjectStream } = streamObject({ ...base, prompt: "Which city?", schema: city });
  let pieces = 0;
  for await (const _ of partialObjectStream) pieces += 1;
  assert.ok(pieces > 0);
  assert.ok(city.parse(await object));
}, withoutForce);
