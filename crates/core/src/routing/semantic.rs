//! Routes by examples: which target a prompt is for, by what the operator says each is asked.
//!
//! The last target is the default: what is like none of the examples goes there. The head over the examples' vectors is
//! fitted when the first prompt comes, once for each configuration and isolate.

use std::cell::OnceCell;

use sluice_semantic::{
    decide::Engine,
    eligible::is_readable,
    route::{Abstain, Head, Routed},
    vector::is_known,
};

/// The most work of fitting, as routes by examples of all: half a second or so.
pub const MOST: usize = 25_000;

/// How much of a prompt is looked at, in characters: what it is about stands at its beginning.
const LOOKED_AT: usize = 2_000;

/// Least probability of one of so many routes: among few, each is likely whatever is asked.
///
/// Measured on CLINC150's training file with ten examples a route: of prompts for 2, 5, 10, 20 and 50 routes about 97, 95, 94, 92
/// and 84 % go where they belong and at most 4 % elsewhere; of prompts for none of them 8, 10, 10, 13 and 15 % are taken.
fn least(routes: usize) -> f32 {
    (0.65 + 0.5 / routes.max(1) as f32).min(0.9)
}

/// A prompt's vector, of length one; all zeros, which are like nothing, where its words or its script are not the model's.
/// `None` in a build without embeddings.
pub fn vector(prompt: &str) -> Option<Vec<f32>> {
    let end = prompt.char_indices().nth(LOOKED_AT).map_or(prompt.len(), |(at, _)| at);
    let (text, model) = (prompt.get(..end)?, &Engine::embedded()?.model);
    let (vector, counts) = model.embed(text);
    Some(if is_readable(text, counts) { vector } else { vec![0.0; vector.len()] })
}

/// Examples by route, and the head over them.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The members of the group that have examples, in order, with these.
    routes: Vec<(usize, Vec<String>)>,
    head: OnceCell<Option<Head>>,
}

impl PartialEq for Routes {
    /// The head follows from the examples.
    fn eq(&self, other: &Self) -> bool {
        self.routes == other.routes
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The member it goes to; `None` for the default.
    pub to: Option<usize>,
    /// Members with examples and how likely each is; they add up to one.
    pub scores: Vec<(usize, f32)>,
}

impl Routes {
    /// Routes of the members whose examples these are; those without any are left out.
    pub fn new<'a>(examples: impl IntoIterator<Item = &'a [String]>) -> Self {
        let all = examples.into_iter().enumerate().map(|(at, examples)| (at, examples.to_vec()));
        let routes = all.filter(|(_, examples)| !examples.is_empty()).collect();
        Self { routes, head: OnceCell::new() }
    }

    /// Where a prompt of this vector goes; `None` where nothing can be told: no embeddings, no usable examples.
    pub fn tell(&self, vector: &[f32]) -> Option<Told> {
        let head = self.head.get_or_init(|| self.fit()).as_ref()?;
        let members = self.routes.iter().map(|(member, _)| *member);
        let to = match head.route(vector) {
            Routed::To { route, .. } => self.routes.get(route).map(|(member, _)| *member),
            Routed::Abstain { .. } => None,
        };
        Some(Told { to, scores: members.zip(head.scores(vector)).collect() })
    }

    fn fit(&self) -> Option<Head> {
        let vectors = |(_, examples): &(usize, Vec<String>)| -> Option<Vec<Vec<f32>>> {
            examples.iter().map(|example| vector(example)).collect()
        };
        let routes = self.routes.iter().map(vectors).collect::<Option<Vec<_>>>()?;
        Head::fit(&routes, Abstain { score: least(routes.len()), margin: 0.0 }).ok()
    }
}

/// What is wrong with an example that is like nothing.
pub const UNKNOWN: &str = "has no word that the embeddings know; they know English best";

/// Whether the model knows a word of `example`; `true` in a build that has none.
pub fn is_usable(example: &str) -> bool {
    vector(example).is_none_or(|vector| is_known(&vector))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(examples: &[&str]) -> Vec<String> {
        examples.iter().map(|example| (*example).to_owned()).collect()
    }

    fn routes() -> Routes {
        let code =
            list(&["Fix this Python function", "Write a unit test for my class", "Why does my loop crash"]);
        let travel =
            list(&["Find me a flight to Rome", "Which hotel is near the beach", "Plan a trip to Japan"]);
        Routes::new([code.as_slice(), &[], travel.as_slice(), &[]])
    }

    #[test]
    fn prompts_go_where_their_like_went_and_else_nowhere() {
        let routes = routes();
        let tell = |prompt: &str| routes.tell(&vector(prompt).unwrap()).unwrap();
        assert_eq!(tell("my Python loop throws an error, fix it").to, Some(0));
        assert_eq!(tell("book a flight and a hotel in Rome").to, Some(2));
        for outside in ["Translate this poem about the moon", "", "我怎样才能重置我的密码？"] {
            assert_eq!(tell(outside).to, None, "{outside}");
        }
        let scores = tell("a hotel in Tokyo").scores;
        assert_eq!(scores.iter().map(|(member, _)| *member).collect::<Vec<_>>(), [0, 2]);
        assert!((scores.iter().map(|(_, score)| score).sum::<f32>() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn without_two_routes_nothing_can_be_told() {
        let one = list(&["hello"]);
        assert!(Routes::new([one.as_slice(), &[]]).tell(&vector("hello").unwrap()).is_none());
        assert!(is_usable("hello") && !is_usable("我们") && !is_usable(""));
    }

    #[test]
    fn a_long_prompt_is_cut_between_characters() {
        let prompt = "é".repeat(5_000);
        assert_eq!(vector(&prompt), vector(&"é".repeat(LOOKED_AT)));
    }
}
