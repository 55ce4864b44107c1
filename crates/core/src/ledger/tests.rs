//! The ledger against a model that keeps a plain list of all that ever happened.

use proptest::prelude::*;
use sluice_types::quota::{Rule, Unit, Window};

use super::*;

const WINDOW: u64 = 10_000;
const LAPSE: u64 = 5_000;
/// Noon of a day, so that a run may cross a midnight.
const NOON: u64 = 1_795_262_400_000;

fn rule(meter: &str, unit: Unit, window: Window, limit: u64) -> Rule {
    Rule { meter: meter.to_owned(), unit, window, limit, warn: None, hard: true }
}

fn rules() -> Vec<Rule> {
    vec![
        rule("requests", Unit::Requests, Window::Last(WINDOW), 8),
        rule("tokens", Unit::Tokens, Window::Last(WINDOW), 300),
        rule("under way", Unit::Requests, Window::Now, 4),
        rule("day", Unit::NanoUsd, Window::Day, 2_000),
        rule("total", Unit::NanoUsd, Window::Total, 6_000),
    ]
}

/// What a caller, the clock or a crash does next.
#[derive(Clone, Debug)]
enum Act {
    Pass(u64),
    Ask {
        tokens: u64,
        nano_usd: u64,
    },
    /// The oldest but so many of those under way settles, having used so many hundredths of what it reserved.
    Settle {
        place: usize,
        hundredths: u64,
    },
    /// Whoever holds it dies: nobody will settle it.
    Crash {
        place: usize,
    },
    /// A settlement is sent twice.
    Twice {
        place: usize,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => prop_oneof![0..200_u64, 200..4_000_u64, Just(40_000_000)].prop_map(Act::Pass),
        5 => (0..120_u64, 0..900_u64).prop_map(|(tokens, nano_usd)| Act::Ask { tokens, nano_usd }),
        4 => (0..5_usize, 0..=100_u64).prop_map(|(place, hundredths)| Act::Settle { place, hundredths }),
        1 => (0..5_usize).prop_map(|place| Act::Crash { place }),
        1 => (0..5_usize).prop_map(|place| Act::Twice { place }),
    ]
}

/// One granted request, as the model remembers it.
#[derive(Clone, Debug)]
struct Granted {
    id: String,
    at: u64,
    reserved: Amounts,
    settled: Option<Amounts>,
    crashed: bool,
}

impl Granted {
    fn open(&self, now: u64) -> bool {
        self.settled.is_none() && now < self.at + LAPSE
    }
}

/// What a rule counts, by going through all that ever happened.
fn counted(all: &[Granted], rule: &Rule, now: u64) -> u64 {
    all.iter()
        .map(|one| {
            let used = one.settled.as_ref().map_or(0, |used| used.of(rule.unit));
            let held = if one.open(now) { one.reserved.of(rule.unit) } else { 0 };
            match rule.window {
                Window::Now => held,
                Window::Last(window) if now < one.at + window => match &one.settled {
                    Some(used) => used.of(rule.unit),
                    None => one.reserved.of(rule.unit),
                },
                Window::Day if one.at / 86_400_000 != now / 86_400_000 => 0,
                Window::Day | Window::Total => used + held,
                Window::Last(_) | Window::Week | Window::Month => 0,
            }
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_counts_what_a_plain_list_counts(acts in prop::collection::vec(act(), 1..120)) {
        let (mut ledger, mut all, mut now) = (Ledger::default(), Vec::<Granted>::new(), NOON);
        let rules = rules();
        for (number, act) in acts.into_iter().enumerate() {
            match act {
                Act::Pass(span) => now += span,
                Act::Ask { tokens, nano_usd } => {
                    let amounts = Amounts { requests: 1, tokens, nano_usd };
                    let id = format!("req_{number}");
                    let ask = Ask { id: id.clone(), amounts, lapses_after: LAPSE, rules: rules.clone() };
                    let fits = rules.iter().all(|rule| counted(&all, rule, now) + amounts.of(rule.unit) <= rule.limit);
                    match ledger.reserve(Timestamp(now), &ask) {
                        Verdict::Granted { standings, .. } => {
                            prop_assert!(fits, "granted past a limit: {ask:?}");
                            all.push(Granted { id, at: now, reserved: amounts, settled: None, crashed: false });
                            for (rule, standing) in rules.iter().zip(standings) {
                                prop_assert_eq!(standing.remaining, rule.limit - counted(&all, rule, now));
                            }
                        }
                        Verdict::Refused { rule, reason, retry_after, .. } => {
                            prop_assert!(!fits, "refused although it fits: {ask:?}");
                            prop_assert!(rules[rule].limit < counted(&all, &rules[rule], now) + amounts.of(rules[rule].unit));
                            if let (Reason::Rate, Some(wait)) = (reason, retry_after) {
                                // To the millisecond: then, and not before.
                                let rule = &rules[rule];
                                let room = |at| counted(&all, rule, at) + amounts.of(rule.unit) <= rule.limit;
                                prop_assert!(room(now + wait) && !room(now + wait - 1));
                            }
                        }
                    }
                }
                Act::Settle { place, hundredths } => {
                    let open: Vec<usize> = (0..all.len()).filter(|at| all[*at].settled.is_none() && !all[*at].crashed).collect();
                    let Some(&at) = open.get(place) else { continue };
                    let share = |amount: u64| amount * hundredths / 100;
                    let reserved = all[at].reserved;
                    let used = Amounts { requests: 1, tokens: share(reserved.tokens), nano_usd: share(reserved.nano_usd) };
                    // What lapsed more than an hour ago is forgotten.
                    let forgotten = all[at].at + LAPSE + REMEMBERED <= now;
                    let known = ledger.settle(Timestamp(now), &all[at].id, &used);
                    // The hour counts from when somebody noticed that it lapsed.
                    prop_assert!(known || forgotten);
                    if known { all[at].settled = Some(used) } else { all[at].crashed = true }
                }
                Act::Crash { place } => {
                    let open: Vec<usize> = (0..all.len()).filter(|at| all[*at].open(now)).collect();
                    if let Some(&at) = open.get(place) { all[at].crashed = true }
                }
                Act::Twice { place } => {
                    let settled: Vec<usize> = (0..all.len()).filter(|at| all[*at].settled.is_some()).collect();
                    let Some(&at) = settled.get(place) else { continue };
                    let again = Amounts { requests: 1, tokens: 1_000, nano_usd: 1_000 };
                    prop_assert!(!ledger.settle(Timestamp(now), &all[at].id, &again));
                }
            }
            // What never can be more than allowed never is: nobody used more than was reserved.
            for rule in &rules {
                let ours = ledger.meters.get(&rule.meter).map_or(0, |meter| meter.counted(Timestamp(now), rule.window));
                let unnoticed = all.iter().any(|one| one.settled.is_none() && !one.open(now));
                if unnoticed {
                    continue; // lapses show at the next call
                }
                prop_assert_eq!(ours, counted(&all, rule, now), "{}", &rule.meter);
            }
        }
        // When everybody is dead and time has passed, nothing is held and little is remembered.
        ledger.lapse(Timestamp(now + LAPSE + 1));
        ledger.lapse(Timestamp(now + LAPSE + REMEMBERED + 2));
        prop_assert!(ledger.holds.is_empty());
        let spent: u64 = all.iter().filter_map(|one| one.settled.as_ref()).map(|used| used.nano_usd).sum();
        let total = ledger.meters.get("total").map_or(0, |meter| meter.counted(Timestamp(now), Window::Total));
        prop_assert_eq!(total, spent);
    }

    #[test]
    fn what_is_stored_reads_back(acts in prop::collection::vec((0..100_u64, 0..500_u64), 1..40)) {
        let (mut ledger, mut now) = (Ledger::default(), NOON);
        for (number, (tokens, pass)) in acts.into_iter().enumerate() {
            now += pass;
            let amounts = Amounts { requests: 1, tokens, nano_usd: tokens };
            let ask = Ask { id: number.to_string(), amounts, lapses_after: LAPSE, rules: rules() };
            ledger.reserve(Timestamp(now), &ask);
        }
        for meter in ledger.meters.values() {
            let text = serde_json::to_string(meter).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Meter>(&text).unwrap(), meter);
        }
        for hold in ledger.holds.values() {
            let text = serde_json::to_string(hold).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Hold>(&text).unwrap(), hold);
        }
    }
}

fn ask(id: &str, nano_usd: u64, rules: &[Rule]) -> Ask {
    let amounts = Amounts { requests: 1, tokens: 0, nano_usd };
    Ask { id: id.to_owned(), amounts, lapses_after: LAPSE, rules: rules.to_vec() }
}

#[test]
fn a_spent_budget_is_told_from_a_reserved_one() {
    let rules = [rule("day", Unit::NanoUsd, Window::Day, 1_000)];
    let mut ledger = Ledger::default();
    assert!(matches!(ledger.reserve(Timestamp(NOON), &ask("a", 900, &rules)), Verdict::Granted { .. }));
    let refused = |ledger: &mut Ledger, id| match ledger.reserve(Timestamp(NOON), &ask(id, 200, &rules)) {
        Verdict::Refused { reason, retry_after, .. } => Some((reason, retry_after)),
        Verdict::Granted { .. } => None,
    };
    assert_eq!(refused(&mut ledger, "b"), Some((Reason::Reserved, None)));
    assert!(ledger.settle(Timestamp(NOON), "a", &Amounts { nano_usd: 900, ..Amounts::default() }));
    assert_eq!(refused(&mut ledger, "b"), Some((Reason::Spent, Some(43_200_000))));
    let tomorrow = Timestamp(NOON + 43_200_000);
    assert!(matches!(ledger.reserve(tomorrow, &ask("b", 200, &rules)), Verdict::Granted { .. }));
}

#[test]
fn a_reservation_lapses_by_itself_and_a_late_settlement_still_counts() {
    let rules = [rule("total", Unit::NanoUsd, Window::Total, 1_000)];
    let mut ledger = Ledger::default();
    ledger.reserve(Timestamp(NOON), &ask("dead", 1_000, &rules));
    let later = Timestamp(NOON + LAPSE);
    assert!(matches!(ledger.reserve(later, &ask("b", 600, &rules)), Verdict::Granted { .. }));
    assert!(ledger.settle(later, "dead", &Amounts { nano_usd: 300, ..Amounts::default() }));
    let Verdict::Granted { standings, .. } = ledger.reserve(later, &ask("c", 0, &rules)) else {
        panic!("fits")
    };
    assert_eq!(standings[0].remaining, 100);
}

#[test]
fn asking_twice_with_one_id_counts_once() {
    let rules = [rule("total", Unit::NanoUsd, Window::Total, 1_000)];
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        let verdict = ledger.reserve(Timestamp(NOON), &ask("a", 800, &rules));
        let Verdict::Granted { standings, .. } = verdict else { panic!("granted before") };
        assert_eq!(standings[0].remaining, 200);
    }
}

#[test]
fn soft_rules_warn_and_let_pass() {
    let mut soft = rule("total", Unit::NanoUsd, Window::Total, 1_000);
    soft.hard = false;
    let mut warned = rule("other", Unit::NanoUsd, Window::Total, 10_000);
    warned.warn = Some(1_500);
    let rules = [soft, warned];
    let mut ledger = Ledger::default();
    let mut warnings = |id| match ledger.reserve(Timestamp(NOON), &ask(id, 800, &rules)) {
        Verdict::Granted { warnings, .. } => warnings,
        Verdict::Refused { .. } => panic!("soft"),
    };
    assert_eq!(warnings("a"), [] as [usize; 0]);
    assert_eq!(warnings("b"), [0, 1]);
}
