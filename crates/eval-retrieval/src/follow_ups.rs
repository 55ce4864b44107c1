//! Follow-up turns: are the words carried over that a search needs, and is a turn that stands by itself left alone?

use std::collections::HashSet;

use sluice_retrieval::{
    rewrite::{self, Turn},
    terms,
};

const CASES: &str = include_str!("../cases/follow_ups.tsv");

pub fn print(errors: bool) {
    let (mut leaning, mut resolved, mut words, mut carried) = (0, 0, 0, 0);
    let (mut alone, mut kept) = (0, 0);
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let Some((conversation, wanted)) = line.split_once('\t') else { continue };
        let turns: Vec<Turn<'_>> = conversation
            .split('|')
            .map(|turn| turn.strip_prefix("m:").map_or(Turn::User(turn), Turn::Model))
            .collect();
        let query = rewrite::query(&turns);
        let Some(Turn::User(last)) = turns.last() else { continue };
        let right = if wanted == "-" {
            alone += 1;
            kept += usize::from(query == *last);
            query == *last
        } else {
            let found: HashSet<u32> = terms::hashes(&query).into_iter().collect();
            let needed = terms::hashes(wanted);
            let there = needed.iter().filter(|term| found.contains(term)).count();
            words += needed.len();
            carried += there;
            leaning += 1;
            resolved += usize::from(there == needed.len());
            there == needed.len()
        };
        if errors && !right {
            println!("  {conversation}\n    {wanted} <> {query}");
        }
    }
    println!(
        "Follow-ups (cases/follow_ups.tsv): {resolved} of {leaning} turns got every word they need ({carried} of {words} words); {kept} of {alone} that stand by themselves were left alone"
    );
}
