//! What a provider may offer beside chat: in OpenAI's formats, Cohere's for rerank, some in their own for embeddings
//! (see [`embeddings`](crate::format::embeddings)).

use serde::{Deserialize, Serialize};

/// A kind of request beside chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Vectors of texts.
    Embeddings,
    /// Documents in order of what they say to a question.
    Rerank,
    /// Whether a text or picture is harmful.
    Moderations,
    /// Pictures from words.
    Images,
    /// Sound from words.
    Speech,
    /// Words from sound.
    Transcriptions,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Embeddings, Self::Rerank, Self::Moderations, Self::Images, Self::Speech, Self::Transcriptions];

    /// Its name in the configuration and in the cost log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Moderations => "moderations",
            Self::Images => "images",
            Self::Speech => "speech",
            Self::Transcriptions => "transcriptions",
        }
    }

    /// Where it is asked, below `/v1` here and below most providers' base URLs.
    pub fn path(self) -> &'static str {
        match self {
            Self::Embeddings => "/embeddings",
            Self::Rerank => "/rerank",
            Self::Moderations => "/moderations",
            Self::Images => "/images/generations",
            Self::Speech => "/audio/speech",
            Self::Transcriptions => "/audio/transcriptions",
        }
    }
}
