//! `Rng`: the platform's cryptographic source, drawn in blocks because each draw crosses into JavaScript.

use std::cell::RefCell;

use sluice_core::port::Rng;

use crate::Worker;

const BLOCK: usize = 512;

thread_local! {
    static DRAWN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Rng for Worker {
    fn random(&self) -> u64 {
        DRAWN.with_borrow_mut(|drawn| {
            if drawn.len() < 8 {
                drawn.resize(BLOCK, 0);
                if getrandom::getrandom(drawn).is_err() {
                    drawn.clear();
                }
            }
            // Each byte is used once.
            drawn
                .split_off(drawn.len().saturating_sub(8))
                .into_iter()
                .fold(0, |number, byte| number << 8 | u64::from(byte))
        })
    }
}
