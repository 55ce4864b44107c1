//! The paths of files and stores.

use http::Method;

/// What is asked for. Ids are as they stand in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge<'a> {
    /// `/v1/files`
    Files,
    /// `/v1/files/{file}`
    File(&'a str),
    /// `/v1/files/{file}/content`
    FileContent(&'a str),
    /// `/v1/vector_stores`
    Stores,
    /// `/v1/vector_stores/{store}`
    Store(&'a str),
    /// `/v1/vector_stores/{store}/search`
    Search(&'a str),
    /// `/v1/vector_stores/{store}/files`
    Members(&'a str),
    /// `/v1/vector_stores/{store}/files/{file}`
    Member(&'a str, &'a str),
    /// `/v1/vector_stores/{store}/files/{file}/content`
    MemberContent(&'a str, &'a str),
    /// `/v1/vector_stores/{store}/file_batches`
    Batches(&'a str),
    /// `/v1/vector_stores/{store}/file_batches/{batch}`
    Batch(&'a str, &'a str),
    /// `/v1/vector_stores/{store}/file_batches/{batch}/cancel`
    CancelBatch(&'a str, &'a str),
    /// `/v1/vector_stores/{store}/file_batches/{batch}/files`
    BatchFiles(&'a str, &'a str),
}

impl<'a> Knowledge<'a> {
    /// Whether reading it tells how far something is, which SDKs ask again and again by themselves (`upload_and_poll`).
    pub fn is_progress(self) -> bool {
        matches!(self, Self::File(_) | Self::Store(_) | Self::Member(..) | Self::Batch(..))
    }

    /// What `rest`, the path below `/v1/`, names.
    pub fn find(rest: &'a str) -> Option<Self> {
        let mut parts = rest.split('/');
        let parts = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
        if parts.iter().flatten().any(|part| part.is_empty()) {
            return None;
        }
        Some(match parts {
            [Some("files"), None, ..] => Self::Files,
            [Some("files"), Some(file), None, ..] => Self::File(file),
            [Some("files"), Some(file), Some("content"), None, ..] => Self::FileContent(file),
            [Some("vector_stores"), None, ..] => Self::Stores,
            [Some("vector_stores"), Some(store), None, ..] => Self::Store(store),
            [Some("vector_stores"), Some(store), Some("search"), None, ..] => Self::Search(store),
            [Some("vector_stores"), Some(store), Some("files"), None, ..] => Self::Members(store),
            [Some("vector_stores"), Some(store), Some("files"), Some(file), None, _] => {
                Self::Member(store, file)
            }
            [Some("vector_stores"), Some(store), Some("files"), Some(file), Some("content"), None] => {
                Self::MemberContent(store, file)
            }
            [Some("vector_stores"), Some(store), Some("file_batches"), None, ..] => Self::Batches(store),
            [Some("vector_stores"), Some(store), Some("file_batches"), Some(batch), None, _] => {
                Self::Batch(store, batch)
            }
            [Some("vector_stores"), Some(store), Some("file_batches"), Some(batch), Some("cancel"), None] => {
                Self::CancelBatch(store, batch)
            }
            [Some("vector_stores"), Some(store), Some("file_batches"), Some(batch), Some("files"), None] => {
                Self::BatchFiles(store, batch)
            }
            _ => return None,
        })
    }

    /// The methods that go with it.
    pub fn methods(self) -> &'static [Method] {
        match self {
            Self::Files | Self::Stores | Self::Members(_) => &[Method::GET, Method::POST],
            Self::Store(_) | Self::Member(..) => &[Method::GET, Method::POST, Method::DELETE],
            Self::File(_) => &[Method::GET, Method::DELETE],
            Self::FileContent(_) | Self::MemberContent(..) | Self::Batch(..) | Self::BatchFiles(..) => {
                &[Method::GET]
            }
            Self::Search(_) | Self::Batches(_) | Self::CancelBatch(..) => &[Method::POST],
        }
    }
}
