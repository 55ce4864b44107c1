//! What every adapter of a port must keep, as plain functions. They run on the host in memory in unit tests, and inside the
//! real hosts, in bundles of their own whose entry point is [`serve`], in scenarios.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken contract fails the test"
)]

pub mod counters;
pub mod index;
pub mod queue;
pub mod serve;
pub mod store;
pub mod vectors;

use sluice_core::port::Host;

macro_rules! contracts {
    ($($group:ident :: $contract:ident),+ $(,)?) => {
        /// The contracts that every host keeps, by name.
        pub const ALL: &[&str] = &[$(stringify!($contract)),+];

        /// Runs the contract `name` on `host`; false if there is none of that name.
        ///
        /// # Panics
        ///
        /// If the contract is broken.
        pub async fn run(name: &str, host: &impl Host) -> bool {
            match name {
                $(stringify!($contract) => Box::pin($group::$contract(host)).await,)+
                vectors::OF_THE_HOST => Box::pin(vectors::vectors_of_the_host(host)).await,
                _ => return false,
            }
            true
        }
    };
}

contracts![
    store::kv_reads_what_it_wrote,
    store::kv_forgets_what_it_is_told_to,
    store::kv_lists_by_prefix,
    store::objects_give_back_what_they_were_given,
    store::clock_passes_while_sleeping,
    store::rng_does_not_repeat,
    counters::counters_are_exact_under_concurrency,
    counters::counters_keep_owners_apart,
    counters::counters_give_back_what_lapses,
    counters::rows_reach_the_store_once,
    counters::journals_are_chained,
    queue::the_own_queue_loses_nothing,
    queue::a_later_death_is_not_forgotten,
    index::index_shows_all_of_a_file_or_nothing,
    index::index_minds_no_repeats,
    index::index_removes_for_good,
    index::index_finds_by_words_vectors_and_attributes,
    index::index_is_embedded_anew,
    index::indexes_keep_stores_apart,
    vectors::embedded_vectors_find_the_nearest,
];

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::memory::MemoryHost;

    #[test]
    fn the_memory_host_keeps_the_contracts() {
        let host = MemoryHost::default();
        for name in ALL {
            assert!(host.run(run(name, &host)), "{name}");
        }
        assert!(host.run(run(vectors::OF_THE_HOST, &host)));
        assert!(!host.run(run("no_such_contract", &host)));
    }

    #[test]
    fn a_budget_is_shared_out_exactly() {
        let host = MemoryHost::default();
        let shares = host.run(join_all((0..8).map(|_| counters::share_of_a_budget(&host))));
        assert_eq!(shares.iter().sum::<usize>(), counters::FITS);
    }
}
