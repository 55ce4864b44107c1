// What a gateway in plain JavaScript would cost that does for the platform what ours does, and decides nothing: it reads the
// request and the answer, looks into both, sets limits of time, hears of a caller who leaves, and writes something down later.
// `cargo xtask bench` holds the gateway against it: what is left between the two is our own.

const AFTER = 100;
const LIMIT = 60_000;

/** Headers as lines. */
function lines(headers) {
  let text = "";
  headers.forEach((value, name) => {
    text += `${name}\n${value}\n`;
  });
  return text;
}

/** What `work` gives, if it comes in time. */
async function within(work) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(fail, LIMIT, new Error("too late"));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Hands a stream on piece by piece, each looked at. */
async function relay(body, writable) {
  const writer = writable.getWriter();
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of body) {
    const told = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = told.pop();
    for (const line of told) {
      if (line.startsWith("data: {")) JSON.parse(line.slice("data: ".length));
    }
    await writer.write(piece);
  }
  await writer.close();
}

export default {
  async fetch(request, env, context) {
    const head = lines(request.headers);
    const { pathname } = new URL(request.url);
    const controller = new AbortController();
    request.signal.onabort = () => controller.abort();
    const body = await within(request.arrayBuffer());
    const { model } = JSON.parse(new TextDecoder().decode(body));
    const answer = await within(
      fetch(env.UPSTREAM + pathname, {
        method: "POST",
        headers: { "content-type": "application/json", "accept-encoding": "identity", authorization: "Bearer bench" },
        body,
        redirect: "manual",
        signal: controller.signal,
      }),
    );
    const id = crypto.randomUUID();
    const headers = {
      "content-type": answer.headers.get("content-type"),
      "request-id": id,
      "server-timing": `total;dur=${Date.now() % 1000}`,
      "sluice-attempts": "1",
      "sluice-cost-usd": "0.000001",
      "sluice-request-id": id,
      "sluice-target": `house/${model}`,
      "x-request-id": id,
    };
    const seen = head.length + lines(answer.headers).length;
    context.waitUntil(new Promise((done) => setTimeout(done, AFTER, seen)));
    if (headers["content-type"].startsWith("text/event-stream")) {
      const { readable, writable } = new IdentityTransformStream();
      context.waitUntil(relay(answer.body, writable));
      return new Response(readable, { status: answer.status, headers });
    }
    const whole = await within(answer.arrayBuffer());
    const { usage } = JSON.parse(new TextDecoder().decode(whole));
    headers["sluice-cost-usd"] = String((usage?.total_tokens ?? 0) / 1e6);
    return new Response(whole, { status: answer.status, headers });
  },
};
