//! A provider made up for tests: it speaks the upstream wire formats, says what it is told to say and fails as
//! it is told to fail.
//!
//! It shares no code with the gateway: wire formats are written here a second time, on purpose, so that an error
//! in one of the two shows. Requests are checked at least as strictly as the real providers do, and refused in the
//! provider's own error shape.
//!
//! ```text
//! POST [/f/CLAUSES]/v1/chat/completions      JSON and SSE            openai_chat
//! POST [/f/CLAUSES]/v1/responses             JSON and SSE            openai_responses
//! POST [/f/CLAUSES]/v1/messages              JSON and SSE            anthropic
//! POST [/f/CLAUSES]/v1/messages/count_tokens                         anthropic
//! POST [/f/CLAUSES]/v1beta/models/MODEL:generateContent, :streamGenerateContent?alt=sse    gemini
//! POST [/f/CLAUSES]/v1/projects/P/locations/L/publishers/google/models/MODEL:…           gemini
//! POST [/f/CLAUSES]/v1/embeddings            float, base64           embeddings
//! POST [/f/CLAUSES]/v1/{moderations,images/generations,audio/speech,audio/transcriptions}  media
//! POST [/f/CLAUSES]/model/ID/converse[-stream]  JSON and AWS frames  bedrock
//! POST [/f/CLAUSES]/v2/chat                  JSON and SSE            cohere
//! POST [/f/CLAUSES]/v1beta/models/MODEL:batchEmbedContents               gemini
//! POST [/f/CLAUSES]/v2/embed                 numbers                 cohere
//! POST [/f/CLAUSES]/v2/rerank                by shared words         cohere
//! GET  [/f/CLAUSES]/v1/models[/ID]                                   models
//! POST [/f/CLAUSES]/api/chat                 JSON and NDJSON         ollama
//! GET  [/f/CLAUSES]/api/tags                                         ollama
//! POST [/f/CLAUSES]/client/v4/accounts/ID/ai/run/MODEL               workers_ai
//! POST [/f/CLAUSES]/check                    a guardrail                 webhook
//! GET  /_log[?id=NAME]     what was asked, oldest first              log
//! DELETE /_log[?id=NAME]   forgets it, and the counts of `times=`
//! ```
//!
//! What it answers: see [`directive`]. How it fails: see [`fault`].

pub mod directive;
pub mod fault;

mod answer;
mod anthropic;
mod ask;
mod bedrock;
mod check;
mod cohere;
mod embeddings;
mod gemini;
mod gzip;
mod log;
mod media;
mod models;
mod ollama;
mod openai_chat;
mod openai_responses;
mod reply;
mod sample;
mod server;
mod socket;
mod webhook;
mod workers_ai;

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use self::log::Log;
use self::server::State;
use self::socket::Listener;

/// How to run the mock.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Whether `/_log` records requests. Benches switch it off.
    pub log: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 0)), log: true }
    }
}

/// A mock that listens but does not answer yet.
pub struct Mock {
    listener: Listener,
    address: SocketAddr,
    state: State,
}

impl Mock {
    /// Takes the port.
    ///
    /// # Errors
    ///
    /// What the system says if the address cannot be had.
    pub async fn bind(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let state = State::new(options.log.then(Log::default));
        Ok(Self { listener: Listener::new(listener), address, state })
    }

    /// `http://ADDRESS:PORT`, without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers until the task is dropped.
    ///
    /// # Errors
    ///
    /// What the system says if the listener breaks.
    pub async fn serve(self) -> io::Result<()> {
        server::serve(self.listener, self.state).await
    }
}
