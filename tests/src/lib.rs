//! The harness of the scenarios: starts the mock provider and the gateway on its hosts, talks HTTP to them.
//!
//! Nothing of the gateway is linked: it is a process like any other, told what to do by a seed file and asked over a
//! socket. `cargo xtask test` says where the built files are; see [`place`].

// The gateway's configuration is one large `json!`.
#![recursion_limit = "256"]

pub mod documents;
pub mod gateway;
pub mod http;
pub mod mock;
pub mod place;
pub mod process;
pub mod protocol;
pub mod seed;
pub mod sse;

use gateway::{Gateway, Host};

/// Runs a scenario against the gateway on `host` that all scenarios share; says so and passes if `SLUICE_HOSTS`
/// leaves the host out.
pub fn run(host: Host, scenario: fn(&Gateway)) {
    if host.is_wanted() {
        scenario(Gateway::shared(host));
    } else {
        println!("skipped: SLUICE_HOSTS does not name {host}");
    }
}

/// Makes each scenario a test for each host, in a module named after the host.
#[macro_export]
macro_rules! on_every_host {
    ($($scenario:ident),+ $(,)?) => {
        mod cloudflare {
            $(#[test]
            fn $scenario() {
                $crate::run($crate::gateway::Host::Cloudflare, super::$scenario);
            })+
        }

        mod spin {
            $(#[test]
            fn $scenario() {
                $crate::run($crate::gateway::Host::Spin, super::$scenario);
            })+
        }
    };
}
