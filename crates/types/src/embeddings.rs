//! Embeddings: texts in, vectors out.

use crate::{
    json::{Members, Raw, Str},
    usage::Usage,
};

/// A request for embeddings, borrowed from the caller's body.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<'a> {
    /// The model the caller asked for.
    pub model: Str<'a>,
    /// What to embed.
    pub input: Input<'a>,
    /// How the caller wants the vectors written.
    pub encoding: Encoding,
    /// How long the vectors should be; `None` leaves it to the model.
    pub dimensions: Option<u32>,
    /// The end user, as the caller names them.
    pub user: Option<Str<'a>>,
    /// Members that mean nothing here, in order.
    pub extra: Members<'a>,
}

/// What to embed; never empty.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// One text or several.
    Texts(Vec<Str<'a>>),
    /// One list of token numbers or several, as the caller wrote them.
    Tokens(Vec<Raw<'a>>),
}

/// How vectors are written in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Lists of numbers.
    #[default]
    Float,
    /// Base64 of little-endian 32-bit floats.
    Base64,
}

/// The vectors, in the order of the input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The model that made them, as the provider names it.
    pub model: String,
    /// One vector an input.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens counted; `None` where the provider did not say.
    pub usage: Option<Usage>,
}
