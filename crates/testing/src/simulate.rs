//! Traffic against modelled providers over hours of virtual time: the router's own decisions, nobody else's waiting.
//!
//! What decides is what the gateway runs: `routing::order`, `Plan`, `Health` with its breaker and budget, over a compiled
//! configuration. What is modelled is the world: when requests come, how long providers take and when they fail. The same
//! seed gives the same requests to every strategy, so differences are the strategies'.

pub mod provider;
pub mod report;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    rc::Rc,
    time::Duration,
};

use sluice_core::{
    config::Model,
    routing::{
        dice::Dice,
        facts::Facts,
        health::{Going, Health},
        order::{Scene, Standing, View, order},
        plan::{Plan, Situation, Step},
    },
};
use sluice_types::{time::Timestamp, usage::Usage};

use provider::{Outcome, Provider};

/// When the simulation begins: noon, so that nothing is at time 0.
const BEGIN: u64 = 1_795_262_400_000;

/// The tokens of each request's prompt and answer.
pub const TOKENS: (u64, u64) = (800, 200);

/// How many users there are.
const USERS: usize = 1_000;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// How long, in seconds.
    pub seconds: u64,
    /// Requests a second, on average; they come at random.
    pub rate: f64,
    /// Where the dice start.
    pub seed: u64,
    /// A target that is out of service, by its place.
    pub drained: Option<usize>,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Served {
    /// When it came, in milliseconds from the beginning.
    pub at: u64,
    /// Until its first token, or until it failed.
    pub took: u64,
    /// Whether it was answered.
    pub good: bool,
    /// Calls made for it.
    pub attempts: u32,
    /// What its answer cost, in nano-dollars.
    pub cost: u64,
}

/// A request on its way.
struct Flight<'a> {
    at: Timestamp,
    plan: Plan<'a>,
    attempts: u32,
    number: u64,
    /// The target of each of them.
    asked: Vec<usize>,
    /// Attempts under way, the first of a race first.
    running: Vec<Attempt>,
    over: bool,
}

/// An attempt under way.
struct Attempt {
    number: u32,
    target: usize,
    leave: Going,
}

enum Event {
    /// A request comes.
    Arrive,
    /// A waiting request tries the target.
    Try { flight: usize, target: usize, first: bool },
    /// An attempt has come to something.
    Outcome { flight: usize, attempt: u32, outcome: Outcome },
    /// The first attempt has not begun in time: another joins it.
    Race { flight: usize, attempt: u32 },
    /// A stream has ended.
    Ended { target: usize },
}

struct World<'a> {
    model: &'a Rc<Model>,
    providers: &'a [Provider],
    drained: Option<usize>,
    health: Vec<Health>,
    /// Requests that each provider has had in the current second.
    asked: Vec<(u64, u32)>,
    now: Timestamp,
    events: BinaryHeap<Reverse<(u64, u64, usize)>>,
    pending: Vec<Option<Event>>,
    flights: Vec<Flight<'a>>,
    served: Vec<Served>,
    /// For decisions: one draw a request, so that each has the same whatever became of the others.
    dice: Dice,
    /// For waits before a second try.
    jitter: Dice,
}

/// Runs `traffic` through `model`, whose targets are `providers` by their places.
pub fn run(model: &Rc<Model>, providers: &[Provider], traffic: Traffic) -> Vec<Served> {
    let mut world = World {
        model,
        providers,
        drained: traffic.drained,
        health: vec![Health::default(); model.targets.len()],
        asked: vec![(0, 0); model.targets.len()],
        now: Timestamp(BEGIN),
        events: BinaryHeap::new(),
        pending: Vec::new(),
        flights: Vec::new(),
        served: Vec::new(),
        dice: Dice::new(traffic.seed ^ 0x5EED),
        jitter: Dice::new(traffic.seed ^ 0x71774),
    };
    // Arrivals have dice of their own, so that they are the same whatever is decided.
    let mut arrivals = Dice::new(traffic.seed);
    let mut at = 0.0;
    while at < traffic.seconds as f64 * 1_000.0 {
        world.schedule(Timestamp(BEGIN + at as u64), Event::Arrive);
        at += -(1.0 - arrivals.draw()).ln() / traffic.rate * 1_000.0;
    }
    while let Some(Reverse((at, _, place))) = world.events.pop() {
        world.now = Timestamp(at);
        if let Some(event) = world.pending.get_mut(place).and_then(Option::take) {
            world.happen(event);
        }
    }
    world.served.sort_by_key(|served| served.at);
    world.served
}

impl<'a> World<'a> {
    fn schedule(&mut self, at: Timestamp, event: Event) {
        let place = self.pending.len();
        self.pending.push(Some(event));
        self.events.push(Reverse((at.0, place as u64, place)));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive => self.arrive(),
            Event::Try { flight, target, first } => self.attempt(flight, target, first),
            Event::Ended { target } => {
                if let Some(health) = self.health.get_mut(target) {
                    health.left();
                }
            }
            Event::Outcome { flight, attempt, outcome } => self.outcome(flight, attempt, outcome),
            Event::Race { flight, attempt } => self.race(flight, attempt),
        }
    }

    fn arrive(&mut self) {
        let number = self.flights.len() as u64;
        let user = Dice::new(number ^ 0x05E5).below(USERS);
        let name = format!("user-{user}");
        let tags = BTreeMap::new();
        let facts =
            Facts { tokens: Some(TOKENS.0), user: Some(&name), stream: true, ..Facts::of("sim", &tags) };
        let views: Vec<View> = self
            .model
            .targets
            .iter()
            .zip(&self.health)
            .enumerate()
            .map(|(at, (target, health))| {
                let standing = match self.drained == Some(at) {
                    true => Standing::Drained,
                    false => Standing::of(health, target.breaker.as_ref(), self.now),
                };
                View {
                    standing,
                    latency: health.latency.expected(true, TOKENS.1, self.now),
                    running: health.running,
                    error_rate: health.error_rate(self.now),
                }
            })
            .collect();
        let scene = Scene {
            targets: &self.model.targets,
            views: &views,
            facts: &facts,
            weights: None,
            now: self.now,
            explain: false,
        };
        let mut dice = Dice::new(self.dice.draw().to_bits());
        let decision = order(&self.model.group, &scene, &mut dice);
        let plan = Plan::new(&self.model.targets, decision.order);
        let flight = self.flights.len();
        let (asked, running) = (Vec::new(), Vec::new());
        self.flights.push(Flight { at: self.now, plan, attempts: 0, number, asked, running, over: false });
        let step = self.flights.get_mut(flight).map_or(Step::Fail, |flight| flight.plan.start());
        self.step(flight, step);
    }

    fn step(&mut self, flight: usize, step: Step) {
        match step {
            Step::Try { target, delay, first } => {
                self.schedule(self.now.plus(delay), Event::Try { flight, target, first });
            }
            Step::Fail => self.over(flight, false, 0),
        }
    }

    fn attempt(&mut self, flight: usize, target: usize, first: bool) {
        let (Some(aim), Some(health), Some(provider)) =
            (self.model.targets.get(target), self.health.get_mut(target), self.providers.get(target))
        else {
            return;
        };
        let Some(leave) = health.enter(aim.breaker.as_ref(), true, self.now) else {
            let step = self.flights.get_mut(flight).map_or(Step::Fail, |flight| flight.plan.passed_over());
            return self.step(flight, step);
        };
        if first {
            health.budget.first(aim.retry.budget, self.now);
        } else {
            _ = health.budget.take(self.now);
        }
        let Some(going) = self.flights.get_mut(flight) else { return };
        going.attempts += 1;
        let second = self.now.0 / 1_000;
        let busy = self.asked.get_mut(target).map_or(0, |asked| {
            *asked = if asked.0 == second { (second, asked.1 + 1) } else { (second, 1) };
            asked.1
        });
        // Luck is the request's and the target's, the same under every strategy.
        let tries = going.asked.iter().filter(|asked| **asked == target).count() as u64;
        going.asked.push(target);
        let mut luck = Dice::new(going.number.wrapping_mul(64).wrapping_add(target as u64 * 8 + tries));
        let elapsed = self.now.0 - BEGIN;
        let (outcome, after) = provider.answer(elapsed, busy, &mut luck);
        let limit = aim.first_token_timeout.unwrap_or(aim.timeout);
        let (outcome, after) = if limit < after { (Outcome::TimedOut, limit) } else { (outcome, after) };
        let number = going.attempts;
        // As the gateway has it: a request is raced once, from its first attempt on.
        let wait = health.joined_after(&leave, self.model.hedge.filter(|_| number == 1));
        going.running.push(Attempt { number, target, leave });
        if let Some(wait) = wait.filter(|wait| *wait < after) {
            self.schedule(self.now.plus(wait), Event::Race { flight, attempt: number });
        }
        self.schedule(self.now.plus(after), Event::Outcome { flight, attempt: number, outcome });
    }

    /// The next target joins an attempt that has not begun.
    fn race(&mut self, flight: usize, attempt: u32) {
        let Some(going) = self.flights.get_mut(flight) else { return };
        if going.over || !going.running.iter().any(|running| running.number == attempt) {
            return;
        }
        let Some(first) = going.running.first().map(|running| running.target) else { return };
        let Some(next) = going.plan.peek() else { return };
        if !self.health.get_mut(first).is_some_and(|health| health.budget.has(self.now)) {
            return;
        }
        let (Some(aim), Some(health)) = (self.model.targets.get(next), self.health.get_mut(next)) else {
            return;
        };
        let admitted = aim.breaker.as_ref().is_none_or(|policy| health.breaker.admits(policy, self.now));
        if !admitted {
            return;
        }
        going.plan.race();
        if let Some(health) = self.health.get_mut(first) {
            _ = health.budget.take(self.now);
        }
        self.attempt(flight, next, true);
    }

    fn outcome(&mut self, flight: usize, attempt: u32, outcome: Outcome) {
        let Some(going) = self.flights.get_mut(flight) else { return };
        // An attempt that lost its race was cancelled then.
        let Some(at) = going.running.iter().position(|running| running.number == attempt) else { return };
        let Attempt { target, leave, .. } = going.running.remove(at);
        let racing = !going.running.is_empty();
        let (Some(aim), Some(health), Some(provider)) =
            (self.model.targets.get(target), self.health.get_mut(target), self.providers.get(target))
        else {
            return;
        };
        let policy = aim.breaker.as_ref();
        let Some(failure) = outcome.failure() else {
            health.succeeded(leave, policy, self.now);
            let rest = Duration::from_millis(provider.token_ms.saturating_mul(TOKENS.1));
            health.latency.per_token.add(provider.token_ms as f64, self.now);
            self.schedule(self.now.plus(rest), Event::Ended { target });
            let usage = Usage { input_uncached: TOKENS.0, output_text: TOKENS.1, ..Usage::default() };
            let cost = aim.price_for(&usage).map_or(0, |price| price.cost(&usage).0);
            let lost = self.cancel(flight, attempt);
            return self.over(flight, true, cost + lost);
        };
        health.failed(leave, policy, self.now, &failure);
        health.left();
        if racing {
            return;
        }
        let situation =
            Situation { jitter: self.jitter.draw(), left: None, may_retry: health.budget.has(self.now) };
        let step =
            self.flights.get_mut(flight).map_or(Step::Fail, |flight| flight.plan.failed(&failure, situation));
        self.step(flight, step);
    }

    /// Cancels what runs beside the attempt that won, and gives what it cost.
    fn cancel(&mut self, flight: usize, won: u32) -> u64 {
        let Some(going) = self.flights.get_mut(flight) else { return 0 };
        let mut lost = 0;
        for Attempt { number, target, leave, .. } in std::mem::take(&mut going.running) {
            let (Some(aim), Some(health)) = (self.model.targets.get(target), self.health.get_mut(target))
            else {
                continue;
            };
            if number < won {
                health.outrun(leave, aim.breaker.as_ref(), self.now);
            } else {
                health.abandoned(leave);
            }
            health.left();
            let usage = Usage { input_uncached: TOKENS.0, ..Usage::default() };
            lost += aim.price_for(&usage).map_or(0, |price| price.cost(&usage).0);
        }
        lost
    }

    fn over(&mut self, flight: usize, good: bool, cost: u64) {
        let Some(going) = self.flights.get_mut(flight) else { return };
        going.over = true;
        let took = u64::try_from(self.now.since(going.at).as_millis()).unwrap_or(u64::MAX);
        let (at, attempts) = (going.at.0 - BEGIN, going.attempts);
        self.served.push(Served { at, took, good, attempts, cost });
    }
}
