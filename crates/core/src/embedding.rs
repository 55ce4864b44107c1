//! `builtin/static`: embeddings by the weights in the bundle.

use sluice_semantic::{decide::Engine, model::Model};
use sluice_types::{
    embeddings::{Answer, Input, Request},
    error::{ErrorKind, Failure},
    usage::{Source, Usage},
};

/// The vectors of `request`'s texts, of length one (all zeros where no word is known), and the pieces counted.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] for lists of tokens, which are another model's, and in a build without weights;
/// [`ErrorKind::InvalidRequest`] for more dimensions than there are.
pub fn answer(request: &Request<'_>) -> Result<(Answer, Usage), Failure> {
    let Some(engine) = Engine::embedded() else {
        let message = "this build has no embeddings: build it with cargo feature `embedded-model`, or name a provider's model";
        return Err(Failure::new(ErrorKind::Unsupported, message));
    };
    let model: &Model<'_> = &engine.model;
    let Input::Texts(texts) = &request.input else {
        let message = "builtin/static takes texts, not tokens: their numbers belong to another model";
        return Err(Failure::new(ErrorKind::Unsupported, message));
    };
    let dims = request.dimensions.map_or(model.dims(), |dims| dims as usize);
    if model.dims() < dims {
        return Err(Failure::invalid("dimensions", format!("must be at most {}", model.dims())));
    }
    let mut pieces = 0;
    let mut embed = |text: &str| {
        let (vector, counts) = model.embed_short(text, dims);
        pieces += u64::from(counts.pieces);
        vector
    };
    let vectors = texts.iter().map(|text| embed(text)).collect();
    let usage = Usage { input_uncached: pieces, source: Source::Provider, ..Usage::default() };
    Ok((Answer { model: "static".to_owned(), vectors, usage: Some(usage) }, usage))
}
