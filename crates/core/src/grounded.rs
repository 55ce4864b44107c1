//! Answers that rest on passages of the tenant's own stores.
//!
//! ```text
//! request ──[`wish::take`]──► which stores, how     (the tool that names them is taken out: no provider is to run it)
//!        passages found ──[`Grounds::new`]──► numbered context ──[`place::put`]──► the request, with it
//!        answer ──[`cite::Stream`]──► marks taken out, citations that hold told, others counted
//! ```
//!
//! All of it is pure; `gateway::retrieve` searches.

pub mod cite;
pub mod extract;
pub mod item;
pub mod place;
pub mod wish;

use std::{cell::Cell, rc::Rc};

use serde::Serialize;
use sluice_providers::tokens;
use sluice_retrieval::{
    cite::{Tally, support::Passages},
    context::{self, Source},
    dense::Vector,
};
use sluice_semantic::decide::Engine;
use sluice_types::{answer::Answer, chat::Part, knowledge::Passage};

/// What an answer is to rest on.
#[derive(Debug)]
pub struct Grounds {
    /// What was found and let pass, the best first.
    pub passages: Vec<Passage>,
    /// What was searched for.
    pub query: String,
    /// What the model is given; empty where nothing was found, or nothing fits.
    pub text: String,
    /// The passages as they are numbered there.
    sources: Vec<Source>,
    /// The same, prepared for statements to be compared with.
    compared: Rc<Passages<'static>>,
    /// The stores searched, by id.
    stores: Vec<String>,
    /// Passages that guardrails kept out.
    denied: u32,
    tally: Cell<Tally>,
    extracted: Cell<bool>,
}

/// What a record tells of the knowledge behind an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The stores searched.
    pub stores: Vec<String>,
    /// Passages that the model was given.
    pub passages: u32,
    /// Passages that guardrails kept out.
    #[serde(skip_serializing_if = "is_zero")]
    pub denied: u32,
    /// Citations that hold.
    pub cited: u32,
    /// Citations that were dropped: the passage does not say so, or there is no such passage.
    pub dropped: u32,
    /// Whether no model answered: sentences of the passages did.
    #[serde(skip_serializing_if = "is_false")]
    pub degraded: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Grounds {
    /// What `passages`, the best first, give within `budget` tokens.
    pub fn new(
        passages: Vec<Passage>,
        query: String,
        budget: usize,
        stores: Vec<String>,
        denied: u32,
    ) -> Self {
        let count = |text: &str| usize::try_from(tokens::text(text)).unwrap_or(usize::MAX);
        let context = context::assemble(&passages, budget, &count);
        let texts = context.sources.iter().map(|source| source.text.as_str());
        let compared = Rc::new(Passages::new(texts, Engine::embedded().map(|_| EMBED)));
        Self {
            passages,
            query,
            text: context.text,
            sources: context.sources,
            compared,
            stores,
            denied,
            tally: Cell::default(),
            extracted: Cell::default(),
        }
    }

    /// The passages as they are numbered.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The first passage of a numbered one: of the same file as all of them.
    pub fn passage(&self, source: &Source) -> Option<&Passage> {
        self.passages.get(*source.passages.first()?)
    }

    /// How the citations of the answer given fared.
    pub(crate) fn fared(&self, tally: Tally) {
        self.tally.set(tally);
    }

    /// That a kept answer is given: its citations held when it was made.
    pub fn kept(&self, answer: &Answer<'_>) {
        let citations = answer.choices.iter().flat_map(|choice| &choice.parts).map(|part| match part {
            Part::Text { citations, .. } => citations.len(),
            _ => 0,
        });
        let kept = u32::try_from(citations.sum::<usize>()).unwrap_or(u32::MAX);
        self.tally.set(Tally { kept, ..Tally::default() });
    }

    /// That no model answered.
    pub fn extracted(&self) {
        self.extracted.set(true);
    }

    /// What a record tells.
    pub fn told(&self) -> Told {
        let tally = self.tally.get();
        Told {
            stores: self.stores.clone(),
            passages: u32::try_from(self.sources.len()).unwrap_or(u32::MAX),
            denied: self.denied,
            cited: tally.kept,
            dropped: tally.unsupported + tally.unknown,
            degraded: self.extracted.get(),
        }
    }
}

impl Told {
    /// The header `sluice-knowledge`. How citations fared is known only of an answer that is `whole`.
    pub fn header(&self, whole: bool) -> String {
        let mut told = format!("passages={}", self.passages);
        if whole {
            told.push_str(&format!("; cited={}; dropped={}", self.cited, self.dropped));
        }
        if 0 < self.denied {
            told.push_str(&format!("; denied={}", self.denied));
        }
        told
    }
}

/// A text's vector, by the model that is compiled in.
fn embed(text: &str) -> Vector {
    let numbers = Engine::embedded().map(|engine| engine.model.embed(text).0);
    Vector::new(&numbers.unwrap_or_default())
}

const EMBED: &dyn Fn(&str) -> Vector = &embed;
