//! Routing by ten examples a route, cross-validated on the training files: ten drawn, the rest tested.

use std::collections::BTreeMap;

use sluice_semantic::{
    model::Model,
    route::{Abstain, Head, Routed},
};

use crate::measure::auc;

/// Accuracy of the head and of plain centroids, and how well the score tells texts out of scope.
pub struct Figures {
    pub head: f64,
    pub centroid: f64,
    pub outside: Option<f64>,
}

pub fn measure(model: &Model<'_>, rows: &[Vec<String>], examples: usize) -> Figures {
    let mut routes: BTreeMap<&str, Vec<Vec<f32>>> = BTreeMap::new();
    let mut outside = Vec::new();
    for row in rows {
        let vector = model.embed(&row[0]).0;
        if row[1] == "oos" { outside.push(vector) } else { routes.entry(&row[1]).or_default().push(vector) }
    }
    let (mut right, mut near, mut all) = (0, 0, 0);
    let mut scores: Vec<(f32, bool)> = Vec::new();
    const FOLDS: usize = 3;
    for fold in 0..FOLDS {
        // Examples spread over the file, others each fold; the rest is tested, one in four to save time.
        let chosen = |index: usize, count: usize| {
            (0..examples).any(|k| (k * count / examples + fold * 7) % count == index)
        };
        let train: Vec<Vec<Vec<f32>>> = routes
            .values()
            .map(|list| {
                list.iter()
                    .enumerate()
                    .filter(|(i, _)| chosen(*i, list.len()))
                    .map(|(_, v)| v.clone())
                    .collect()
            })
            .collect();
        let head = Head::fit(&train, Abstain { score: 0.0, margin: 0.0 }).unwrap();
        let centroids: Vec<Vec<f32>> = train.iter().map(|examples| centroid(examples)).collect();
        for (route, list) in routes.values().enumerate() {
            for (_, vector) in list.iter().enumerate().filter(|(i, _)| !chosen(*i, list.len()) && i % 4 == 0)
            {
                all += 1;
                if let Routed::To { route: to, score, .. } = head.route(vector) {
                    right += usize::from(to == route);
                    scores.push((score, true));
                }
                let dot = |c: &Vec<f32>| c.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
                let best =
                    (0..centroids.len()).max_by(|a, b| dot(&centroids[*a]).total_cmp(&dot(&centroids[*b])));
                near += usize::from(best == Some(route));
            }
        }
        for vector in &outside {
            if let Routed::To { score, .. } = head.route(vector) {
                scores.push((score, false));
            }
        }
    }
    let share = |part: usize| part as f64 / all.max(1) as f64;
    Figures {
        head: share(right),
        centroid: share(near),
        outside: (!outside.is_empty()).then(|| auc(&scores)),
    }
}

fn centroid(examples: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0; examples[0].len()];
    examples.iter().for_each(|e| sum.iter_mut().zip(e).for_each(|(s, v)| *s += v));
    let length = sum.iter().map(|v| v * v).sum::<f32>().sqrt();
    sum.iter_mut().for_each(|v| *v /= length);
    sum
}
