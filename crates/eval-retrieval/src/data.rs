//! Reading the shared data: texts to search, questions, and which texts answer them.

use std::{
    collections::{HashMap, HashSet},
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde::Deserialize;
use sluice_retrieval::terms;

/// Texts, questions, and for each question the texts that answer it with how much they do so.
#[derive(Default)]
pub struct Collection {
    pub name: &'static str,
    pub texts: Vec<String>,
    pub questions: Vec<Question>,
}

pub struct Question {
    pub text: String,
    /// Text and gain.
    pub right: HashMap<usize, f64>,
}

/// Characters of a chunk of ChunkEval, at most, as in the study.
const CHUNK: usize = 800;

fn folder() -> PathBuf {
    PathBuf::from(env::var("SLUICE_DATA").unwrap_or_else(|_| "../shared/data".to_owned()) + "/semantic")
}

/// A file's text, unpacked where its name says so; `None`, with a word about it, where it is missing.
fn read(path: &Path) -> Result<Option<String>> {
    let Ok(mut file) = File::open(path) else {
        println!("missing: {} (set SLUICE_DATA); left out", path.display());
        return Ok(None);
    };
    let mut out = String::new();
    if path.extension().is_some_and(|end| end == "gz") {
        GzDecoder::new(file).read_to_string(&mut out)
    } else {
        file.read_to_string(&mut out)
    }
    .with_context(|| path.display().to_string())?;
    Ok(Some(out))
}

fn rows<T: for<'de> Deserialize<'de>>(text: &str) -> Result<Vec<T>> {
    text.lines().map(|line| serde_json::from_str(line).context("a line of JSON")).collect()
}

/// A text of ChunkEval.
#[derive(Deserialize)]
pub struct Corpus {
    pub id: String,
    pub text: String,
}

/// A question of ChunkEval, and where its answer stands: characters of one corpus.
#[derive(Deserialize)]
pub struct Asked {
    pub question: String,
    pub corpus: String,
    pub refs: Vec<[usize; 2]>,
}

/// ChunkEval as it comes: five corpora, and questions of them.
pub fn corpora() -> Result<Option<(Vec<Corpus>, Vec<Asked>)>> {
    let folder = folder();
    let Some(corpora) = read(&folder.join("chunkeval_corpora.jsonl.gz"))? else { return Ok(None) };
    let Some(asked) = read(&folder.join("chunkeval_questions.jsonl.gz"))? else { return Ok(None) };
    Ok(Some((rows(&corpora)?, rows(&asked)?)))
}

/// ChunkEval: five corpora cut into chunks of at most 800 characters; a chunk that overlaps an answer's span is right.
/// Questions are asked of all five together.
pub fn chunk_eval() -> Result<Option<Collection>> {
    let Some((corpora, asked)) = corpora()? else { return Ok(None) };
    let mut made = Collection { name: "ChunkEval", ..Collection::default() };
    let mut spans = Vec::new();
    for corpus in corpora {
        for (start, end, text) in cut(&corpus.text) {
            spans.push((corpus.id.clone(), start, end));
            made.texts.push(text);
        }
    }
    for asked in asked {
        let overlaps = |(id, start, end): &(String, usize, usize)| {
            *id == asked.corpus && asked.refs.iter().any(|[from, to]| from < end && start < to)
        };
        let right =
            spans.iter().enumerate().filter(|(_, span)| overlaps(span)).map(|(at, _)| (at, 1.0)).collect();
        made.questions.push(Question { text: asked.question, right });
    }
    Ok(Some(made))
}

impl Collection {
    /// The same questions by people who do not know the text's word: of each, the rarest word that a right text holds is
    /// left out. This is the vocabulary gap that questions made from texts hardly have.
    pub fn with_rarest_left_out(&self, name: &'static str) -> Self {
        let mut holding: HashMap<u32, u32> = HashMap::new();
        let terms: Vec<HashSet<u32>> =
            self.texts.iter().map(|text| terms::hashes(text).into_iter().collect()).collect();
        terms.iter().flatten().for_each(|term| *holding.entry(*term).or_default() += 1);
        let without = |question: &Question| {
            let held = |word: &&str| {
                let of_word = terms::hashes(word);
                let there = |term: &u32| question.right.keys().any(|right| terms[*right].contains(term));
                let rarest =
                    of_word.iter().filter(|term| there(term)).filter_map(|term| holding.get(term)).min();
                rarest.copied()
            };
            let words: Vec<&str> = question.text.split_whitespace().collect();
            let rarest = words.iter().filter_map(|word| Some((held(word)?, *word))).min();
            let kept = words.iter().filter(|word| rarest.is_none_or(|(_, rarest)| **word != rarest));
            Question { text: kept.copied().collect::<Vec<_>>().join(" "), right: question.right.clone() }
        };
        Self { name, texts: self.texts.clone(), questions: self.questions.iter().map(without).collect() }
    }
}

/// Chunks of at most [`CHUNK`] characters, ended at a paragraph, a sentence or a word where there is one in the second half.
fn cut(text: &str) -> Vec<(usize, usize, String)> {
    let characters: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut start = 0;
    while start < characters.len() {
        let most = (start + CHUNK).min(characters.len());
        let ends = |test: &dyn Fn(usize) -> bool| (start + CHUNK / 2..most).rev().find(|at| test(*at));
        let end = if most == characters.len() {
            most
        } else {
            ends(&|at| characters[at] == '\n' && characters[at - 1] == '\n')
                .or_else(|| {
                    ends(&|at| {
                        characters[at].is_whitespace() && matches!(characters[at - 1], '.' | '!' | '?')
                    })
                })
                .or_else(|| ends(&|at| characters[at].is_whitespace()))
                .map_or(most, |at| at + 1)
        };
        let text: String = characters[start..end].iter().collect();
        if !text.trim().is_empty() {
            out.push((start, end, text));
        }
        start = end;
    }
    out
}

/// XQuAD: whole passages; a passage is right for its own questions.
pub fn xquad() -> Result<Option<Collection>> {
    #[derive(Deserialize)]
    struct Row {
        passage: String,
        questions: Vec<serde_json::Value>,
    }
    let Some(text) = read(&folder().join("xquad_en.jsonl.gz"))? else { return Ok(None) };
    let mut made = Collection { name: "XQuAD", ..Collection::default() };
    for (at, row) in rows::<Row>(&text)?.into_iter().enumerate() {
        made.texts.push(row.passage);
        for question in row.questions {
            let text = question.as_str().or_else(|| question.get("question").and_then(|text| text.as_str()));
            let text = text.unwrap_or_default().to_owned();
            made.questions.push(Question { text, right: [(at, 1.0)].into() });
        }
    }
    Ok(Some(made))
}

/// A collection in BEIR's layout (`corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`) in a folder of its own beside the
/// other data, such as SciFact, which is kept apart from what is tuned on.
pub fn beir(name: &'static str) -> Result<Option<Collection>> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(rename = "_id")]
        id: String,
        #[serde(default)]
        title: String,
        text: String,
    }
    let folder = folder().join(name);
    let Some(corpus) = read(&folder.join("corpus.jsonl"))? else { return Ok(None) };
    let Some(queries) = read(&folder.join("queries.jsonl"))? else { return Ok(None) };
    let Some(judged) = read(&folder.join("qrels/test.tsv"))? else { return Ok(None) };
    let mut made = Collection { name, ..Collection::default() };
    let mut places = HashMap::new();
    for document in rows::<Document>(&corpus)? {
        places.insert(document.id, made.texts.len());
        made.texts.push(format!("{}\n{}", document.title, document.text));
    }
    let queries: HashMap<String, String> =
        rows::<Document>(&queries)?.into_iter().map(|query| (query.id, query.text)).collect();
    let mut right: HashMap<&str, HashMap<usize, f64>> = HashMap::new();
    for line in judged.lines().skip(1) {
        let [query, document, gain] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        let (Some(place), Ok(gain)) = (places.get(document), gain.parse::<f64>()) else { continue };
        if 0.0 < gain {
            right.entry(query).or_default().insert(*place, gain);
        }
    }
    let mut right: Vec<_> = right.into_iter().collect();
    right.sort_by_key(|(id, _)| id.to_string());
    for (id, right) in right {
        let Some(text) = queries.get(id) else { continue };
        made.questions.push(Question { text: text.clone(), right });
    }
    Ok(Some(made))
}
