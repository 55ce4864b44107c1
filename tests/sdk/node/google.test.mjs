// Google's SDK, unmodified.

import assert from "node:assert/strict";

import { GoogleGenAI } from "@google/genai";

import { KEY, URL, caught, onEveryFormat } from "./setup.mjs";

const google = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: URL } });

onEveryFormat("answers", async (model) => {
  const answer = await google.models.generateContent({ model, contents: "hello é漢🦀" });
  assert.equal(answer.text, "You said: hello é漢🦀 é漢🦀.");
  assert.ok(answer.usageMetadata.promptTokenCount > 0);
});

onEveryFormat("streams", async (model) => {
  let text = "";
  for await (const chunk of await google.models.generateContentStream({ model, contents: "hello" })) {
    text += chunk.text ?? "";
  }
  assert.equal(text, "You said: hello é漢🦀.");
});

onEveryFormat("is told of errors", async (model) => {
  const error = await caught(() => google.models.generateContent({ model, contents: "[[fault status=429]]" }));
  assert.equal(error.status, 429);
});
