//! How a model's targets are picked: a tree, since a target may be a model of its own.

use super::{
    document::{Affinity, Rule},
    number::{Share, Weight},
};
use crate::routing::semantic::Routes;

/// Some places a request can go, and how one is picked.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The model whose targets these are.
    pub name: String,
    /// How one is picked.
    pub strategy: Strategy,
    /// What is picked from; never empty.
    pub members: Vec<Member>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Where it leads.
    pub to: To,
    /// `provider/model`, or the name of the model.
    pub name: String,
    /// Share of traffic relative to its siblings.
    pub weight: Weight,
    /// How good its answers are; `None` if nobody says.
    pub quality: Option<Share>,
    /// Which requests it is for; `None` for all.
    pub when: Option<Rule>,
    /// The hardest prompt it is for.
    pub max_complexity: Share,
    /// What records call it.
    pub arm: String,
}

/// Where a member leads.
#[derive(Clone, Debug, PartialEq)]
pub enum To {
    /// To a target, by its place among the model's.
    Target(usize),
    /// To another model's.
    Group(Group),
}

/// How one is picked.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// The one there is.
    Single,
    /// The first that answers, in order.
    Fallback,
    /// By weight, what belongs together at one place.
    LoadBalance(Vec<Affinity>),
    /// The cheapest for this request of those that are good enough.
    LeastCost(Share),
    /// The quicker of two drawn.
    LeastLatency,
    /// The best by several things together, of those that are good enough.
    Score(Score, Share),
    /// Those whose rule holds, in order.
    Conditional,
    /// The weakest that is up to the prompt.
    Complexity,
    /// By weight, the same user or session always in the same arm.
    Split(Vec<Affinity>),
    /// The one whose examples the prompt is like, else the last.
    Semantic(Routes),
}

impl Strategy {
    /// The name in the file.
    pub fn name(&self) -> &'static str {
        use super::document::Strategy as Named;
        match self {
            Self::Single => Named::Single,
            Self::Fallback => Named::Fallback,
            Self::LoadBalance(_) => Named::LoadBalance,
            Self::LeastCost(_) => Named::LeastCost,
            Self::LeastLatency => Named::LeastLatency,
            Self::Score(..) => Named::Score,
            Self::Conditional => Named::Conditional,
            Self::Complexity => Named::Complexity,
            Self::Split(_) => Named::Split,
            Self::Semantic(_) => Named::Semantic,
        }
        .name()
    }
}

/// How much each thing weighs, relative to the others.
pub type Score = super::document::Score;

impl Group {
    /// The one target there is.
    pub fn single(name: &str, target: &str) -> Self {
        let member = Member {
            to: To::Target(0),
            name: target.to_owned(),
            weight: Weight::default(),
            quality: None,
            when: None,
            max_complexity: Share::percent(100),
            arm: target.to_owned(),
        };
        Self { name: name.to_owned(), strategy: Strategy::Single, members: vec![member] }
    }
}
