//! The operating curve as a picture: hits by the share of them that is wrong, a line a rule, as SVG.

use std::fmt::Write;

use crate::trace::{self, Step};

/// The picture's size and the plot's edges, in pixels.
const WIDTH: f32 = 720.0;
const HEIGHT: f32 = 420.0;
const LEFT: f32 = 70.0;
const RIGHT: f32 = 560.0;
const TOP: f32 = 30.0;
const BOTTOM: f32 = 360.0;

/// The greatest shares shown: wrong hits, and hits.
const WRONG: f32 = 0.06;
const HITS: f32 = 0.40;

/// The line of a rule.
pub struct Line<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its colour.
    pub colour: &'a str,
    /// Shares of wrong hits and of hits, by threshold.
    pub points: Vec<(f32, f32)>,
}

/// The line of a rule from the scores of its candidates, as each score falls below the threshold.
pub fn line<'a>(
    name: &'a str,
    colour: &'a str,
    steps: &[Step],
    of: impl Fn(&Step) -> Option<(f32, bool)> + Copy,
) -> Line<'a> {
    let open = steps.iter().filter(|step| step.canonical.is_none()).filter_map(of);
    let mut scores: Vec<f32> = open.map(|(score, _)| score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let every = (scores.len() / 120).max(1);
    let thresholds = [f32::INFINITY].into_iter().chain(scores.into_iter().step_by(every));
    let points = thresholds
        .map(|threshold| {
            let (hits, wrong) = trace::served(steps, of, threshold);
            (wrong as f32 / hits.max(1) as f32, hits as f32 / steps.len().max(1) as f32)
        })
        .filter(|(wrong, hits)| *wrong <= WRONG && *hits <= HITS)
        .collect();
    Line { name, colour, points }
}

/// The picture. `marks` are points with a name: the shipped thresholds.
pub fn draw(lines: &[Line<'_>], marks: &[(String, f32, f32)]) -> String {
    let x = |wrong: f32| LEFT + (RIGHT - LEFT) * wrong / WRONG;
    let y = |hits: f32| BOTTOM - (BOTTOM - TOP) * hits / HITS;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Hits of the semantic cache by the share of them that is wrong, on the development trace</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for step in 0..=6_u8 {
        let (wrong, at) = (f32::from(step) / 100.0, x(f32::from(step) / 100.0));
        _ = writeln!(
            svg,
            "<path d=\"M{at:.1} {TOP}V{BOTTOM}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.0} %</text>",
            BOTTOM + 18.0,
            100.0 * wrong
        );
    }
    for step in 0..=4_u8 {
        let at = y(f32::from(step) / 10.0);
        _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{RIGHT}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{} %</text>",
            LEFT - 8.0,
            at + 4.0,
            10 * step
        );
    }
    _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">wrong hits, of all hits</text>",
        f32::midpoint(LEFT, RIGHT),
        BOTTOM + 40.0
    );
    _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{:.1}\">hits, of all requests</text>", TOP - 12.0);
    for (at, Line { name, colour, points }) in lines.iter().enumerate() {
        let path: Vec<String> =
            points.iter().map(|(wrong, hits)| format!("{:.1} {:.1}", x(*wrong), y(*hits))).collect();
        if !path.is_empty() {
            _ = writeln!(
                svg,
                "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join("L")
            );
        }
        let row = TOP + 20.0 * at as f32;
        _ = writeln!(
            svg,
            "<path d=\"M{:.1} {row:.1}h20\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
            RIGHT + 15.0,
            RIGHT + 40.0,
            row + 4.0
        );
    }
    for (name, wrong, hits) in marks {
        let (at, row) = (x(*wrong), y(*hits));
        _ = writeln!(
            svg,
            "<circle cx=\"{at:.1}\" cy=\"{row:.1}\" r=\"4\" fill=\"black\"/><text x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
            at + 8.0,
            row + 14.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(score: f32, right: bool) -> Step {
        Step { bytes: None, canonical: None, verified: Some((score, right)), nearest: None, overlap: None }
    }

    #[test]
    fn a_line_goes_from_no_hits_to_all_that_the_picture_has_room_for() {
        let mut steps: Vec<Step> = (0..100).map(|at| step(at as f32, at > 10)).collect();
        steps.extend((0..300).map(|_| Step { verified: None, ..step(0.0, true) }));
        let line = line("rule", "#c00", &steps, |step| step.verified);
        assert_eq!(line.points[0], (0.0, 0.0));
        assert!(line.points.iter().all(|(wrong, hits)| *wrong <= WRONG && *hits <= HITS));
        assert_eq!(line.points.iter().filter(|(wrong, _)| *wrong == 0.0).count(), 90);
        let svg = draw(&[line], &[("1 %".to_owned(), 0.01, 0.2)]);
        assert!(svg.contains("stroke=\"#c00\"") && svg.contains(">1 %</text>") && svg.ends_with("</svg>\n"));
    }
}
