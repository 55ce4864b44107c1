//! Rendezvous hashing: every key has an order of preference over all members, and only keys whose first member goes
//! away move.

use super::dice;

/// A hash that stays the same over versions and machines (FNV-1a, finished by SplitMix64's mixer).
pub fn hash(parts: &[&[u8]]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    dice::mix(state)
}

/// How much `member` is preferred for `key`: the highest wins. Members win in proportion to their weights (the
/// logarithmic method: Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005).
pub fn preference(key: u64, member: &str, weight: f64) -> f64 {
    weighted(dice::unit(hash(&[&key.to_le_bytes(), member.as_bytes()])), weight)
}

/// The same where `drawn` of `0.0..1.0` decides: sorting by it draws without replacement by weight.
pub fn weighted(drawn: f64, weight: f64) -> f64 {
    // ln of a number just below 1 would be 0: the draw is kept away from both ends.
    -weight / drawn.clamp(1e-12, 1.0 - 1e-12).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: [(&str, f64); 3] = [("a/m", 1.0), ("b/m", 2.0), ("c/m", 5.0)];

    fn best(key: u64, without: &str) -> &'static str {
        let of = |(name, weight): &(&str, f64)| preference(key, name, *weight);
        let members = MEMBERS.iter().filter(|(name, _)| *name != without);
        members.max_by(|a, b| of(a).total_cmp(&of(b))).unwrap().0
    }

    #[test]
    fn members_win_by_weight_and_only_the_lost_ones_keys_move() {
        let keys: Vec<u64> = (0..40_000_u64).map(|n| hash(&[&n.to_le_bytes()])).collect();
        for (name, weight) in MEMBERS {
            let won = keys.iter().filter(|key| best(**key, "") == name).count() as f64;
            assert!((won / 40_000.0 - weight / 8.0).abs() < 0.01, "{name}: {won}");
        }
        for key in keys {
            let before = best(key, "");
            assert!(before == "c/m" || best(key, "c/m") == before);
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_eq!(preference(1, "a", 0.0), 0.0);
    }
}
