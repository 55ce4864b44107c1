//! From the rate of wrong hits that an operator tolerates to the verifier's threshold.

/// Measured by `cargo xtask train semantic` on the development trace: a line a rate, `rate threshold`, both
/// ascending in strictness. A wrong rate is wrong hits by all hits, the exact ones included.
const TABLE: &str = include_str!("../model/calibration-v1.tsv");

/// The rate that holds where nothing is configured: 1 %.
pub const DEFAULT_RATE: f32 = 0.01;

/// The threshold for a tolerated rate of wrong hits, `0.0..=1.0`: that of the nearest stricter rate in the table. `None`
/// where the rate is stricter than anything measured: then only exact match may answer.
#[must_use]
pub fn threshold(rate: f32) -> Option<f32> {
    rows()
        .filter(|(measured, _)| *measured <= rate)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, threshold)| threshold)
}

/// The table: (tolerated rate, threshold).
pub fn rows() -> impl Iterator<Item = (f32, f32)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (rate, threshold) = line.split_once('\t')?;
        Some((rate.trim().parse().ok()?, threshold.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_RATE, rows, threshold};

    #[test]
    fn stricter_rates_ask_for_higher_scores() {
        let all: Vec<(f32, f32)> = rows().collect();
        assert!(3 <= all.len());
        assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[1].1 <= pair[0].1), "{all:?}");
        assert!(threshold(DEFAULT_RATE).is_some());
        assert_eq!(threshold(0.0), None);
        assert_eq!(threshold(f32::NAN), None);
        assert_eq!(threshold(1.0), all.last().map(|row| row.1));
    }
}
