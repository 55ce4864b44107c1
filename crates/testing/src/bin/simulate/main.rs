//! Prints what strategies do in bad times, as the tables of docs/routing.md.

#![allow(clippy::print_stdout, reason = "it prints")]

use sluice_testing::simulate::report;

fn main() {
    print!("{}", report::table());
}
