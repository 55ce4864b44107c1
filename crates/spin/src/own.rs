//! What an instance keeps between requests: its gateway, whose caches it may lose.

use std::rc::Rc;

use sluice_core::{config, gateway::Gateway};

thread_local! {
    static GATEWAY: Rc<Gateway> = Gateway::new(config::EMBEDDED);
}

/// The instance's gateway.
pub fn gateway() -> Rc<Gateway> {
    GATEWAY.with(Rc::clone)
}
