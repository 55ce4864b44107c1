//! What reads along with an answer's text: the leak check and policies.

use std::rc::Rc;

use sluice_guardrails::{
    leak,
    policy::{self, Policy},
};
use sluice_types::error::Failure;

use super::Guard;
use crate::{config::document::CheckName, guardrail::plan::Act};

/// What reads along with one choice.
#[derive(Debug)]
pub(super) struct Watches {
    leak: Option<leak::Watch<Rc<leak::Prompt>>>,
    policies: Vec<(policy::Watch<Rc<Policy>>, Act)>,
    /// Findings told already.
    told: [bool; 2],
}

impl Watches {
    pub fn new(guard: &Guard) -> Self {
        let policies = guard.plan.iter().flat_map(|plan| &plan.policies);
        Self {
            leak: guard.prompt.clone().map(leak::Watch::new),
            policies: policies.map(|(policy, act)| (policy::Watch::new(policy.clone()), *act)).collect(),
            told: [false; 2],
        }
    }

    pub fn push(&mut self, guard: &Guard, text: &str) -> Result<(), Failure> {
        let leaks = self.leak.as_mut().is_some_and(|watch| watch.push(text));
        self.leaks(guard, leaks)?;
        let breach = self.policies.iter_mut().find_map(|(watch, act)| Some((watch.push(text)?, *act)));
        self.breach(guard, breach)
    }

    pub fn finish(&mut self, guard: &Guard) -> Result<(), Failure> {
        let leaks = self.leak.as_mut().is_some_and(leak::Watch::finish);
        self.leaks(guard, leaks)?;
        let breach = self.policies.iter_mut().find_map(|(watch, act)| Some((watch.finish()?, *act)));
        self.breach(guard, breach)
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

    fn breach(&mut self, guard: &Guard, breach: Option<(policy::Breach, Act)>) -> Result<(), Failure> {
        match (breach, &mut self.told) {
            (Some((breach, act)), [_, told @ false]) => {
                *told = true;
                guard.found(CheckName::Policy, act, breach.name())
            }
            _ => Ok(()),
        }
    }
}
