//! Signatures of AWS (SigV4).

/// Whether `region` is the name of a region.
pub fn is_region(region: &str) -> bool {
    let mut parts = region.split('-');
    let letters = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase());
    let first = parts.next().is_some_and(letters);
    let rest: Vec<&str> = parts.collect();
    first
        && 2 <= rest.len()
        && rest.last().is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}
