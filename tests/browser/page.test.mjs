// A page on another origin than the gateway's, in a real browser: preflight, fetch, streams, hang-up, and the OpenAI
// SDK as it is, without a bundler.
//
// SLUICE_URL       the gateway, without a path
// SLUICE_KEY       a virtual key
// SLUICE_CHROMIUM  the browser; Debian's by default

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const URL_OF_GATEWAY = (process.env.SLUICE_URL ?? "http://127.0.0.1:8787").replace(/\/$/, "");
const KEY = process.env.SLUICE_KEY ?? "sk-sluice-dev";
const MODULES = fileURLToPath(new URL("node_modules/", import.meta.url));

let browser;
let page;
let site;

/** Serves an empty page at `/`, and installed modules under `/modules/`. */
async function serve(request, response) {
  const path = new URL(request.url, "http://site").pathname;
  if (!path.startsWith("/modules/")) {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>A page</title>");
    return;
  }
  const file = join(MODULES, normalize(path.slice("/modules".length)));
  try {
    const body = await readFile(file);
    response.writeHead(200, { "content-type": "text/javascript" }).end(body);
  } catch {
    response.writeHead(404).end();
  }
}

before(async () => {
  site = createServer(serve);
  await new Promise((ready) => site.listen(0, "127.0.0.1", ready));
  browser = await chromium.launch({
    executablePath: process.env.SLUICE_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"],
  });
  page = await browser.newPage();
  // `localhost`, not `127.0.0.1`: another origin, and another site, than the gateway's.
  await page.goto(`http://localhost:${site.address().port}/`);
});

after(async () => {
  await browser?.close();
  site?.close();
});

const settings = { url: URL_OF_GATEWAY, key: KEY };

test("fetch streams a chat completion", async () => {
  const preflights = [];
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  client.on("Network.requestWillBeSent", ({ request, type }) => {
    if (type === "Preflight" || request.method === "OPTIONS") preflights.push(request.url);
  });
  const seen = await page.evaluate(async ({ url, key }) => {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: "chat-openai",
        stream: true,
        messages: [{ role: "user", content: "[[tokens 8]] [[fault between=60]]" }],
      }),
    });
    const times = [];
    let text = "";
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      times.push(performance.now());
      text += value;
    }
    return {
      status: answer.status,
      requestId: answer.headers.get("sluice-request-id"),
      span: times.at(-1) - times[0],
      text,
    };
  }, settings);
  assert.equal(seen.status, 200);
  assert.ok(seen.requestId, "the page may not read sluice-request-id");
  assert.ok(seen.text.trimEnd().endsWith("data: [DONE]"), seen.text.slice(-200));
  assert.ok(seen.span > 200, `the stream came all at once, within ${seen.span} ms`);
  assert.ok(preflights.length > 0, "the browser did not ask first");
});

test("fetch may read errors", async () => {
  const seen = await page.evaluate(async ({ url }) => {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer sk-sluice-wrong", "content-type": "application/json" },
      body: "{}",
    });
    return { status: answer.status, body: await answer.json() };
  }, settings);
  assert.equal(seen.status, 401);
  assert.ok(seen.body.error.message);
});

test("fetch may stop a stream", async () => {
  const stopped = await page.evaluate(async ({ url, key }) => {
    const control = new AbortController();
    const answer = await fetch(`${url}/v1/messages`, {
      method: "POST",
      signal: control.signal,
      headers: { "x-api-key": key, "content-type": "application/json", "anthropic-version": "2023-06-01" },
      body: JSON.stringify({
        model: "chat-openai",
        max_tokens: 900,
        stream: true,
        messages: [{ role: "user", content: "[[tokens 500]] [[fault between=20]]" }],
      }),
    });
    const reader = answer.body.getReader();
    await reader.read();
    control.abort();
    return reader.read().then(() => false, (error) => error.name === "AbortError");
  }, settings);
  assert.ok(stopped);
});

test("the OpenAI SDK streams in the page", async () => {
  const text = await page.evaluate(async ({ url, key }) => {
    const { default: OpenAI } = await import("/modules/openai/index.mjs");
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, dangerouslyAllowBrowser: true, maxRetries: 0 });
    const stream = await client.chat.completions.create({
      model: "chat-openai",
      stream: true,
      messages: [{ role: "user", content: "hello é漢🦀" }],
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    return text;
  }, settings);
  assert.equal(text, "You said: hello é漢🦀 é漢🦀.");
});
