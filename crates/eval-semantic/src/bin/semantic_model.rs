//! The model and its tokenizer alone, and what links to them of the standard library: `cargo xtask eval semantic --wasm` prints
//! the module's size.

use std::hint::black_box;

use sluice_semantic::model::{EMBEDDED, Model};

fn main() {
    if let Some(model) = EMBEDDED.and_then(|bytes| Model::parse(bytes).ok()) {
        black_box(model.embed(black_box("How can I change the billing address of my company account?")));
    }
}
