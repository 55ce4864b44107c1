// What Rust asks of the platform, each in one crossing. Calls between WASM and JavaScript, a string each for every
// header and two functions for every promise cost the gateway more than all that it decides.
//
// A head crosses as lines: what it begins with, then a name and a value by turns; no header may hold a line feed.
// What takes time is given a number, and told to one function when it is over: `tell(number, outcome, value)`.

const DONE = 0;
const FAILED = 1;
const ENDED = 2;

let tell;

/** Takes the function that is told of outcomes. */
export function connect(callback) {
  tell = callback;
}

/** Method, address and headers of a caller's request. */
export function requestHead(request) {
  return lines(`${request.method}\n${request.url}`, request.headers);
}

/** Status and headers of a provider's answer. */
export function responseHead(response) {
  return lines(`${response.status}`, response.headers);
}

/** Sends what `head` says, method and address first, and tells the answer. Redirects are handed back. */
export function send(number, head, body, signal) {
  const [method, url, ...rest] = head.split("\n");
  const init = { method, headers: record(rest), body: copy(body), redirect: "manual", signal };
  wait(number, fetch(url, init));
}

/** Has a binding to Workers AI run the model of `path`, `/run/MODEL`, and tells the answer, as it came to the binding. */
export function run(number, ai, path, inputs, signal) {
  const model = decodeURIComponent(path.slice("/run/".length));
  wait(number, ai.run(model, JSON.parse(new TextDecoder().decode(inputs)), { returnRawResponse: true, signal }));
}

/** Tells the whole body of a request or an answer. */
export function whole(number, owner) {
  wait(number, owner.arrayBuffer().then((buffer) => new Uint8Array(buffer)));
}

/** How much of a body is read before Rust has asked for it, in bytes. */
const AHEAD = 65536;

/** Pieces that come within so many milliseconds are a burst: what is there of it is read first, and crosses together. */
const BURST = 1;

/**
 * Reads a body ahead of Rust, so that all that has come while Rust was busy crosses at once. A crossing, and a write of what
 * comes of it, costs more than many pieces do.
 */
class Reader {
  #reader;
  #tell = tell;
  /** Pieces that have come, and how many bytes they are. */
  #pieces = [];
  #size = 0;
  #reading = false;
  /** Whom to tell of the next piece. */
  #asked;
  /** When the last piece came, and whether what has come since is given when nothing more is there. */
  #last = 0;
  #soon = false;
  /** How the body ended, and with what error. */
  #end;
  #error;

  constructor(stream) {
    this.#reader = stream.getReader();
  }

  /** Tells what has come, when something has, or how the body ended. */
  next(number) {
    this.#asked = number;
    this.#give();
    this.#more();
  }

  #give() {
    const number = this.#asked;
    if (number === undefined) return;
    if (this.#size > 0) {
      const piece = this.#pieces.length === 1 ? this.#pieces[0] : join(this.#pieces, this.#size);
      this.#pieces = [];
      this.#size = 0;
      this.#asked = undefined;
      this.#tell(number, DONE, piece);
    } else if (this.#end !== undefined) {
      this.#asked = undefined;
      this.#tell(number, this.#end, this.#error);
    }
  }

  #more() {
    if (this.#reading || this.#end !== undefined || this.#size >= AHEAD) return;
    this.#reading = true;
    this.#reader.read().then(this.#came, this.#failed);
  }

  #came = ({ done, value }) => {
    this.#reading = false;
    if (done) {
      this.#end = ENDED;
      this.#give();
      return;
    }
    this.#pieces.push(value);
    this.#size += value.length;
    const now = Date.now();
    if (now - this.#last > BURST) this.#give();
    else if (this.#asked !== undefined && !this.#soon) {
      this.#soon = true;
      setTimeout(this.#given, 0);
    }
    this.#last = now;
    this.#more();
  };

  #given = () => {
    this.#soon = false;
    this.#give();
  };

  #failed = (error) => {
    this.#reading = false;
    this.#end = FAILED;
    this.#error = error;
    this.#give();
  };
}

function join(pieces, size) {
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** What reads the body of a request or an answer piece by piece; nothing if there is none. */
export function reader(owner) {
  return owner.body ? new Reader(owner.body) : undefined;
}

/** Tells the next piece, or that there is none. */
export function read(number, reader) {
  reader.next(number);
}

/** What a piece, or a whole body, holds. */
export function bytes(array) {
  return array;
}

/** Tells when the caller has gone. */
export function gone(number, request) {
  const to = tell;
  request.signal.onabort = () => to(number, DONE);
}

/** Tells when so many milliseconds are over; returns what stops it. */
export function timer(number, milliseconds) {
  return setTimeout(tell, milliseconds, number, DONE);
}

/** An answer for the caller, the status first in its head. */
export function respond(head, body) {
  return answer(head, copy(body));
}

/** An answer whose body is another's, which goes by beneath JavaScript. */
export function forward(head, owner) {
  return answer(head, owner.body);
}

/** An answer whose body is written piece by piece. */
export class Pipe {
  constructor(head) {
    // Quicker than a stream that asks JavaScript for each piece.
    const { readable, writable } = new IdentityTransformStream();
    this.response = answer(head, readable);
    this.writer = writable.getWriter();
  }

  /** Tells when the piece has been taken. */
  write(number, piece) {
    wait(number, this.writer.write(piece.slice()));
  }

  close() {
    this.writer.close().catch(() => {});
  }

  /** Has the caller see that the body is not whole. */
  abort(reason) {
    this.writer.abort(new Error(reason)).catch(() => {});
  }
}

/** A member of the environment; nothing if there is none. */
export function binding(env, name) {
  return env[name] ?? undefined;
}

/** Tells the value of an entry of a Secrets Store. */
export function stored(number, entry) {
  wait(number, entry.get());
}

/** Puts texts into a queue and tells when they are in. */
export function sendBatch(number, queue, texts, delaySeconds) {
  wait(number, queue.sendBatch(texts.map((body) => ({ body, contentType: "text", delaySeconds }))));
}

/** The name of a batch's queue. */
export function batchQueue(batch) {
  return batch.queue;
}

/** How many messages a batch of a queue has. */
export function batchLength(batch) {
  return batch.messages.length;
}

/** What a message says; one that is no text, and so none of ours, as JSON. */
export function messageText(batch, at) {
  const { body } = batch.messages[at];
  return typeof body === "string" ? body : (JSON.stringify(body) ?? "");
}

/** How often a message came, this time included. */
export function messageAttempts(batch, at) {
  return batch.messages[at].attempts;
}

/** A message is done with. */
export function acknowledge(batch, at) {
  batch.messages[at].ack();
}

/** A message is to come again. */
export function retry(batch, at, delaySeconds) {
  batch.messages[at].retry({ delaySeconds });
}

/** Tells what a bucket holds under a key, or nothing. */
export function load(number, bucket, key) {
  wait(number, bucket.get(key).then(async (object) => object && new Uint8Array(await object.arrayBuffer())));
}

/** Writes to a bucket and tells when it is there. */
export function save(number, bucket, key, value) {
  wait(number, bucket.put(key, value.slice()));
}

/** Removes from a bucket and tells when it is gone. */
export function discard(number, bucket, key) {
  wait(number, bucket.delete(key));
}

/** What an error says. */
export function textOf(error) {
  return String(error?.message ?? error);
}

function wait(number, promise) {
  const to = tell;
  promise.then(
    (value) => to(number, DONE, value),
    (error) => to(number, FAILED, error),
  );
}

function answer(head, body) {
  const [status, ...rest] = head.split("\n");
  return new Response(body, { status: Number(status), headers: record(rest) });
}

/** A view of Rust's memory as bytes of their own; nothing if it is empty. */
function copy(view) {
  return view.length === 0 ? undefined : view.slice();
}

function lines(first, headers) {
  let text = first;
  headers.forEach((value, name) => {
    text += `\n${name}\n${value}`;
  });
  return text;
}

/** Headers as an object, which the platform takes in half the time of a list. */
function record(lines) {
  const record = { __proto__: null };
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [name, value] = [lines[at], lines[at + 1]];
    record[name] = name in record ? `${record[name]}, ${value}` : value;
  }
  return record;
}

// Every wake of a task in Rust goes through this; the platform's own takes many times as long.
const now = Promise.resolve();
globalThis.queueMicrotask = (task) => {
  now.then(() => {
    try {
      task();
    } catch (error) {
      reportError(error);
    }
  });
};
