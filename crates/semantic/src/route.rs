//! Routes by examples: a linear head over text vectors, fitted when the configuration is pushed, with abstention.
//!
//! The head is ridge regression towards +1 for an example's own route and -1 for the others, in closed form: one
//! 256-by-256 system, solved once, whatever the number of routes (tens of milliseconds). Examples of one route count
//! together as much as those of any other.

use crate::model::DIMS;

/// Added to the diagonal, per unit of weight of the examples.
const RIDGE: f64 = 0.6;
/// Shortest text that is routed, as the length of its vector: nothing known, nothing routed.
const LEAST: f32 = 1e-6;

/// Why no head could be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// Fewer than two routes.
    TooFewRoutes,
    /// A route without an example whose words the model knows; its position.
    NoExample(usize),
    /// Vectors of unequal length, or longer than 256.
    Shape,
}

impl std::fmt::Display for RouteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooFewRoutes => f.write_str("a semantic strategy needs two routes or more"),
            Self::NoExample(route) => write!(f, "route {route} has no usable example: give it some in English"),
            Self::Shape => f.write_str("examples' vectors differ in length: embed them with one model"),
        }
    }
}

impl std::error::Error for RouteError {}

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Routed {
    /// To this route.
    To {
        /// Position of the route.
        route: usize,
        /// Its score, about -1 to 1.
        score: f32,
        /// How much better than the next route.
        margin: f32,
    },
    /// To the default: no route is clear.
    Abstain {
        /// The best score.
        score: f32,
        /// How much better than the next route.
        margin: f32,
    },
}

/// When to abstain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Abstain {
    /// Least score.
    pub score: f32,
    /// Least distance to the next route.
    pub margin: f32,
}

/// A fitted head; plain numbers, to be stored with the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    dims: usize,
    /// A row a route, its bias last.
    weights: Vec<f32>,
    /// The mean of the routes' examples, taken off every vector.
    mean: Vec<f32>,
    /// When to abstain.
    pub abstain: Abstain,
}

impl Head {
    /// Fits a head to `routes`: each route's examples as vectors of length one, all of equal size (at most 256).
    ///
    /// # Errors
    ///
    /// [`RouteError`] for fewer than two routes, a route without examples, vectors of unequal size.
    pub fn fit(routes: &[Vec<Vec<f32>>], abstain: Abstain) -> Result<Self, RouteError> {
        if routes.len() < 2 {
            return Err(RouteError::TooFewRoutes);
        }
        let usable = |vector: &&Vec<f32>| LEAST < vector.iter().map(|v| v * v).sum::<f32>();
        if let Some(empty) = routes.iter().position(|examples| !examples.iter().any(|e| usable(&e))) {
            return Err(RouteError::NoExample(empty));
        }
        let dims = routes.iter().flatten().next().map_or(0, Vec::len);
        if dims == 0 || DIMS < dims || routes.iter().flatten().any(|vector| vector.len() != dims) {
            return Err(RouteError::Shape);
        }
        let count = routes.len();
        let rows: Vec<(usize, f64, &Vec<f32>)> = routes
            .iter()
            .enumerate()
            .flat_map(|(route, examples)| {
                let kept: Vec<&Vec<f32>> = examples.iter().filter(usable).collect();
                let weight = 1.0 / kept.len() as f64;
                kept.into_iter().map(move |vector| (route, weight, vector))
            })
            .collect();
        let mut mean = vec![0.0_f64; dims];
        for (_, weight, vector) in &rows {
            mean.iter_mut().zip(*vector).for_each(|(m, v)| *m += weight * f64::from(*v) / count as f64);
        }
        // Normal equations: (Σ w x xᵀ + λ n I) W = Σ w x yᵀ, over centred x.
        let mut square = vec![0.0_f64; dims * dims];
        let mut right = vec![0.0_f64; dims * count];
        for (route, weight, vector) in &rows {
            let x: Vec<f64> = vector.iter().zip(&mean).map(|(v, m)| f64::from(*v) - m).collect();
            for (row, a) in square.chunks_exact_mut(dims).zip(&x) {
                row.iter_mut().zip(&x).for_each(|(cell, b)| *cell += weight * a * b);
            }
            // y is 2 for the route and 0 elsewhere; the -1 is in the bias, since x is centred.
            for (row, a) in right.chunks_exact_mut(count).zip(&x) {
                if let Some(cell) = row.get_mut(*route) {
                    *cell += 2.0 * weight * a;
                }
            }
        }
        let trace: f64 = square.iter().step_by(dims + 1).sum();
        let ridge = RIDGE * trace / dims as f64 + 1e-9;
        square.iter_mut().step_by(dims + 1).for_each(|cell| *cell += ridge);
        solve(&mut square, &mut right, dims, count);
        let mut weights = Vec::with_capacity(count * (dims + 1));
        for route in 0..count {
            weights.extend(right.iter().skip(route).step_by(count).map(|w| *w as f32));
            weights.push(2.0 / count as f32 - 1.0);
        }
        Ok(Self { dims, weights, mean: mean.iter().map(|m| *m as f32).collect(), abstain })
    }

    /// Scores of all routes for a text's vector of length one.
    #[must_use]
    pub fn scores(&self, vector: &[f32]) -> Vec<f32> {
        let x: Vec<f32> = vector.iter().zip(&self.mean).map(|(v, m)| v - m).collect();
        let row = |row: &[f32]| row.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>() + row.last().copied().unwrap_or(0.0);
        self.weights.chunks_exact(self.dims + 1).map(row).collect()
    }

    /// Routes a text by its vector of length one; zeros (no known word) abstain.
    #[must_use]
    pub fn route(&self, vector: &[f32]) -> Routed {
        let (mut route, mut score, mut second) = (0, f32::NEG_INFINITY, f32::NEG_INFINITY);
        for (index, value) in self.scores(vector).into_iter().enumerate() {
            if score < value {
                (route, score, second) = (index, value, score);
            } else if second < value {
                second = value;
            }
        }
        let margin = score - second;
        let known = LEAST < vector.iter().map(|v| v * v).sum::<f32>();
        if known && self.abstain.score <= score && self.abstain.margin <= margin {
            Routed::To { route, score, margin }
        } else {
            Routed::Abstain { score, margin }
        }
    }
}

/// Solves `square` · W = `right` in place by Cholesky; `square` is symmetric and positive.
fn solve(square: &mut [f64], right: &mut [f64], dims: usize, count: usize) {
    for j in 0..dims {
        let (above, from) = square.split_at_mut(j * dims);
        let Some(row) = from.get_mut(..dims) else { return };
        // Row j of the factor L, left of the diagonal, from the rows above it.
        for (i, upper) in above.chunks_exact(dims).enumerate() {
            let (done, rest) = row.split_at_mut(i);
            let sum: f64 = done.iter().zip(upper).map(|(a, b)| a * b).sum();
            if let (Some(cell), Some(diagonal)) = (rest.first_mut(), upper.get(i)) {
                *cell = (*cell - sum) / diagonal;
            }
        }
        let (done, rest) = row.split_at_mut(j);
        let sum: f64 = done.iter().map(|a| a * a).sum();
        if let Some(cell) = rest.first_mut() {
            *cell = (*cell - sum).max(1e-12).sqrt();
        }
    }
    // L Z = right, downwards; then Lᵀ W = Z, upwards.
    for i in 0..dims {
        let (above, from) = right.split_at_mut(i * count);
        let (Some(row), Some(factor)) = (from.get_mut(..count), square.get(i * dims..i * dims + i + 1)) else { return };
        for (upper, l) in above.chunks_exact(count).zip(factor) {
            row.iter_mut().zip(upper).for_each(|(cell, z)| *cell -= l * z);
        }
        let diagonal = factor.last().copied().unwrap_or(1.0);
        row.iter_mut().for_each(|cell| *cell /= diagonal);
    }
    for i in (0..dims).rev() {
        let (above, from) = right.split_at_mut(i * count);
        let (Some(row), Some(factor)) = (from.get_mut(..count), square.get(i * dims..i * dims + i + 1)) else { return };
        let diagonal = factor.last().copied().unwrap_or(1.0);
        row.iter_mut().for_each(|cell| *cell /= diagonal);
        for (upper, l) in above.chunks_exact_mut(count).zip(factor) {
            upper.iter_mut().zip(row.iter()).for_each(|(cell, w)| *cell -= l * w);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Abstain, Head, RouteError, Routed, solve};

    const NEVER: Abstain = Abstain { score: -9.0, margin: 0.0 };

    #[test]
    fn a_system_is_solved() {
        // [[4, 2], [2, 3]] · [1, 2] = [8, 8]
        let (mut square, mut right) = (vec![4.0, 2.0, 2.0, 3.0], vec![8.0, 8.0]);
        solve(&mut square, &mut right, 2, 1);
        assert!((right[0] - 1.0).abs() < 1e-9 && (right[1] - 2.0).abs() < 1e-9, "{right:?}");
    }

    #[test]
    fn examples_come_back_to_their_route_and_what_is_between_abstains() {
        let routes = vec![vec![vec![1.0, 0.0, 0.0], vec![0.9, 0.1, 0.0]], vec![vec![0.0, 1.0, 0.0]], vec![vec![0.0, 0.0, 1.0]]];
        let mut head = Head::fit(&routes, NEVER).unwrap();
        for (route, examples) in routes.iter().enumerate() {
            for example in examples {
                assert!(matches!(head.route(example), Routed::To { route: to, .. } if to == route));
            }
        }
        head.abstain = Abstain { score: 0.0, margin: 0.3 };
        assert!(matches!(head.route(&[0.7, 0.7, 0.0]), Routed::Abstain { .. }));
        assert!(matches!(head.route(&[0.0, 0.0, 0.0]), Routed::Abstain { .. }));
        assert!(matches!(head.route(&[1.0, 0.0, 0.0]), Routed::To { route: 0, .. }));
    }

    #[test]
    fn what_cannot_be_fitted_says_why() {
        assert_eq!(Head::fit(&[vec![vec![1.0]]], NEVER), Err(RouteError::TooFewRoutes));
        assert_eq!(Head::fit(&[vec![vec![1.0]], vec![vec![0.0]]], NEVER), Err(RouteError::NoExample(1)));
        assert_eq!(Head::fit(&[vec![vec![1.0]], vec![vec![1.0, 0.0]]], NEVER), Err(RouteError::Shape));
    }
}
