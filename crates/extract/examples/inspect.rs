//! Shows what a file becomes: `cargo run -p sluice-extract --example inspect -- FILE…`.

use std::{error::Error, path::Path};

use sluice_extract::{Limits, Sizes, chunks, extract};

fn main() -> Result<(), Box<dyn Error>> {
    for file in std::env::args().skip(1) {
        let bytes = std::fs::read(&file)?;
        let name = Path::new(&file).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let document = match extract(name, &bytes, &Limits::default()) {
            Ok(document) => document,
            Err(problem) => {
                eprintln!("{file}: {}: {problem}", problem.code());
                continue;
            }
        };
        eprintln!("{file}: {}, {} bytes of text", document.kind.name(), document.text.len());
        for block in &document.blocks {
            let text = document.text.get(block.start..block.end).unwrap_or_default();
            let page = block.page.map(|page| format!("p{page} ")).unwrap_or_default();
            eprintln!("{page}{:?}: {text}", block.kind);
        }
        // About four bytes of English make a token.
        for chunk in chunks(&document, &Sizes::AUTO, &|text| text.len().div_ceil(4)) {
            let (start, end, headings) = (chunk.start, chunk.end, chunk.headings.join(" > "));
            eprintln!("chunk {} [{start}..{end}] {headings}", chunk.ordinal);
        }
    }
    Ok(())
}
