//! How well the checks with forms and rules do: personal data, secrets, leaks, links, groundedness, streams.

mod exfiltration;
mod grounding;
mod leaks;
mod pii;
mod secrets;
mod streams;
mod table;

use anyhow::Result;

/// Fits the weights of the groundedness score and prints them.
///
/// # Errors
///
/// The data are missing.
pub fn fit() -> Result<()> {
    grounding::fit().map(|_| ())
}

/// Prints the tables, beside their goals; with `errors` also what was wrong, row by row.
///
/// # Errors
///
/// The data are missing.
pub fn eval(errors: bool) -> Result<()> {
    for section in [
        pii::section,
        secrets::section,
        leaks::section,
        exfiltration::section,
        grounding::section,
        streams::section,
    ] {
        println!("{}", section(errors)?);
    }
    Ok(())
}
