//! Which targets a request goes to, in which order, and when. Decisions over plain values: time and dice come in as
//! arguments, nothing here waits.
//!
//! ```text
//! facts of the request ┐
//! health of the targets ├─► order (strategy by strategy, nested ones first) ─► Plan ─► attempt ─► outcome ┐
//! standing, drained      ┘                                                                                   │
//!        ▲                                                                                                   │
//!        └──────────────────── Health: breaker, latencies, errors, retry budget ◄────────────────────────────┘
//! ```
//!
//! [`order`](order::order) is what a strategy decides; [`Plan`](plan::Plan) walks it. What has failed of late is kept
//! in a [`Health`](health::Health) per target, of which the [`Breaker`](breaker::Breaker) is a part.

pub mod breaker;
pub mod budget;
pub mod complexity;
pub mod credentials;
pub mod dice;
pub mod explain;
pub mod facts;
pub mod health;
pub mod language;
pub mod latency;
pub mod order;
pub mod plan;
pub mod rendezvous;
pub mod rule;
pub mod semantic;
pub mod sensitivity;
pub mod shared;
pub mod waiting;
pub mod window;
