//! A search over an index's pages.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet},
};

use bytes::Bytes;
use sluice_retrieval::{
    dense::{Vector, Vectors},
    postings::Postings,
    search::{self, File, Found},
    terms::Query as Words,
};
use sluice_types::knowledge::{Chunk, Filter};

use super::object::{Open, Stop, number_key, text_key, version_key};
use crate::{
    index::{
        CANDIDATES, Candidate, Refusal, Space,
        bundle::{self, Of},
        given,
        memory::Memory,
        meta::{Described, Vectors as Kept, Version, lexical_key},
        of_chunk_id,
        wire::Answer,
    },
    port::{Cells, CountersError},
};

/// Bytes of pages that an isolate remembers.
const REMEMBERED: usize = 32_000_000;

/// Pages of vectors that are read at a time.
const PAGES_AT_A_TIME: usize = 8;

/// Versions of files that are read at a time for a filter.
const AT_A_TIME: u32 = 1_000;

thread_local! {
    /// Pages read lately, of any index that lives in this isolate: under their owner's name, and of the generation asked
    /// for only, so nothing is seen that is not in the cells.
    static MEMORY: RefCell<Memory> = RefCell::new(Memory::new(REMEMBERED));
}

/// What is asked.
pub(super) struct Asked<'a> {
    pub owner: String,
    pub words: Words,
    pub space: Option<Space>,
    pub vector: &'a [u8],
    pub found: Option<Vec<(String, f32)>>,
    pub filter: Option<Filter>,
    pub most: u32,
    pub weight: f32,
}

/// Answers.
pub(super) async fn search<C: Cells>(open: &Open<'_, C>, asked: Asked<'_>) -> Result<Answer, Stop> {
    let Asked { owner, words, space, vector, found, filter, most, weight } = asked;
    let kept = open.meta.space.as_ref();
    if let (Some(space), Some(kept)) = (&space, kept)
        && (kept.space != *space || vector.len() != space.dims as usize)
    {
        return Err(Refusal::OtherSpace { has: kept.space.clone(), got: space.clone() }.into());
    }
    let vector = space.map(|_| Vector::from_bytes(vector.iter().map(|value| value.cast_signed()).collect()));
    let admitted = admitted(open, filter.as_ref()).await?;
    let seen = |of: &Of| of.number > open.meta.forgotten && !open.meta.hidden.contains_key(&of.number);
    let admits = |of: &Of| admitted.as_ref().is_none_or(|admitted| admitted.contains(&of.number));
    let lexical: Vec<(String, u64)> =
        open.meta.lexical.pages.iter().map(|(page, known)| (lexical_key(*page), known.written)).collect();
    let lexical = pages(open.cells, &owner, &lexical).await?;
    let cosines = match (&vector, kept) {
        (Some(vector), Some(kept)) => {
            cosines(open.cells, &owner, kept, vector, |of| seen(of) && admits(of)).await?
        }
        _ => HashMap::new(),
    };
    let mut ofs: Vec<Of> = Vec::new();
    let mut files: Vec<File<'_>> = Vec::new();
    for (of, bytes) in lexical.iter().flat_map(|page| bundle::read(page)).filter(|(of, _)| seen(of)) {
        let Ok(postings) = Postings::parse(bytes) else { continue };
        let cosines = cosines.get(&(of.number, of.first)).map(Vec::as_slice);
        files.push(File { postings, cosines, admitted: admits(&of) });
        ofs.push(of);
    }
    let count = (most as usize).min(CANDIDATES);
    let result = match &found {
        Some(found) => {
            let near = near(open, &ofs, found).await?;
            given::search(&files, &words, &near, weight, count)
        }
        None => search::search(&files, &words, weight, count),
    };
    told(open, &ofs, &result).await
}

/// How near chunks are to a question, by the number and the first ordinal of their segment. Vectors are read a few pages
/// at a time: those of a large store are more than an isolate holds.
async fn cosines(
    cells: &impl Cells,
    owner: &str,
    kept: &Kept,
    question: &Vector,
    admits: impl Fn(&Of) -> bool,
) -> Result<HashMap<(u32, u32), Vec<f32>>, CountersError> {
    let wanted: Vec<(String, u64)> =
        kept.shelf.pages.iter().map(|(page, known)| (kept.key(*page), known.written)).collect();
    let mut cosines = HashMap::new();
    for some in wanted.chunks(PAGES_AT_A_TIME) {
        for page in pages(cells, owner, some).await? {
            for (of, bytes) in bundle::read(&page).into_iter().filter(|(of, _)| admits(of)) {
                let Ok(vectors) = Vectors::parse(bytes) else { continue };
                let mut scores = vec![0.0; vectors.chunks()];
                vectors.scores(question, &mut scores);
                cosines.insert((of.number, of.first), scores);
            }
        }
    }
    Ok(cosines)
}

/// The bytes of pages, by key and the generation that wrote them.
async fn pages(
    cells: &impl Cells,
    owner: &str,
    wanted: &[(String, u64)],
) -> Result<Vec<Bytes>, CountersError> {
    let mut pages = Vec::with_capacity(wanted.len());
    let mut missing = BTreeMap::new();
    MEMORY.with_borrow_mut(|memory| {
        for (key, written) in wanted {
            match memory.get(owner, key, *written) {
                Some(bytes) => pages.push(bytes),
                None => _ = missing.insert(key.clone(), *written),
            }
        }
    });
    if !missing.is_empty() {
        let keys: Vec<String> = missing.keys().cloned().collect();
        let read = cells.pages(&keys).await?;
        MEMORY.with_borrow_mut(|memory| {
            for (key, bytes) in read {
                if let Some(written) = missing.get(&key) {
                    memory.put(owner, &key, *written, bytes.clone());
                }
                pages.push(bytes);
            }
        });
    }
    Ok(pages)
}

/// The versions that a filter admits; `None` for all.
async fn admitted<C: Cells>(
    open: &Open<'_, C>,
    filter: Option<&Filter>,
) -> Result<Option<HashSet<u32>>, CountersError> {
    let Some(filter) = filter else { return Ok(None) };
    let mut admitted = HashSet::new();
    let mut from = open.meta.forgotten.saturating_add(1);
    loop {
        let found = open.cells.range(&number_key(from), "n0", AT_A_TIME).await?;
        for (key, text) in &found {
            let Some(number) = key.strip_prefix("n/").and_then(|number| number.parse().ok()) else {
                continue;
            };
            from = from.max(u32::saturating_add(number, 1));
            let described = serde_json::from_str::<Described>(text);
            if described.is_ok_and(|described| filter.admits(&described.file.attributes)) {
                admitted.insert(number);
            }
        }
        if found.len() < AT_A_TIME as usize {
            return Ok(Some(admitted));
        }
    }
}

/// What another service found, by places in `ofs`.
async fn near<C: Cells>(
    open: &Open<'_, C>,
    ofs: &[Of],
    found: &[(String, f32)],
) -> Result<Vec<(usize, u32, f32)>, CountersError> {
    let named = || found.iter().filter_map(|(id, cosine)| Some((of_chunk_id(id)?, *cosine)));
    let mut keys: Vec<String> = named().map(|((version, _), _)| version_key(version)).collect();
    keys.sort_unstable();
    keys.dedup();
    let numbers: HashMap<String, u32> = open
        .cells
        .read(&keys)
        .await?
        .into_iter()
        .filter_map(|(key, number)| Some((key, number.parse().ok()?)))
        .collect();
    let place = |((version, ordinal), cosine): ((&str, u32), f32)| {
        let number = *numbers.get(&version_key(version))?;
        let holds = |of: &Of| {
            of.number == number && (of.first..of.first.saturating_add(of.chunks)).contains(&ordinal)
        };
        let (at, of) = ofs.iter().enumerate().find(|(_, of)| holds(of))?;
        Some((at, ordinal.saturating_sub(of.first), cosine))
    };
    Ok(named().filter_map(place).collect())
}

/// The answer with what callers need to know of the candidates.
async fn told<C: Cells>(open: &Open<'_, C>, ofs: &[Of], result: &Found) -> Result<Answer, Stop> {
    let mut keys = Vec::new();
    for candidate in &result.candidates {
        let Some(of) = ofs.get(candidate.file) else { continue };
        keys.push(number_key(of.number));
        keys.push(text_key(of.number, of.first.saturating_add(candidate.chunk)));
    }
    keys.sort_unstable();
    keys.dedup();
    let cells: HashMap<String, String> = open.cells.read(&keys).await?.into_iter().collect();
    let mut versions: HashMap<u32, Option<Version>> = HashMap::new();
    let mut candidates = Vec::with_capacity(result.candidates.len());
    for found in &result.candidates {
        let Some(of) = ofs.get(found.file) else { continue };
        let parse = || serde_json::from_str::<Version>(cells.get(&number_key(of.number))?).ok();
        let version = versions.entry(of.number).or_insert_with(parse);
        let Some(Version { file: version, .. }) = version else { continue };
        let text = cells.get(&text_key(of.number, of.first.saturating_add(found.chunk)));
        let Some(chunk) = text.and_then(|text| serde_json::from_str::<Chunk>(text).ok()) else { continue };
        candidates.push(Candidate {
            file: version.id.clone(),
            filename: version.filename.clone(),
            attributes: version.attributes.clone(),
            chunk,
            lexical: found.lexical,
            dense: found.dense,
            mixed: found.mixed,
        });
    }
    Ok(Answer::Found {
        candidates,
        lexical: (result.mix.lexical.mean, result.mix.lexical.deviation),
        dense: (result.mix.dense.mean, result.mix.dense.deviation),
        weight: result.mix.weight,
        weights: result.weights.clone(),
        most: result.most,
        generation: open.meta.generation,
    })
}
