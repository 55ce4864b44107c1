// Where the suites find what they talk to.
//
// SLUICE_URL     the gateway, without a path
// SLUICE_KEY     a virtual key
// SLUICE_DIRECT  1 if SLUICE_URL is the mock provider itself: proves that the mock is what the SDKs expect

import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

export const URL = (process.env.SLUICE_URL ?? "http://127.0.0.1:8787").replace(/\/$/, "");
export const KEY = process.env.SLUICE_KEY ?? "sk-sluice-dev";
export const DIRECT = process.env.SLUICE_DIRECT === "1";

const CHAT_MODELS = DIRECT ? ["mock-large"] : ["chat-openai", "chat-anthropic"];
const FORMATS = ["openai", "responses", "anthropic", "gemini", "cohere", "bedrock", "ollama", "workers-ai"];
export const EMBED_MODEL = DIRECT ? "mock-embedding" : "embed";

/** The smallest PNG there is: one pixel. */
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

// The SDKs as they come, except that they do not retry.
export const oai = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0, timeout: 20_000 });
export const ant = new Anthropic({ baseURL: URL, apiKey: KEY, maxRetries: 0, timeout: 20_000 });

export const user = (content) => [{ role: "user", content }];

/** A test for each model that is answered through another wire format. */
export function onEachModel(name, body) {
  for (const model of CHAT_MODELS) test(`${name} (${model})`, () => body(model));
}

/** A test for a model behind each upstream format. */
export function onEveryFormat(name, body) {
  if (DIRECT) return;
  for (const format of FORMATS) test(`${name} (${format})`, () => body(`chat-${format}`));
}

/** A test that makes no sense against the mock alone. */
export function onGateway(name, body) {
  test(name, { skip: DIRECT && "needs the gateway" }, body);
}

/** The error that `work` fails with. */
export async function caught(work) {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
