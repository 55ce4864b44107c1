//! Plain statistics.

/// Area under the curve of true positives by false positives; ties count half.
pub fn auc(rows: &[(f32, bool)]) -> f64 {
    let mut sorted: Vec<&(f32, bool)> = rows.iter().collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut area) = (0.0_f64, 0.0_f64);
    let (mut yes, mut no) = (0.0_f64, 0.0_f64);
    for group in sorted.chunk_by(|a, b| a.0 == b.0) {
        let here = group.iter().filter(|row| row.1).count() as f64;
        let not = group.len() as f64 - here;
        area += here * (below + not / 2.0);
        below += not;
        yes += here;
        no += not;
    }
    area / (yes * no).max(1.0)
}

/// Average precision: the mean, over the positives, of the precision at their rank.
pub fn average_precision(rows: &[(f32, bool)]) -> f64 {
    let mut sorted: Vec<&(f32, bool)> = rows.iter().collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut hits, mut sum) = (0.0_f64, 0.0_f64);
    for (rank, row) in sorted.iter().enumerate() {
        if row.1 {
            hits += 1.0;
            sum += hits / (rank + 1) as f64;
        }
    }
    sum / hits.max(1.0)
}

/// Spearman's rank correlation, ties sharing their mean rank.
pub fn spearman(a: &[f32], b: &[f32]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut out = vec![0.0; values.len()];
    let mut at = 0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = at as f64 + (group.len() as f64 - 1.0) / 2.0;
        group.iter().for_each(|i| out[*i] = rank);
        at += group.len();
    }
    out
}

/// The one-sided upper 95 % bound (Clopper and Pearson) of a share of which `part` in `whole` were seen.
pub fn upper_bound(part: usize, whole: usize) -> f64 {
    if whole <= part {
        return 1.0;
    }
    // The chance to see so few, if the share were `p`.
    let few = |p: f64| {
        let mut term = (1.0 - p).powf(whole as f64);
        let mut sum = term;
        for k in 0..part {
            term *= (whole - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
            sum += term;
        }
        sum
    };
    let (mut low, mut high) = (part as f64 / whole as f64, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if few(middle) < 0.05 { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::upper_bound;

    #[test]
    fn the_bound_is_that_of_the_tables() {
        assert!((upper_bound(0, 300) - 0.009_936).abs() < 1e-5);
        assert!((upper_bound(2, 650) - 0.009_655).abs() < 1e-4);
        assert!((upper_bound(5, 5) - 1.0).abs() < 1e-9);
    }
}
