// A stand-in for what is behind a Worker's binding to Workers AI. Miniflare runs the real class of the binding inside workerd
// and sends each of its calls here; it goes on to a server that speaks the REST API, and what that answers is told as the
// binding is: a result without its wrapper, an error as `{ internalCode, description, name }`.
//
//   import { workersAi } from "./workers_ai.mjs"
//   const { url, close } = await workersAi({ url: "http://127.0.0.1:9/client/v4/accounts/a/ai", key: "…" })
//   new Miniflare({ ai: { binding: "AI", remoteProxyConnectionString: url }, … })

import { createServer } from "node:http";
import { Readable } from "node:stream";

/** Serves the binding's calls on a free port of this machine. */
export async function workersAi({ url: behind, key }) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const target = request.headers["mf-url"];
    const model = request.headers["mf-header-cf-consn-model-id"];
    if (!target || !model || new URL(target).pathname !== "/run") return void response.writeHead(404).end();
    const { inputs } = JSON.parse(Buffer.concat(chunks).toString());
    const left = new AbortController();
    response.on("close", () => left.abort());
    try {
      const answer = await fetch(`${behind}/run/${encodeURI(model)}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify(inputs),
        signal: left.signal,
      });
      const type = answer.headers.get("content-type") ?? "";
      if (!type.startsWith("application/json")) {
        response.writeHead(answer.status, { "content-type": type });
        Readable.fromWeb(answer.body).on("error", () => response.destroy()).pipe(response);
        return;
      }
      const { result, errors } = JSON.parse(await answer.text());
      const told = errors?.[0];
      const body = told ? { internalCode: told.code, description: told.message, name: "AiError" } : result;
      response.writeHead(answer.status, { "content-type": type }).end(JSON.stringify(body));
    } catch {
      response.destroy();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = new URL(`http://127.0.0.1:${server.address().port}`);
  return { url, close: () => new Promise((done) => server.close(done)) };
}
