//! The table of goals.

use std::{fs, time::Instant};

use anyhow::Result;
use sluice_semantic::{
    calibration,
    decide::{Engine, Outcome},
    eligible::{self, Scope},
    model::EMBEDDED,
    vector::Page,
    verify::{Question, Verdict, Verifier},
};

use crate::{
    data, measure, picture, routing, topics,
    trace::{self, Step},
};

const RATES: [f32; 5] = [0.0025, 0.005, 0.01, 0.02, 0.05];

pub fn print(engine: &Engine<'_>, calibrate: bool) -> Result<()> {
    let bytes = EMBEDDED.unwrap_or_default();
    println!("model {} raw {:.2} MB", engine.model.version(), bytes.len() as f64 / 1e6);
    let steps = trace::replay(engine, &data::trace()?);
    if calibrate {
        anyhow::ensure!(!steps.is_empty(), "no trace, no calibration");
        write_calibration(&steps)?;
        println!("wrote the calibration: build again to measure with it");
        return Ok(());
    }
    let threshold = calibration::threshold(calibration::DEFAULT_RATE).unwrap_or(f32::INFINITY);
    println!("shipped threshold at {:.1} % tolerated: {threshold:.2}\n", 100.0 * calibration::DEFAULT_RATE);
    speed(engine)?;
    similarity(engine)?;
    pairs(engine, threshold)?;
    judged(engine, threshold)?;
    contrast(engine, threshold)?;
    stream(&steps);
    draw(&steps)?;
    passages(engine, threshold)?;
    scripts(engine)?;
    for name in ["clinc150_train", "banking77_train"] {
        let figures = routing::measure(&engine.model, &data::table(name)?, 10);
        print!("routing {name}, 10 examples: head {:.3}, centroid {:.3}", figures.head, figures.centroid);
        println!("{}", figures.outside.map(|auc| format!(", out of scope AUC {auc:.3}")).unwrap_or_default());
        const LEAST: [f32; 3] = [0.6, 0.7, 0.8];
        for examples in [5, 10, 20] {
            let figures = topics::measure(&engine.model, &data::table(name)?, examples, &LEAST);
            for (least, topics::Figures { known, mistaken }) in LEAST.iter().zip(figures) {
                println!(
                    "topics {name}, {examples} examples, threshold {least:.1}: known {known:.3}, mistaken {mistaken:.4}"
                );
            }
        }
    }
    Ok(())
}

/// Writes the operating curve into the documentation.
fn draw(steps: &[Step]) -> Result<()> {
    let lines = [
        picture::line("verified (shipped)", "#0b6", steps, |step| step.verified),
        picture::line("cosine alone", "#06c", steps, |step| step.nearest),
        picture::line("token overlap", "#c60", steps, |step| step.overlap),
    ];
    let share = |part: usize, whole: usize| part as f32 / whole.max(1) as f32;
    let marks = calibration::rows().map(|(rate, threshold)| {
        let (hits, wrong) = trace::served(steps, |step| step.verified, threshold);
        (format!("set to {} %", f64::from(100.0 * rate)), share(wrong, hits), share(hits, steps.len()))
    });
    let svg = picture::draw(&lines, &marks.collect::<Vec<_>>());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/semantic-cache.svg");
    fs::write(path, svg)?;
    println!("wrote docs/semantic-cache.svg\n");
    Ok(())
}

/// Thresholds for half of each rate: see docs/semantic-cache.md.
fn write_calibration(steps: &[Step]) -> Result<()> {
    let mut text = "# Made by `cargo xtask train semantic` on the development trace, for half of each rate.\n# rate\tthreshold\n".to_owned();
    for rate in RATES {
        if let Some((threshold, hits, wrong)) = trace::loosest(steps, |step| step.verified, 1.0, rate / 2.0) {
            println!("{rate}: threshold {threshold:.2}, {hits} hits of {}, {wrong} wrong", steps.len());
            text.push_str(&format!("{rate}\t{threshold:.2}\n"));
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../semantic/model/calibration-v1.tsv");
    fs::write(path, text)?;
    Ok(())
}

fn similarity(engine: &Engine<'_>) -> Result<()> {
    let rows = data::table("stsb_dev")?;
    let gold: Vec<f32> = rows.iter().filter_map(|row| row[2].parse().ok()).collect();
    for dims in [256, 128, 64] {
        let cosine = |row: &Vec<String>| {
            let (a, b) =
                (engine.model.embed_short(&row[0], dims).0, engine.model.embed_short(&row[1], dims).0);
            a.iter().zip(&b).map(|(a, b)| a * b).sum::<f32>()
        };
        println!(
            "STS-b dev, {dims} dims: Spearman {:.1}",
            100.0 * measure::spearman(&rows.iter().map(cosine).collect::<Vec<_>>(), &gold)
        );
    }
    let overlap: Vec<f32> = rows.iter().map(|row| trace::token_overlap(&row[0], &row[1])).collect();
    println!("STS-b dev, token overlap: Spearman {:.1}\n", 100.0 * measure::spearman(&overlap, &gold));
    Ok(())
}

/// How near pairs are by each measure, and whether they ask the same.
#[derive(Default)]
struct Scores {
    overlap: Vec<(f32, bool)>,
    cosine: Vec<(f32, bool)>,
    verified: Vec<(f32, bool)>,
    /// What a veto stops stands behind all else.
    vetoed: Vec<(f32, bool)>,
}

impl Scores {
    /// Takes a pair in; gives its score, vetoes counted.
    fn add(&mut self, engine: &Engine<'_>, first: &str, second: &str, same: bool) -> f32 {
        let (a, b) = (Question::new(&engine.model, first), Question::new(&engine.model, second));
        let raw = engine.verifier.score(&a, &b);
        let score = match engine.verifier.verify(&a, &b) {
            Verdict::Score(score) => score,
            Verdict::Vetoed(_) => raw - 20.0,
        };
        self.overlap.push((trace::token_overlap(first, second), same));
        self.cosine.push((a.vector().iter().zip(b.vector()).map(|(a, b)| a * b).sum::<f32>(), same));
        self.verified.push((raw, same));
        self.vetoed.push((score, same));
        score
    }

    fn print(&self, of: &str) {
        for (name, list) in [
            ("token overlap", &self.overlap),
            ("static cosine", &self.cosine),
            ("verifier", &self.verified),
            ("verifier and vetoes", &self.vetoed),
        ] {
            let (auc, precision) = (measure::auc(list), measure::average_precision(list));
            println!("{of}, {name}: AUC {auc:.3}, AP {precision:.3}");
        }
    }
}

fn pairs(engine: &Engine<'_>, threshold: f32) -> Result<()> {
    let rows = data::table("qqp_dev")?;
    let mut scores = Scores::default();
    for row in rows.iter().take(8_000) {
        scores.add(engine, &row[0], &row[1], row[2] == "1");
    }
    scores.print("Quora pairs (dev, measured only)");
    let mut kinds: std::collections::BTreeMap<String, (usize, usize)> = std::collections::BTreeMap::new();
    for row in rows.iter().take(8_000) {
        if let Some(veto) = sluice_semantic::verify::veto(
            &Question::new(&engine.model, &row[0]),
            &Question::new(&engine.model, &row[1]),
        ) {
            let (all, same) = kinds.entry(format!("{veto:?}")).or_default();
            *all += 1;
            *same += usize::from(row[2] == "1");
        }
    }
    for (kind, (all, same)) in kinds {
        println!("  veto {kind}: {all} pairs, {:.0} % of them duplicates", percent(same, all));
    }
    let vetoed = &scores.vetoed;
    let hit: Vec<bool> = vetoed.iter().filter(|row| threshold <= row.0).map(|row| row.1).collect();
    let same = vetoed.iter().filter(|row| row.1).count();
    let found = hit.iter().filter(|same| **same).count();
    println!(
        "  at the shipped threshold: recall {:.1} %, precision {:.1} %\n",
        percent(found, same),
        percent(found, hit.len())
    );
    Ok(())
}

/// Pairs of questions that people asked without knowing of each other, as they were judged.
fn judged(engine: &Engine<'_>, threshold: f32) -> Result<()> {
    let pairs = data::judged()?;
    let mut scores = Scores::default();
    let mut served = [0_usize; 5];
    for pair in &pairs {
        if threshold <= scores.add(engine, &pair.a, &pair.b, 3 <= pair.grade) {
            served[usize::from(pair.grade)] += 1;
        }
    }
    scores.print(&format!("judged pairs of other subjects, {}", pairs.len()));
    let same = pairs.iter().filter(|pair| 3 <= pair.grade).count();
    let all: usize = served.iter().sum();
    println!(
        "  at the shipped threshold {:.1} % of the same are served; of what is served {:.1} % overlap only, {:.1} % are other questions\n",
        percent(served[3] + served[4], same),
        percent(served[2], all),
        percent(served[0] + served[1], all)
    );
    Ok(())
}

fn contrast(engine: &Engine<'_>, threshold: f32) -> Result<()> {
    let rows = data::table("contrast_dev")?;
    let mut kinds: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    kinds.dedup();
    let accepted = |a: &str, b: &str| {
        let verdict =
            engine.verifier.verify(&Question::new(&engine.model, a), &Question::new(&engine.model, b));
        matches!(verdict, Verdict::Score(score) if threshold <= score)
    };
    let (mut right, mut wrong) = (0, 0);
    for kind in kinds {
        let of: Vec<&Vec<String>> = rows.iter().filter(|row| row[0] == kind).collect();
        let good = of.iter().filter(|row| accepted(&row[1], &row[2])).count();
        let bad: Vec<&&Vec<String>> = of.iter().filter(|row| accepted(&row[1], &row[3])).collect();
        println!(
            "minimal edits, {kind}: paraphrases accepted {good}, wrong edits accepted {} of {}",
            bad.len(),
            of.len()
        );
        bad.iter().for_each(|row| println!("    {} | {}", row[1], row[3]));
        (right, wrong) = (right + good, wrong + bad.len());
    }
    println!(
        "minimal edits, all: paraphrases accepted {:.1} %, wrong edits {:.1} %\n",
        percent(right, rows.len()),
        percent(wrong, rows.len())
    );
    Ok(())
}

fn stream(steps: &[Step]) {
    let count = |of: &dyn Fn(&Step) -> Option<bool>| {
        let hits: Vec<bool> = steps.iter().filter_map(of).collect();
        (percent(hits.len(), steps.len()), hits.iter().filter(|right| !**right).count())
    };
    let (hits, wrong) = count(&|step| step.bytes);
    println!("trace dev, exact bytes: {hits:.1} % hits, {wrong} wrong");
    let (hits, wrong) = count(&|step| step.canonical);
    println!("trace dev, canonical: {hits:.1} % hits, {wrong} wrong");
    type Pick = fn(&Step) -> Option<(f32, bool)>;
    let policies: [(&str, Pick, f32); 3] = [
        ("token overlap", |s| s.overlap, 0.1),
        ("static cosine", |s| s.nearest, 0.1),
        ("verified", |s| s.verified, 1.0),
    ];
    for (name, of, scale) in policies {
        for rate in RATES {
            if let Some((threshold, hits, wrong)) = trace::loosest(steps, of, scale, rate) {
                println!(
                    "trace dev, {name}, at most {:.2} % wrong: {:.1} % hits, {wrong} wrong, threshold {threshold:.2}",
                    100.0 * rate,
                    percent(hits, steps.len())
                );
            }
        }
    }
    for (rate, threshold) in calibration::rows() {
        let (hits, wrong) = trace::served(steps, |step| step.verified, threshold);
        println!(
            "trace dev, shipped for {:.2} %: {:.1} % hits, {wrong} of {hits} wrong, {:.2} % (upper 95 % bound {:.2} %)",
            100.0 * rate,
            percent(hits, steps.len()),
            percent(wrong, hits),
            100.0 * measure::upper_bound(wrong, hits)
        );
    }
    println!();
}

/// One passage with two questions, as a prompt with context and as questions alone.
fn passages(engine: &Engine<'_>, threshold: f32) -> Result<()> {
    let (mut pairs, mut with_context, mut alone) = (0, 0, 0);
    for (passage, questions) in data::passages()?.iter().take(120) {
        let [first, second, ..] = questions.as_slice() else { continue };
        pairs += 1;
        let serve = |a: &str, b: &str| {
            let mut page = Page::default();
            page.push(&engine.model.embed(a).0);
            matches!(
                engine.decide(b, Scope::default(), &page, [a].as_slice(), threshold),
                Outcome::Hit { .. }
            )
        };
        let prompt = |question: &str| format!("Answer from this text: {passage} Question: {question}");
        with_context += usize::from(serve(&prompt(first), &prompt(second)));
        alone += usize::from(serve(first, second));
    }
    println!(
        "same passage, other question: served wrongly {with_context} of {pairs}; the questions alone: {alone}"
    );
    Ok(())
}

fn scripts(engine: &Engine<'_>) -> Result<()> {
    let texts = [
        "如何重置我的密码？",
        "كيف يمكنني إعادة تعيين كلمة المرور؟",
        "Как мне сбросить пароль от почты?",
        "パスワードをリセットする方法",
        "비밀번호를 재설정하려면 어떻게 해야 하나요?",
        "πώς μπορώ να αλλάξω τον κωδικό μου",
        "मैं अपना पासवर्ड कैसे रीसेट करूं",
        "How do I say Как мне сбросить пароль от почты in English",
    ];
    let refused =
        texts.iter().filter(|text| eligible::check(&engine.model, text, Scope::default()).is_err()).count();
    println!("other scripts refused: {refused} of {}\n", texts.len());
    Ok(())
}

/// Native times; those in WASM are in docs/semantic-cache.md.
fn speed(engine: &Engine<'_>) -> Result<()> {
    let text = "How can I change the billing address of my company account?";
    let time = |count: u32, work: &mut dyn FnMut()| {
        work();
        let start = Instant::now();
        (0..count).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(count)
    };
    let embed = time(20_000, &mut || drop(std::hint::black_box(engine.model.embed(text))));
    let parse = time(2_000, &mut || {
        drop(std::hint::black_box(sluice_semantic::model::Model::parse(EMBEDDED.unwrap_or_default())))
    });
    let verifier = time(500, &mut || drop(std::hint::black_box(Verifier::trained())));
    println!(
        "native: model parsed {parse:.1} µs, verifier {verifier:.1} µs; embed {embed:.2} µs ({} pieces)",
        engine.model.embed(text).1.pieces
    );
    let rows = data::table("clinc150_train")?;
    for size in [1_000, 10_000] {
        let texts: Vec<&str> = rows.iter().take(size).map(|row| row[0].as_str()).collect();
        let mut page = Page::default();
        texts.iter().for_each(|text| page.push(&engine.model.embed(text).0));
        let query = engine.model.embed(text).0;
        let scan = time(200, &mut || drop(std::hint::black_box(page.nearest(&query, 4, 0.55))));
        let whole = time(200, &mut || {
            std::hint::black_box(engine.decide(
                "how can i change my credit card limit",
                Scope { one_user: true, short_lived: true },
                &page,
                texts.as_slice(),
                2.0,
            ));
        });
        println!("native, {} entries: scan {scan:.0} µs, whole decision {whole:.0} µs", texts.len());
    }
    println!();
    Ok(())
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
