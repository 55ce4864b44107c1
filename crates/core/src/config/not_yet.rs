//! What the grammar allows and this version does not do yet, in one place: whoever builds it deletes its lines here.

use super::{
    document::{CacheMode, Document, Strategy},
    path::{Path, Warning},
};

/// What `document` asks for that has no effect yet.
pub fn warnings(document: &Document) -> Vec<Warning> {
    let root = Path::default();
    let mut found = Vec::new();
    let mut not_yet = |path: Path, what: &str| {
        found.push(Warning::new(path, format!("{what} not in force in this version yet")));
    };
    for (name, model) in &document.models {
        let at = root.key("models").key(name);
        if model.cache.mode == CacheMode::Semantic {
            not_yet(
                at.key("cache").key("mode"),
                "semantic matching is (equal requests are answered from the cache)",
            );
        }
    }
    if document.embeddings.default.is_some() {
        not_yet(root.key("embeddings").key("default"), "embeddings of Sluice's own are");
    }
    for (name, model) in &document.models {
        if let Some(strategy) = model.strategy.filter(|strategy| served_as_fallback(*strategy)) {
            let message =
                format!("strategy `{}` is served as fallback order by this version", strategy.name());
            found.push(Warning::new(root.key("models").key(name).key("strategy"), message));
        }
    }
    found
}

/// Whether a strategy is only known by name.
pub fn served_as_fallback(strategy: Strategy) -> bool {
    match strategy {
        Strategy::Single
        | Strategy::Fallback
        | Strategy::LoadBalance
        | Strategy::LeastCost
        | Strategy::LeastLatency
        | Strategy::Score
        | Strategy::Conditional
        | Strategy::Complexity
        | Strategy::Split => false,
        Strategy::Semantic => true,
    }
}
