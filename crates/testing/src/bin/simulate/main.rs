//! Prints what strategies do in bad times, or (`complexity`) what becomes of labelled prompts: the tables of
//! docs/routing.md.

#![allow(clippy::print_stdout, reason = "it prints")]

use sluice_testing::simulate::report;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("complexity") => print!("{}", report::complexity()),
        Some(_) | None => print!("{}", report::table()),
    }
}
