//! Topics by examples, one by one: how many of the other texts of a topic are known, and how many of other topics taken for it.

use std::collections::BTreeMap;

use sluice_semantic::{model::Model, topic::Topic};

/// Shares of texts above a threshold.
pub struct Figures {
    pub known: f64,
    pub mistaken: f64,
}

/// One text in so many of other topics is asked about each: every topic has hundreds of others.
const SAMPLE: usize = 20;

/// The shares above each of `thresholds`, with so many examples a topic; texts out of scope (`oos`) are of no topic.
pub fn measure(model: &Model<'_>, rows: &[Vec<String>], examples: usize, thresholds: &[f32]) -> Vec<Figures> {
    let mut texts: BTreeMap<&str, Vec<Vec<f32>>> = BTreeMap::new();
    rows.iter().for_each(|row| texts.entry(&row[1]).or_default().push(model.embed(&row[0]).0));
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for (nth, (name, list)) in texts.iter().enumerate().filter(|(_, (name, _))| **name != "oos") {
        // Examples spread over the file; the rest is asked about.
        let chosen: Vec<usize> = (0..examples).map(|k| k * list.len() / examples).collect();
        let topic = Topic::new(&chosen.iter().map(|at| list[*at].clone()).collect::<Vec<_>>()).unwrap();
        let rest = list.iter().enumerate().filter(|(at, _)| !chosen.contains(at));
        own.extend(rest.map(|(_, vector)| topic.likeness(vector)));
        for list in texts.iter().filter(|(other, _)| *other != name).map(|(_, list)| list) {
            others
                .extend(list.iter().skip(nth % SAMPLE).step_by(SAMPLE).map(|vector| topic.likeness(vector)));
        }
    }
    let above = |all: &[f32], least: f32| {
        all.iter().filter(|likeness| least <= **likeness).count() as f64 / all.len().max(1) as f64
    };
    thresholds
        .iter()
        .map(|least| Figures { known: above(&own, *least), mistaken: above(&others, *least) })
        .collect()
}
