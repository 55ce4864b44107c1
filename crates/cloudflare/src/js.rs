//! JavaScript of our own (`host.js`): heads that cross as lines, and one way to wait for whatever takes time.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, Request, Response};

#[wasm_bindgen(module = "/src/host.js")]
extern "C" {
    fn connect(tell: &Closure<dyn Fn(u32, u32, JsValue)>);

    /// Method, address and headers of a caller's request, as lines.
    #[wasm_bindgen(js_name = requestHead)]
    pub fn request_head(request: &Request) -> String;

    /// Status and headers of a provider's answer, as lines.
    #[wasm_bindgen(js_name = responseHead)]
    pub fn response_head(response: &Response) -> String;

    #[wasm_bindgen(catch)]
    fn send(number: u32, head: &str, body: &[u8], signal: &AbortSignal) -> Result<(), JsValue>;

    #[wasm_bindgen(js_name = run, catch)]
    fn run_model(
        number: u32,
        ai: &JsValue,
        path: &str,
        inputs: &[u8],
        signal: &AbortSignal,
    ) -> Result<(), JsValue>;

    #[wasm_bindgen(catch)]
    fn whole(number: u32, owner: &JsValue) -> Result<(), JsValue>;

    /// Reads a body piece by piece.
    pub type Reader;

    /// What reads the body of a request or an answer; `None` if it has none.
    #[wasm_bindgen(catch)]
    pub fn reader(owner: &JsValue) -> Result<Option<Reader>, JsValue>;

    fn read(number: u32, reader: &Reader);

    /// What a piece, or a whole body, holds.
    pub fn bytes(array: &JsValue) -> Vec<u8>;

    fn gone(number: u32, request: &Request);

    fn timer(number: u32, milliseconds: f64) -> JsValue;

    /// A member of the environment.
    pub fn binding(env: &JsValue, name: &str) -> Option<JsValue>;

    #[wasm_bindgen(js_name = stored, catch)]
    fn ask_stored(number: u32, entry: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(js_name = sendBatch, catch)]
    fn send_texts(
        number: u32,
        queue: &JsValue,
        texts: Vec<String>,
        delay_seconds: u32,
    ) -> Result<(), JsValue>;

    /// The name of a batch's queue.
    #[wasm_bindgen(js_name = batchQueue)]
    pub fn batch_queue(batch: &JsValue) -> String;

    /// How many messages a batch of a queue has.
    #[wasm_bindgen(js_name = batchLength)]
    pub fn batch_length(batch: &JsValue) -> u32;

    /// What a message of a batch says.
    #[wasm_bindgen(js_name = messageText)]
    pub fn message_text(batch: &JsValue, at: u32) -> String;

    /// How often a message came, this time included.
    #[wasm_bindgen(js_name = messageAttempts)]
    pub fn message_attempts(batch: &JsValue, at: u32) -> u32;

    /// A message is done with.
    pub fn acknowledge(batch: &JsValue, at: u32);

    /// A message is to come again.
    pub fn retry(batch: &JsValue, at: u32, delay_seconds: u32);

    #[wasm_bindgen(js_name = load)]
    fn load_object(number: u32, bucket: &JsValue, key: &str);

    #[wasm_bindgen(js_name = save)]
    fn save_object(number: u32, bucket: &JsValue, key: &str, value: &[u8]);

    #[wasm_bindgen(js_name = discard)]
    fn discard_object(number: u32, bucket: &JsValue, key: &str);

    /// What an error says.
    #[wasm_bindgen(js_name = textOf)]
    pub fn text_of(error: &JsValue) -> String;

    /// An answer whose head is the status and the headers, as lines.
    #[wasm_bindgen(catch)]
    pub fn respond(head: &str, body: &[u8]) -> Result<Response, JsValue>;

    /// An answer whose body is the unread one of `owner`.
    #[wasm_bindgen(catch)]
    pub fn forward(head: &str, owner: &JsValue) -> Result<Response, JsValue>;

    /// An answer whose body is written piece by piece.
    pub type Pipe;

    /// An answer whose head is the status and the headers, as lines.
    #[wasm_bindgen(constructor, catch)]
    pub fn new(head: &str) -> Result<Pipe, JsValue>;

    /// The answer.
    #[wasm_bindgen(method, getter)]
    pub fn response(this: &Pipe) -> Response;

    #[wasm_bindgen(method)]
    fn write(this: &Pipe, number: u32, piece: &[u8]);

    /// Ends the body.
    #[wasm_bindgen(method)]
    pub fn close(this: &Pipe);

    /// Breaks the body off.
    #[wasm_bindgen(method)]
    pub fn abort(this: &Pipe, reason: &str);
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(handle: &JsValue);
}

/// Outcomes, as `host.js` tells them.
const FAILED: u32 = 1;
const ENDED: u32 = 2;

/// Who waits, by number. A number is never used twice, so that what is told too late meets nobody.
#[derive(Default)]
struct Waiting {
    next: Cell<u32>,
    slots: RefCell<HashMap<u32, Slot>>,
}

#[derive(Default)]
struct Slot {
    told: Option<(u32, JsValue)>,
    waker: Option<Waker>,
}

thread_local! {
    static WAITING: Waiting = Waiting::default();
    /// Handed to JavaScript when the first number is given out.
    static TELL: Closure<dyn Fn(u32, u32, JsValue)> = {
        let closure = Closure::new(tell);
        connect(&closure);
        closure
    };
}

fn tell(number: u32, outcome: u32, value: JsValue) {
    let waker = WAITING.with(|waiting| {
        let mut slots = waiting.slots.borrow_mut();
        let slot = slots.get_mut(&number)?;
        slot.told = Some((outcome, value));
        slot.waker.take()
    });
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Something that JavaScript will tell: `Ok(None)` is an end, `Err` an error. Dropping it forgets about it.
pub struct Wait(u32);

impl Wait {
    fn new() -> Self {
        TELL.with(|_| ());
        WAITING.with(|waiting| {
            let number = waiting.next.get();
            waiting.next.set(number.wrapping_add(1));
            waiting.slots.borrow_mut().insert(number, Slot::default());
            Self(number)
        })
    }
}

impl Future for Wait {
    type Output = Result<Option<JsValue>, JsValue>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        WAITING.with(|waiting| {
            let mut slots = waiting.slots.borrow_mut();
            let slot = slots.entry(self.0).or_default();
            match slot.told.take() {
                None => {
                    // The last one to ask is woken: a timer may be polled from one task after another.
                    slot.waker = Some(context.waker().clone());
                    Poll::Pending
                }
                Some((FAILED, error)) => Poll::Ready(Err(error)),
                Some((ENDED, _)) => Poll::Ready(Ok(None)),
                Some((_, value)) => Poll::Ready(Ok(Some(value))),
            }
        })
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        WAITING.with(|waiting| waiting.slots.borrow_mut().remove(&self.0));
    }
}

/// Sends a request whose head is the method, the address and the headers, as lines; its answer comes.
///
/// # Errors
///
/// What the platform refuses at once.
pub fn fetch(head: &str, body: &[u8], signal: &AbortSignal) -> Result<Wait, JsValue> {
    let wait = Wait::new();
    send(wait.0, head, body, signal)?;
    Ok(wait)
}

/// Asks a binding to Workers AI; the answer comes as it came to the binding.
///
/// # Errors
///
/// What the platform refuses at once, or if it is no such binding.
pub fn run(ai: &JsValue, path: &str, inputs: &[u8], signal: &AbortSignal) -> Result<Wait, JsValue> {
    let wait = Wait::new();
    run_model(wait.0, ai, path, inputs, signal)?;
    Ok(wait)
}

/// The value of an entry of a Secrets Store; it comes as text.
///
/// # Errors
///
/// If it is no such entry.
pub fn stored(entry: &JsValue) -> Result<Wait, JsValue> {
    let wait = Wait::new();
    ask_stored(wait.0, entry)?;
    Ok(wait)
}

/// Puts texts into a queue; comes when they are in.
///
/// # Errors
///
/// What the platform refuses at once.
pub fn send_batch(queue: &JsValue, texts: &[String], delay_seconds: u32) -> Result<Wait, JsValue> {
    let wait = Wait::new();
    send_texts(wait.0, queue, texts.to_vec(), delay_seconds)?;
    Ok(wait)
}

/// What a bucket holds under `key`; its bytes come, or null.
pub fn load(bucket: &JsValue, key: &str) -> Wait {
    let wait = Wait::new();
    load_object(wait.0, bucket, key);
    wait
}

/// Writes to a bucket; comes when it is there.
pub fn save(bucket: &JsValue, key: &str, value: &[u8]) -> Wait {
    let wait = Wait::new();
    save_object(wait.0, bucket, key, value);
    wait
}

/// Removes from a bucket; comes when it is gone.
pub fn discard(bucket: &JsValue, key: &str) -> Wait {
    let wait = Wait::new();
    discard_object(wait.0, bucket, key);
    wait
}

/// The whole body of `owner`, a request or an answer; its bytes come.
///
/// # Errors
///
/// If it is being read already.
pub fn all(owner: &JsValue) -> Result<Wait, JsValue> {
    let wait = Wait::new();
    whole(wait.0, owner)?;
    Ok(wait)
}

impl Reader {
    /// The next piece; its bytes come, or an end.
    pub fn next(&self) -> Wait {
        let wait = Wait::new();
        read(wait.0, self);
        wait
    }
}

/// Comes when the caller has gone.
pub fn left(request: &Request) -> Wait {
    let wait = Wait::new();
    gone(wait.0, request);
    wait
}

impl Pipe {
    /// Writes a piece of the body; an error means that nobody reads it any more.
    pub fn put(&self, piece: &[u8]) -> Wait {
        let wait = Wait::new();
        self.write(wait.0, piece);
        wait
    }
}

/// A timeout of the platform's.
pub struct Timer {
    wait: Wait,
    handle: JsValue,
    over: bool,
}

impl Timer {
    /// A timeout that starts now.
    pub fn start(milliseconds: f64) -> Self {
        let wait = Wait::new();
        let handle = timer(wait.0, milliseconds);
        Self { wait, handle, over: false }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.over = self.over || Pin::new(&mut self.wait).poll(context).is_ready();
        if self.over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if !self.over {
            clear_timeout(&self.handle);
        }
    }
}

/// Adds `headers` to lines that begin a head.
pub fn with_headers(mut lines: String, headers: &HeaderMap) -> String {
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            lines.extend(["\n", name.as_str(), "\n", value]);
        }
    }
    lines
}

/// Headers as plain values, from the lines that are left of a head; what is no valid header is left out.
pub fn headers<'a>(mut lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.append(name, value);
        }
    }
    headers
}
