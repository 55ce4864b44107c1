//! The injection detector: training, and its part of the report.
//!
//! One model per fold sees none of the fold's groups; its scores clean the labels, fit the calibration, fix the thresholds
//! and make the report. The model that ships is then fitted to everything.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use sluice_guardrails::canonical::canonicalise;
use sluice_guardrails::injection::{Detector, OperatingPoint, Trust};

use crate::folds::{self, FOLDS, SHARED_GRAMMAR, Sample};
use crate::learn::{self, Weights, Window, sigmoid};
use crate::{obfuscation, table};

/// Where the weights are committed.
const WEIGHTS: &str = "crates/guardrails/src/injection/weights.bin";
/// Shares of harmless texts that strict, balanced and quiet may flag, on pools not trained on. Below the published 2 %, 1 %
/// and 0.3 %, because other traffic differs from these pools.
const TARGETS: [f64; 3] = [0.018, 0.0095, 0.0025];
/// An attack's window that a model which has not seen its source finds less likely than this is taken for harmless padding.
const HARMLESS_WINDOW: f32 = 0.12;
/// The same for an attack's best window: a label that nothing in the text bears out.
const HARMLESS_TEXT: f32 = 0.04;

/// What training makes.
struct Trained {
    samples: Vec<Sample>,
    /// By fold.
    folds: Vec<Detector>,
    /// Trained without anything the shared grammar made.
    without_grammar: Detector,
    shipped: Vec<u8>,
    dropped: usize,
}

/// Trains and writes the weights.
pub fn train() -> Result<()> {
    let trained = fit()?;
    std::fs::write(WEIGHTS, &trained.shipped)
        .with_context(|| format!("{WEIGHTS} cannot be written; run this from the repository's root"))?;
    println!("{WEIGHTS}: {} bytes, {} windows dropped as harmless", trained.shipped.len(), trained.dropped);
    Ok(())
}

fn trust(sample: &Sample) -> Trust {
    if sample.row.src == "documents" || sample.row.kind == "doc" { Trust::Untrusted } else { Trust::User }
}

fn all_windows(samples: &[Sample]) -> Vec<Window> {
    let mut windows = Vec::new();
    for (nth, sample) in samples.iter().enumerate().filter(|(_, sample)| 0.0 < sample.weight) {
        let row = &sample.row;
        let mut found = learn::windows(&row.text, nth, f32::from(row.label), sample.weight, sample.group);
        if let (Some(start), Some(end)) = (row.start, row.end) {
            let byte = |chars: usize| row.text.char_indices().nth(chars).map_or(row.text.len(), |(at, _)| at);
            let (start, end) = (byte(start), byte(end));
            for window in &mut found {
                let shared = window.span.1.min(end).saturating_sub(window.span.0.max(start));
                window.label = f32::from(u8::from(0 < shared));
                // An attack that is hardly inside teaches neither.
                if 0 < shared && shared * 2 < end - start {
                    window.weight = 0.0;
                }
            }
        }
        windows.append(&mut found);
    }
    windows
}

fn fit() -> Result<Trained> {
    let samples = folds::samples()?;
    let mut windows = all_windows(&samples);
    let mut dropped = 0;
    let mut models = Vec::new();
    for round in 0..3 {
        models = (0..FOLDS).map(|fold| Weights::fit(&windows, &[fold])).collect();
        if round < 2 {
            dropped += clean(&mut windows, &models);
        }
    }
    let unset = |weights: &Weights| weights.file([1.0, 0.0, 1.0, 0.0], [0.5; 6]);
    let raw: Vec<Detector> = models.iter().map(|weights| detector(&unset(weights))).collect::<Result<_>>()?;
    let (calibration, thresholds) = calibrate(&samples, &raw)?;
    let folds = models
        .iter()
        .map(|weights| detector(&weights.file(calibration, thresholds)))
        .collect::<Result<_>>()?;
    let without_grammar = detector(&Weights::fit(&windows, &SHARED_GRAMMAR).file(calibration, thresholds))?;
    let shipped = Weights::fit(&windows, &[]).file(calibration, thresholds);
    Ok(Trained { samples, folds, without_grammar, shipped, dropped })
}

fn detector(file: &[u8]) -> Result<Detector> {
    Detector::from_weights(file)
        .map_err(|_| anyhow!("the trainer wrote a file that the detector does not read"))
}

/// Drops attack windows that a model which has not seen them finds harmless; how many.
fn clean(windows: &mut [Window], models: &[Weights]) -> usize {
    let scores: Vec<Option<f32>> = windows
        .iter()
        .map(|window| models.get(window.group).map(|model| sigmoid(model.score(window))))
        .collect();
    let rows = windows.iter().map(|window| window.row + 1).max().unwrap_or(0);
    let mut best = vec![0.0_f32; rows];
    for (window, score) in windows.iter().zip(&scores) {
        best[window.row] = best[window.row].max(score.unwrap_or(1.0));
    }
    let mut dropped = 0;
    for (window, score) in windows.iter_mut().zip(scores) {
        let Some(score) = score else { continue };
        let harmless = if score < best[window.row] { HARMLESS_WINDOW } else { HARMLESS_TEXT };
        if window.label == 1.0 && window.weight != 0.0 && score < harmless {
            window.weight = 0.0;
            dropped += 1;
        }
    }
    dropped
}

/// Calibration (slope and offset twice) and thresholds (three, twice), from scores of held-out rows.
fn calibrate(samples: &[Sample], raw: &[Detector]) -> Result<([f32; 4], [f32; 6])> {
    let mut calibration = [0.0; 4];
    let mut thresholds = [0.0; 6];
    for (nth, kind) in [Trust::User, Trust::Untrusted].into_iter().enumerate() {
        let mut scored = Vec::new();
        let mut pool = Vec::new();
        for sample in samples.iter().filter(|sample| sample.group < FOLDS && trust(sample) == kind) {
            let row = &sample.row;
            let counts = folds::in_pool(row) || kind == Trust::Untrusted && row.label == 0;
            if !counts && row.label == 0 && sample.row.src == "documents" || row.kind == "indirect_no_cue" {
                continue;
            }
            let text = canonicalise(&row.text);
            let score = raw[sample.group].log_odds(&text, kind).max(-30.0);
            scored.push((score, f32::from(row.label)));
            if counts {
                // A rule that fires is over the threshold whatever the model says.
                let report = raw[sample.group].inspect(&text, kind);
                let rule = report.kinds.iter().any(|kind| *kind != sluice_guardrails::injection::LEARNED);
                pool.push(if rule { f32::INFINITY } else { score });
            }
        }
        let (slope, offset) = platt(&scored);
        calibration[nth * 2] = slope;
        calibration[nth * 2 + 1] = offset;
        pool.sort_by(f32::total_cmp);
        let mut least = 0.0;
        for (point, target) in TARGETS.iter().enumerate() {
            let allowed = (pool.len() as f64 * target) as usize;
            let at = pool.len().saturating_sub(allowed + 1);
            let score = pool.get(at).copied().filter(|score| score.is_finite());
            let score =
                score.or_else(|| pool.iter().rev().find(|score| score.is_finite()).copied()).unwrap_or(0.0);
            // Just above the harmless text that may not be flagged; rising from point to point.
            let threshold = (sigmoid(slope * score + offset) + 1e-4).clamp(least + 1e-3, 0.995);
            least = threshold;
            thresholds[nth * 3 + point] = threshold;
        }
        let rules = pool.iter().filter(|score| score.is_infinite()).count();
        eprintln!(
            "{kind:?}: pool {} (rules flag {rules}), slope {slope:.3}, offset {offset:.3}, thresholds {:?}",
            pool.len(),
            &thresholds[nth * 3..nth * 3 + 3]
        );
    }
    Ok((calibration, thresholds))
}

/// Platt scaling: the slope and offset that make log-odds probabilities, attacks and harmless texts weighing the same.
fn platt(scored: &[(f32, f32)]) -> (f32, f32) {
    let attacks = scored.iter().filter(|(_, label)| *label == 1.0).count().max(1) as f32;
    let harmless = (scored.len() as f32 - attacks).max(1.0);
    let (mut slope, mut offset) = (1.0_f32, 0.0_f32);
    for _ in 0..400 {
        let (mut down_slope, mut down_offset) = (0.0, 0.0);
        for (score, label) in scored {
            let weight = if *label == 1.0 { 0.5 / attacks } else { 0.5 / harmless };
            let error = weight * (sigmoid(slope * score + offset) - label);
            down_slope += error * score;
            down_offset += error;
        }
        slope = (slope - 0.5 * down_slope).clamp(0.2, 3.0);
        offset -= 1.0 * down_offset;
    }
    (slope, offset)
}

/// Prints the report on the injection detector.
pub fn eval() -> Result<()> {
    let trained = fit()?;
    let committed = std::fs::read(WEIGHTS).unwrap_or_default();
    let fresh =
        if committed == trained.shipped { "are" } else { "are NOT (run `cargo xtask train guardrails`)" };
    println!(
        "The committed weights {fresh} what training on this data makes: {} bytes.",
        trained.shipped.len()
    );
    println!(
        "Every figure is of a model that saw no row of the reported group of sources; thresholds are those that ship."
    );
    let flagged: Vec<_> = judged(&trained.samples, |sample| Some(&trained.folds[sample.group]));
    let unseen: Vec<_> = judged(&trained.samples, |sample| {
        SHARED_GRAMMAR.contains(&sample.group).then_some(&trained.without_grammar)
    });
    section(
        "Harmless prompts: share flagged",
        &flagged,
        &[
            ("general-benign pool (goal ≤ .010)", "-", &folds::in_pool),
            ("· OpenAssistant", "-", &|row| row.src == "oasst"),
            ("· Self-Instruct seeds", "-", &|row| row.src == "selfinstruct_seed"),
            ("· GSM8K", "-", &|row| row.src == "gsm8k"),
            ("· WritingBench", "-", &|row| row.src == "writingbench"),
            ("· SWE-Lancer issues", "-", &|row| row.src == "swe_issues"),
            ("· role-play prompts (jackhhao)", "-", &|row| row.src == "jackhhao" && row.label == 0),
            ("trigger words, personas (own; goal ≤ .025)", ".036", &|row| {
                row.src == "own" && row.label == 0
            }),
            ("encoded, support, act-as (bastion)", "-", &|row| row.src == "bastion" && row.label == 0),
            ("S-Labs benign (label noise)", "-", &|row| row.src == "slabs" && row.label == 0),
            ("neuralchemy benign", "-", &|row| row.src == "neuralchemy" && row.label == 0),
            ("clean documents", ".010", &|row| row.kind == "doc"),
        ],
    );
    section(
        "The shared grammar's prompts, by a model that saw none of them",
        &unseen,
        &[
            ("trigger words, personas", "-", &|row| row.src == "own" && row.label == 0),
            ("explicit attacks", "-", &|row| row.src == "own" && row.label == 1),
            ("overrides in documents", "-", &|row| row.kind == "indirect_explicit"),
            ("clean documents", "-", &|row| row.kind == "doc"),
        ],
    );
    section(
        "Attacks: share flagged",
        &flagged,
        &[
            ("explicit attacks (own grammar)", ".85", &|row| row.src == "own" && row.label == 1),
            ("S-Labs", "-", &|row| row.src == "slabs" && row.label == 1),
            ("neuralchemy, HackAPrompt among them", "-", &|row| {
                row.src == "neuralchemy" && row.kind == "direct"
            }),
            ("neuralchemy jailbreaks (mostly plain harmful requests)", ".02", &|row| {
                row.src == "neuralchemy" && row.kind == "jailbreak"
            }),
            ("seven languages (yanismiraoui)", ".07", &|row| row.src == "yanis_multi"),
            ("giskard", "-", &|row| row.src == "giskard"),
            ("bastion", "-", &|row| row.src == "bastion" && row.label == 1),
            ("in-the-wild jailbreaks", "-", &|row| row.src == "inthewild"),
            ("overrides in documents (goal ≥ .99)", "1.00", &|row| row.kind == "indirect_explicit"),
            ("out-of-place requests in documents (no goal)", ".00", &|row| row.kind == "indirect_no_cue"),
        ],
    );
    hand_written(&detector(&trained.shipped)?)?;
    obfuscation::report(&trained.folds)
}

/// Flags at the three operating points, of every sample that a model is named for.
fn judged<'s, 'd>(
    samples: &'s [Sample],
    model: impl Fn(&Sample) -> Option<&'d Detector>,
) -> Vec<(&'s Sample, [bool; 3])> {
    let mut flagged = Vec::new();
    for sample in samples.iter().filter(|sample| sample.group < FOLDS) {
        let Some(detector) = model(sample) else { continue };
        let trust = trust(sample);
        let report = detector.inspect(&canonicalise(&sample.row.text), trust);
        let points = [OperatingPoint::Strict, OperatingPoint::Balanced, OperatingPoint::Quiet];
        flagged.push((sample, points.map(|point| detector.threshold(trust, point) <= report.score)));
        let balanced = detector.threshold(trust, OperatingPoint::Balanced) <= report.score;
        if balanced != (sample.row.label == 1) {
            show(
                &sample.row.src,
                report.score,
                &report.kinds,
                sample.row.text.get(report.span.clone()).unwrap_or(&sample.row.text),
            );
        }
    }
    flagged
}

/// Prints what went wrong in the set that `SLUICE_EVAL_SHOW` names.
fn show(set: &str, score: f32, kinds: &[&str], text: &str) {
    if std::env::var_os("SLUICE_EVAL_SHOW").is_some_and(|wanted| wanted == set) {
        let text: String = text.chars().take(160).collect();
        eprintln!("{set} {score:.3} {kinds:?} {text:?}");
    }
}

type Rows<'a> = (&'a str, &'a str, &'a dyn Fn(&crate::data::Row) -> bool);

fn section(heading: &str, flagged: &[(&Sample, [bool; 3])], rows: &[Rows<'_>]) {
    table::heading(heading);
    table::head(&["set", "rows", "strict", "balanced", "quiet", "study"]);
    for (name, study, belongs) in rows {
        let of: Vec<&[bool; 3]> =
            flagged.iter().filter(|(sample, _)| belongs(&sample.row)).map(|(_, flags)| flags).collect();
        let share = |point: usize| table::share(of.iter().filter(|flags| flags[point]).count(), of.len());
        table::row(&[
            (*name).to_owned(),
            of.len().to_string(),
            share(0),
            share(1),
            share(2),
            (*study).to_owned(),
        ]);
    }
}

/// The cases that were written by hand and trained on by nothing.
fn hand_written(detector: &Detector) -> Result<()> {
    table::heading("Cases written by hand for this repository, trained on by nothing: share flagged");
    table::head(&["file", "rows", "strict", "balanced", "quiet"]);
    let folder = Path::new("crates/guardrails/tests/cases/injection");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("{} is not there; run this from the repository's root", folder.display()))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let trust = if name.starts_with("document") { Trust::Untrusted } else { Trust::User };
        let text = std::fs::read_to_string(&file)?;
        let balanced = detector.threshold(trust, OperatingPoint::Balanced);
        let mut scores = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            let report = detector.inspect(&canonicalise(&line.replace("\\n", "\n")), trust);
            if (balanced <= report.score) == name.contains("harmless") {
                show("cases", report.score, &report.kinds, line);
            }
            scores.push(report.score);
        }
        let share = |point| {
            table::share(
                scores.iter().filter(|score| detector.threshold(trust, point) <= **score).count(),
                scores.len(),
            )
        };
        let points = [OperatingPoint::Strict, OperatingPoint::Balanced, OperatingPoint::Quiet].map(share);
        table::row(&[[name, scores.len().to_string()].as_slice(), &points].concat());
    }
    Ok(())
}
