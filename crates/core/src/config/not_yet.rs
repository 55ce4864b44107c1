//! What the grammar allows and this version does not do yet, in one place: whoever builds it deletes its lines here.

use sluice_semantic::decide::Engine;

use super::{
    document::{CacheMode, Document, Strategy},
    path::{Path, Warning},
};

/// What `document` asks for that has no effect yet.
pub fn warnings(document: &Document) -> Vec<Warning> {
    let root = Path::default();
    let mut found = Vec::new();
    for (name, model) in &document.models {
        if model.cache.mode == CacheMode::Semantic && Engine::embedded().is_none() {
            let at = root.key("models").key(name).key("cache").key("mode");
            found.push(Warning::new(
                at,
                "served as `exact`: this build has no embeddings (feature `embedded-model`)",
            ));
        }
        if model.strategy == Some(Strategy::Semantic) && Engine::embedded().is_none() {
            let at = root.key("models").key(name).key("strategy");
            found.push(Warning::new(
                at,
                "the last target gets all: this build has no embeddings (feature `embedded-model`)",
            ));
        }
    }
    found
}
