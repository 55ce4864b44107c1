// A stand-in for Vectorize's back end. Miniflare runs the real binding class inside workerd and sends each of its calls
// here, so what the Worker calls is what it calls when deployed. It keeps the documented limits (1,536 dimensions, ids and
// namespaces of 64 bytes, 10 KiB beside a vector, 100 matches, 20 with values or all metadata, 1,000 vectors an upsert),
// answers in the binding's words, and shows what was written only after a delay. What the real one does beyond its
// documentation is not known here.
//
//   import { vectorize } from "./vectorize.mjs"
//   const { url, close } = await vectorize({ dimensions: 256, delay: 2000 })
//   new Miniflare({ vectorize: { VECTORS: { index_name: "sluice", remoteProxyConnectionString: url } }, … })

import { createServer } from "node:http";

const bytes = (text) => Buffer.byteLength(text);

/** Refuses with a code and a reason, as the service does. */
class Refused extends Error {
  constructor(code, reason, status = 400) {
    super(reason);
    this.code = code;
    this.status = status;
  }
}

/** An index in memory. `now` tells the time in milliseconds. */
export class Index {
  constructor({ dimensions = 256, delay = 0, now = Date.now } = {}) {
    Object.assign(this, { dimensions, delay, now, writes: [], vectors: new Map(), mutations: 0, calls: 0 });
  }

  /** Applies what is old enough to be seen. */
  settle() {
    while (this.writes.length > 0 && this.writes[0].at <= this.now()) {
      const { vectors, ids } = this.writes.shift();
      vectors?.forEach((vector) => this.vectors.set(vector.id, vector));
      ids?.forEach((id) => this.vectors.delete(id));
    }
  }

  write(change) {
    this.writes.push({ at: this.now() + this.delay, ...change });
    this.mutations += 1;
    return { mutationId: `00000000-0000-4000-8000-${String(this.mutations).padStart(12, "0")}` };
  }

  check(values) {
    if (!Array.isArray(values) || values.length !== this.dimensions) {
      throw new Refused(40012, `invalid vector, expected ${this.dimensions} dimensions, and got ${values?.length}`);
    }
    if (!values.every(Number.isFinite)) throw new Refused(40013, "a vector has something else than numbers");
  }

  upsert(vectors) {
    if (vectors.length > 1000) throw new Refused(40009, "too many vectors: 1000 at most");
    for (const { id, values, namespace = "", metadata = {} } of vectors) {
      if (!id || bytes(id) > 64) throw new Refused(40008, "id too long: 64 bytes at most");
      if (bytes(namespace) > 64) throw new Refused(40008, "namespace too long: 64 bytes at most");
      if (bytes(JSON.stringify(metadata)) > 10240) throw new Refused(40010, "metadata too large: 10 KiB at most");
      this.check(values);
    }
    return this.write({ vectors });
  }

  query({ vector, topK = 5, namespace, returnValues = false, returnMetadata = "none", filter }) {
    this.check(vector);
    const kind = returnMetadata === true ? "all" : returnMetadata || "none";
    const most = returnValues || kind === "all" ? 20 : 100;
    if (!(topK >= 1 && topK <= most)) throw new Refused(40025, `topK must be 1 to ${most}`);
    if (filter && bytes(JSON.stringify(filter)) >= 2048) throw new Refused(40026, "filter too large");
    // No metadata index was made, so no property can be filtered by.
    if (filter && Object.keys(filter).length > 0) return { count: 0, matches: [] };
    this.settle();
    const dot = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);
    const matches = [...this.vectors.values()]
      .filter((one) => namespace === undefined || one.namespace === namespace)
      .map((one) => {
        const score = dot(one.values, vector) / Math.sqrt(dot(one.values, one.values) * dot(vector, vector));
        return {
          id: one.id,
          // Scores are rough unless values are asked for.
          score: returnValues ? score : Math.round(score * 500) / 500,
          ...(one.namespace === undefined ? {} : { namespace: one.namespace }),
          ...(returnValues ? { values: one.values } : {}),
          ...(kind === "all" && one.metadata ? { metadata: one.metadata } : {}),
        };
      })
      .sort((a, b) => b.score - a.score)
      .slice(0, topK);
    return { count: matches.length, matches };
  }

  /** Answers a call of the binding: the path after `http://vector-search`, and the body. */
  answer(path, body) {
    this.calls += 1;
    const lines = () => body.split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line));
    switch (path) {
      case "/upsert":
      case "/insert":
        return this.upsert(lines());
      case "/deleteByIds":
        return this.write({ ids: JSON.parse(body).ids });
      case "/query":
        return this.query(JSON.parse(body));
      case "/getByIds":
        this.settle();
        return JSON.parse(body).ids.map((id) => this.vectors.get(id)).filter(Boolean);
      case "/info":
        this.settle();
        return { dimensions: this.dimensions, vectorCount: this.vectors.size };
      default:
        throw new Refused(40000, `unknown path ${path}`, 404);
    }
  }
}

/** Serves an index on a free port of this machine. */
export async function vectorize(options) {
  const index = options instanceof Index ? options : new Index(options);
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const target = request.headers["mf-url"];
    if (!target) return void response.writeHead(404).end();
    const send = (status, value) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    try {
      send(200, index.answer(new URL(target).pathname, Buffer.concat(chunks).toString()));
    } catch (error) {
      send(error.status ?? 500, { code: error.code ?? 10000, error: error.message });
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = new URL(`http://127.0.0.1:${server.address().port}`);
  return { url, index, close: () => new Promise((done) => server.close(done)) };
}
