//! Uploads.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use http::{HeaderValue, header};
use sha2::{Digest as _, Sha256};
use sluice_providers::form::{Decoder, Event};
use sluice_types::error::{ErrorKind, Failure};

use super::{
    super::{Reply, ReplyBody, receive},
    Answer, Asking, Call, Job, absent, told, unexpected,
};
use crate::{
    key,
    knowledge::{Kind, file_key, list as lists, record::File, write},
    port::{Body, Host, PAGE},
};

/// What a file may be for, as OpenAI has it.
const PURPOSES: [&str; 6] = ["assistants", "user_data", "batch", "fine-tune", "vision", "evals"];

/// What a form may have beside its file, in bytes.
const FRAME: u64 = 64 << 10;

/// The longest value of a field that is no file, in bytes.
const MAX_FIELD: usize = 4 << 10;

/// After so long an upload that is not there is given up.
const GIVEN_UP: Duration = Duration::from_secs(900);

/// What a form says beside its file.
#[derive(Default)]
struct Said {
    purpose: Option<String>,
    anchor: Option<String>,
    seconds: Option<String>,
}

/// Takes a file in, page by page.
pub(super) async fn upload<H: Host, B: Body>(
    ask: &Asking<'_, H>,
    mut body: B,
) -> Result<Reply<H::Body>, Failure> {
    let (context, host) = (ask.context, ask.host());
    let limits = context.config.files;
    let headers = context.headers;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| limits.max_bytes.saturating_add(FRAME) < length) {
        return Err(too_large(limits.max_bytes));
    }
    receive::check_encoding(headers)?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut form = Decoder::new(content_type.unwrap_or_default())?;
    let id = Kind::File.id(context.started, host.random());
    // Should this request die, its pages are found by whoever gets this note.
    ask.send(&[ask.note(Job::Sweep, "", &id)], GIVEN_UP).await?;
    let mut upload = Upload {
        ask,
        id: &id,
        filename: None,
        bytes: 0,
        pages: 0,
        page: BytesMut::new(),
        digest: Sha256::new(),
        seen: false,
    };
    let mut said = Said::default();
    match take(&mut upload, &mut body, &mut form, &mut said).await {
        Ok(()) => {}
        Err(failure) => {
            upload.discard().await;
            return Err(failure);
        }
    }
    let file = match upload.file(said).await {
        Ok(file) => file,
        Err(failure) => {
            upload.discard().await;
            return Err(failure);
        }
    };
    ask.library(Call::AddFile(file.clone())).await?;
    Ok(told(&write::file(&file)))
}

fn too_large(most: u64) -> Failure {
    let message = format!("the file is larger than {most} bytes, the limit of this gateway");
    Failure::new(ErrorKind::TooLarge, message)
}

/// Reads the form to its end.
async fn take<H: Host, B: Body>(
    upload: &mut Upload<'_, H>,
    body: &mut B,
    form: &mut Decoder,
    said: &mut Said,
) -> Result<(), Failure> {
    let (host, limits) = (upload.ask.host(), upload.ask.context.config.files);
    let until = upload.ask.context.started.plus(limits.timeout);
    let mut field: Option<(String, Vec<u8>)> = None;
    while !form.is_over() {
        let left = until.since(host.now());
        let piece = match receive::within(host, left, body.chunk()).await {
            Some(Ok(Some(piece))) => piece,
            Some(Ok(None)) => break,
            Some(Err(error)) => {
                let message = format!("the body broke off: {error}");
                return Err(Failure::new(ErrorKind::InvalidRequest, message));
            }
            None => {
                let message = format!("the file did not arrive within {} s", limits.timeout.as_secs());
                return Err(Failure::new(ErrorKind::RequestTimeout, message));
            }
        };
        form.push(&piece);
        while let Some(event) = form.event()? {
            match event {
                Event::Field(head) if head.name == "file" => {
                    if !head.is_file || upload.seen {
                        return Err(Failure::invalid("file", "must be one file of the form"));
                    }
                    upload.seen = true;
                    upload.filename = head.filename;
                    field = None;
                }
                Event::Field(head) => field = Some((head.name, Vec::new())),
                Event::Data(data) => match &mut field {
                    None => upload.add(&data).await?,
                    Some((name, value)) => {
                        if MAX_FIELD < value.len() + data.len() {
                            return Err(Failure::invalid(name.as_str(), "is too long"));
                        }
                        value.extend_from_slice(&data);
                    }
                },
                Event::End => {
                    if let Some((name, value)) = field.take() {
                        let value = String::from_utf8_lossy(&value).into_owned();
                        match name.as_str() {
                            "purpose" => said.purpose = Some(value),
                            "expires_after[anchor]" => said.anchor = Some(value),
                            "expires_after[seconds]" => said.seconds = Some(value),
                            // SDKs may say more than we know.
                            _ => {}
                        }
                    }
                }
            }
        }
    }
    form.finish()
}

/// A file on its way in.
struct Upload<'a, H> {
    ask: &'a Asking<'a, H>,
    id: &'a str,
    filename: Option<String>,
    bytes: u64,
    pages: u32,
    /// What is not written yet.
    page: BytesMut,
    digest: Sha256,
    /// Whether the form has a file.
    seen: bool,
}

impl<H: Host> Upload<'_, H> {
    async fn add(&mut self, data: &[u8]) -> Result<(), Failure> {
        let most = self.ask.context.config.files.max_bytes;
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        if most < self.bytes {
            return Err(too_large(most));
        }
        self.digest.update(data);
        self.page.extend_from_slice(data);
        while PAGE <= self.page.len() {
            let page = self.page.split_to(PAGE).freeze();
            self.save(page).await?;
        }
        Ok(())
    }

    async fn save(&mut self, page: Bytes) -> Result<(), Failure> {
        let key = file_key(self.ask.tenant(), self.id, self.pages);
        self.ask.host().save(&key, page).await.map_err(|error| {
            Failure::new(ErrorKind::StoreUnavailable, format!("the file cannot be stored: {error}"))
        })?;
        self.pages += 1;
        Ok(())
    }

    /// The file, now that all of it is there.
    async fn file(&mut self, said: Said) -> Result<File, Failure> {
        if !self.seen {
            return Err(Failure::invalid("file", "is required, as a file of the form"));
        }
        let wrong = || Failure::invalid("purpose", format!("must be one of {}", PURPOSES.join(", ")));
        let purpose =
            said.purpose.filter(|purpose| PURPOSES.contains(&purpose.as_str())).ok_or_else(wrong)?;
        let expires_at = match (said.anchor.as_deref(), said.seconds) {
            (None, None) => None,
            (Some("created_at"), Some(seconds)) => {
                let seconds = seconds.parse::<u64>().ok();
                let wrong =
                    || Failure::invalid("expires_after[seconds]", "must be from 3600 to 2592000 (30 days)");
                let seconds =
                    seconds.filter(|seconds| (3_600..=2_592_000).contains(seconds)).ok_or_else(wrong)?;
                Some(self.ask.context.started.plus(Duration::from_secs(seconds)))
            }
            _ => {
                return Err(Failure::invalid("expires_after", "must be {anchor: created_at, seconds: …}"));
            }
        };
        if !self.page.is_empty() {
            let page = self.page.split().freeze();
            self.save(page).await?;
        }
        Ok(File {
            id: self.id.to_owned(),
            filename: self.filename.clone().unwrap_or_else(|| "file".to_owned()),
            purpose,
            bytes: self.bytes,
            pages: self.pages,
            digest: key::hex(&std::mem::take(&mut self.digest).finalize()),
            created_at: self.ask.context.started,
            expires_at,
        })
    }

    /// Takes back what was written of a file that did not come.
    async fn discard(&self) {
        for page in 0..self.pages {
            // What is left, the note of the upload finds.
            _ = self.ask.host().discard(&file_key(self.ask.tenant(), self.id, page)).await;
        }
    }
}

async fn find<H: Host>(ask: &Asking<'_, H>, id: &str) -> Result<File, Failure> {
    if !Kind::File.is(id) {
        return Err(absent("file", id));
    }
    match ask.library(Call::File(id.to_owned())).await? {
        Answer::File(file) => Ok(*file),
        Answer::Absent(_) => Err(absent("file", id)),
        _ => Err(unexpected()),
    }
}

pub(super) async fn show<H: Host>(ask: &Asking<'_, H>, id: &str) -> Result<Reply<H::Body>, Failure> {
    Ok(told(&write::file(&find(ask, id).await?)))
}

pub(super) async fn list<H: Host>(ask: &Asking<'_, H>, query: &str) -> Result<Reply<H::Body>, Failure> {
    let (page, filters) = lists::read(query, 1_000, 10_000)?;
    match ask.library(Call::Files(page, filters.purpose)).await? {
        Answer::Files(files, more) => Ok(told(&write::list(files.iter().map(write::file).collect(), more))),
        Answer::Absent(id) => Err(absent("file", &id)),
        _ => Err(unexpected()),
    }
}

/// The file's bytes as they came.
pub(super) async fn content<H: Host>(ask: &Asking<'_, H>, id: &str) -> Result<Reply<H::Body>, Failure> {
    let file = find(ask, id).await?;
    let (host, tenant, id) = (ask.host().clone(), ask.tenant().to_owned(), file.id.clone());
    let mut reply = Reply::json(Bytes::new());
    reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let pages = stream::unfold(0, move |page| {
        let (host, key) = (host.clone(), file_key(&tenant, &id, page));
        async move {
            if file.pages <= page {
                return None;
            }
            match host.load(&key).await {
                Ok(Some(bytes)) => Some((bytes, page + 1)),
                // The answer ends before its length: whoever reads it sees that.
                Ok(None) => None,
                Err(error) => {
                    host.log(&format!("files: a page cannot be read: {error}"));
                    None
                }
            }
        }
    });
    reply.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.bytes));
    reply.body = ReplyBody::Stream(pages.boxed_local());
    Ok(reply)
}

pub(super) async fn delete<H: Host>(ask: &Asking<'_, H>, id: &str) -> Result<Reply<H::Body>, Failure> {
    if !Kind::File.is(id) {
        return Err(absent("file", id));
    }
    if !ask.delete(Call::DeleteFile(id.to_owned()), "", id).await? {
        return Err(absent("file", id));
    }
    Ok(told(&write::deleted(id, "file")))
}
