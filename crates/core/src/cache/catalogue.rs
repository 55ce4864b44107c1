//! What is known of a tenant's questions that may be answered by meaning: an object's calls and answers.
//!
//! Vectors are elsewhere, answers too, and neither knows when it is over everywhere, who used it last or how it served. The
//! catalogue (owner `~cache/{tenant}`) does: it says what is to be removed, and knows it until somebody says that it is.
//!
//! ```text
//! c/meta                  how many entries
//! e/{id}                  an [`Entry`] and when it last served
//! u/{used}/{id}           entries by that; x/{expires}/{id} by their end
//! g/{id}                  an entry that is to be removed
//! s/{request}             a hit by meaning, for feedback; w/{at}/{request} by time
//! o/{model}               what was seen of hits: [`Observed`](sluice_semantic::feedback::Observed)
//! ```

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sluice_semantic::feedback::{BINS, Observed};
use sluice_types::time::Timestamp;

use crate::{key::Digest, vectors::Namespace};

/// What a call or an answer begins with.
pub const CATALOGUE: u8 = 3;

/// The most questions of a tenant. Those that served longest ago make room.
pub const MOST: u64 = 20_000;

/// How long feedback on a hit is taken, in milliseconds: a week.
pub const FEEDBACK: u64 = 7 * 86_400_000;

/// The owner of a tenant's catalogue.
pub fn owner(tenant: &str) -> String {
    format!("~cache/{tenant}")
}

/// The id of a question by the fingerprint of its answer: 43 bytes.
pub fn id(answer: &Digest) -> String {
    URL_SAFE_NO_PAD.encode(answer)
}

/// The fingerprint that an id was made of.
pub fn answer(id: &str) -> Option<Digest> {
    URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()
}

/// What stands beside a question's vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The last turn as it was written.
    pub text: String,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When its answer is over, stale or not.
    pub expires_at: Timestamp,
}

/// A question whose answer is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// The name of the vectors' namespace.
    pub space: String,
    /// The answer's key in the store.
    pub answer: String,
    /// The model as the caller named it.
    pub model: String,
    /// The part of the tenant's cache that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The tags of the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When its answer is over.
    pub expires_at: Timestamp,
}

impl Entry {
    /// Where its vector is.
    pub fn namespace(&self, tenant: &str) -> Namespace {
        namespace(tenant, &self.space)
    }
}

/// The namespace `space` of a tenant's questions.
pub fn namespace(tenant: &str, space: &str) -> Namespace {
    Namespace::new(tenant, "cache", space)
}

/// Which entries are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Which {
    /// Of this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// In this part of the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// With this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<(String, String)>,
    /// Asked before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
}

impl Which {
    /// Whether a question is meant.
    pub fn means(&self, entry: &Entry) -> bool {
        self.means_one(&entry.model, entry.namespace.as_deref(), &entry.tags, entry.created_at)
    }

    /// Whether what was asked of `model` at `created_at`, in `namespace` and with `tags`, is meant.
    pub fn means_one(
        &self,
        model: &str,
        namespace: Option<&str>,
        tags: &BTreeMap<String, String>,
        created_at: Timestamp,
    ) -> bool {
        let tagged =
            self.tag.as_ref().is_none_or(|(name, value)| tags.get(name).is_some_and(|had| had == value));
        let of_model = self.model.as_ref().is_none_or(|meant| meant == model);
        let within = self.namespace.is_none() || self.namespace.as_deref() == namespace;
        tagged && of_model && within && self.before.is_none_or(|before| created_at < before)
    }
}

/// What is asked of a catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A question's answer is kept from now on.
    Keep {
        /// The question.
        entry: Entry,
        /// The most entries.
        most: u64,
    },
    /// A question's answer was given to another one.
    Served {
        /// The question.
        id: String,
        /// The request that it was given to.
        request: String,
        /// How sure it was.
        score: f32,
        /// The calibrated threshold at the time.
        base: f32,
    },
    /// Somebody knows whether what a request was given was right.
    Judged {
        /// The request.
        request: String,
        /// Whether it was.
        right: bool,
    },
    /// Take entries out, those that are over first of all.
    Take {
        /// Beside those that are over: these; `None` for no others.
        which: Option<Which>,
        /// Where to go on from.
        after: String,
    },
    /// These are removed.
    Removed(Vec<String>),
    /// How many there are.
    Count,
}

/// What a catalogue answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Call::Keep`] and [`Call::Take`]: what is to be removed, some of it, and where to go on from if there is more.
    Gone {
        /// The entries.
        entries: Vec<Entry>,
        /// Where to go on from.
        next: Option<String>,
    },
    /// To [`Call::Judged`]: `None` if nothing is known of the request, or it was judged already.
    Judged(Option<Judgement>),
    /// To [`Call::Count`].
    Count(u64),
    /// To the others.
    Done,
}

/// What came of a judgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The model.
    pub model: String,
    /// What was seen of its hits.
    pub seen: Seen,
    /// The entry, if it is to be removed.
    pub gone: Option<Entry>,
}

/// [`Observed`] as it is written: right and wrong hits by bin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Right ones.
    pub right: Vec<u32>,
    /// Wrong ones.
    pub wrong: Vec<u32>,
}

impl From<&Observed> for Seen {
    fn from(observed: &Observed) -> Self {
        Self { right: observed.right.to_vec(), wrong: observed.wrong.to_vec() }
    }
}

impl From<&Seen> for Observed {
    fn from(seen: &Seen) -> Self {
        let bins = |counts: &[u32]| {
            let mut bins = [0; BINS];
            bins.iter_mut().zip(counts).for_each(|(bin, count)| *bin = *count);
            bins
        };
        Self { right: bins(&seen.right), wrong: bins(&seen.wrong) }
    }
}

/// A hit by meaning that may yet be judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The question.
    pub id: String,
    /// How sure it was.
    pub score: f32,
    /// The calibrated threshold.
    pub base: f32,
    /// The model.
    pub model: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_every_service() {
        let digest = [0xfb; 32];
        assert_eq!(id(&digest).len(), crate::vectors::ID);
        assert_eq!(answer(&id(&digest)), Some(digest));
        assert_eq!(answer("short"), None);
    }

    #[test]
    fn what_is_meant_fits_all_that_is_said() {
        let entry = Entry {
            id: "1".to_owned(),
            space: "s".to_owned(),
            answer: "k".to_owned(),
            model: "m".to_owned(),
            namespace: Some("web".to_owned()),
            tags: BTreeMap::from([("team".to_owned(), "x".to_owned())]),
            created_at: Timestamp(100),
            expires_at: Timestamp(200),
        };
        let tag = |value: &str| Some(("team".to_owned(), value.to_owned()));
        for (which, means) in [
            (Which::default(), true),
            (
                Which {
                    model: Some("m".to_owned()),
                    namespace: Some("web".to_owned()),
                    tag: tag("x"),
                    before: Some(Timestamp(101)),
                },
                true,
            ),
            (Which { namespace: Some("app".to_owned()), ..Which::default() }, false),
            (Which { model: Some("n".to_owned()), ..Which::default() }, false),
            (Which { tag: tag("y"), ..Which::default() }, false),
            (Which { before: Some(Timestamp(100)), ..Which::default() }, false),
        ] {
            assert_eq!(which.means(&entry), means, "{which:?}");
        }
    }
}
