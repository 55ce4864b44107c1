//! What reads along with an answer's text: the leak check and policies.

use std::rc::Rc;

use sluice_guardrails::{
    leak,
    policy::{self, Breach},
};
use sluice_types::error::Failure;

use super::Guard;
use crate::{
    config::document::CheckName,
    guardrail::plan::{Act, Rules},
};

/// What reads along with one choice.
#[derive(Debug)]
pub(super) struct Watches {
    leak: Option<leak::Watch<Rc<leak::Prompt>>>,
    policies: Vec<(policy::Watch<Rules>, Rules, Act)>,
    /// Findings told already.
    told: [bool; 2],
}

impl Watches {
    pub fn new(guard: &Guard) -> Self {
        let policies = guard.plan.iter().flat_map(|plan| &plan.policies);
        Self {
            leak: guard.prompt.clone().map(leak::Watch::new),
            policies: policies
                .map(|(rules, act)| (policy::Watch::new(rules.clone()), rules.clone(), *act))
                .collect(),
            told: [false; 2],
        }
    }

    pub fn push(&mut self, guard: &Guard, text: &str) -> Result<(), Failure> {
        let leaks = self.leak.as_mut().is_some_and(|watch| watch.push(text));
        self.leaks(guard, leaks)?;
        self.breach(guard, |watch| watch.push(text))
    }

    pub fn finish(&mut self, guard: &Guard) -> Result<(), Failure> {
        let leaks = self.leak.as_mut().is_some_and(leak::Watch::finish);
        self.leaks(guard, leaks)?;
        self.breach(guard, policy::Watch::finish)
    }

    fn leaks(&mut self, guard: &Guard, leaks: bool) -> Result<(), Failure> {
        let act = guard.plan.as_ref().and_then(|plan| plan.leak);
        match (leaks, act, &mut self.told) {
            (true, Some(act), [told @ false, _]) => {
                *told = true;
                guard.found(CheckName::Leak, act, "system_prompt")
            }
            _ => Ok(()),
        }
    }

    fn breach(
        &mut self,
        guard: &Guard,
        mut read: impl FnMut(&mut policy::Watch<Rules>) -> Option<Breach>,
    ) -> Result<(), Failure> {
        let breach =
            self.policies.iter_mut().find_map(|(watch, rules, act)| Some((read(watch)?, &*rules, *act)));
        match (breach, &mut self.told) {
            (Some((breach, rules, act)), [_, told @ false]) => {
                *told = true;
                guard.broke(act, breach, rules)
            }
            _ => Ok(()),
        }
    }
}
