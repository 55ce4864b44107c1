//! What an index of a store must keep on every host, whatever order its calls come in and however often.

use sluice_core::{
    gateway::index::{self, IndexError},
    index::{Dense, File, Piece, Place, Query, Refusal, Space, chunk_id, version_id},
    port::Counters,
};
use sluice_retrieval::{dense::Vector, terms::Query as Words};
use sluice_types::{
    knowledge::{Attribute, Attributes, Chunk, Filter},
    time::Timestamp,
};

const DIMS: usize = 8;

fn space(model: &str) -> Space {
    Space { model: model.to_owned(), dims: DIMS as u32 }
}

fn file(id: &str, version: &str, chunks: u32) -> File {
    File {
        id: id.to_owned(),
        version: version.to_owned(),
        filename: format!("{id}.txt"),
        attributes: Attributes::new(),
        attached_at: Timestamp(1_000),
        chunks,
    }
}

fn axis(at: usize) -> Vector {
    Vector::new(&(0..DIMS).map(|n| if n == at % DIMS { 1.0 } else { 0.0 }).collect::<Vec<_>>())
}

/// A chunk that says its version and ordinal, and whose vector stands on the axis of its ordinal.
fn piece(version: &str, ordinal: u32) -> Piece {
    let chunk = Chunk {
        ordinal,
        text: format!("common {version} chunk{ordinal}"),
        headings: Vec::new(),
        page: None,
        start: ordinal * 10,
        end: ordinal * 10 + 10,
    };
    Piece { chunk, vectors: vec![axis(ordinal as usize)] }
}

fn pieces(version: &str, ordinals: impl IntoIterator<Item = u32>) -> Vec<Piece> {
    ordinals.into_iter().map(|ordinal| piece(version, ordinal)).collect()
}

fn words(text: &str) -> Query {
    Query { words: Words::new(text), most: 100, ..Query::default() }
}

/// The texts a query finds, the best first.
async fn texts(host: &impl Counters, place: Place<'_>, query: Query) -> Vec<String> {
    let found = index::search(host, place, query).await.unwrap();
    found.candidates.into_iter().map(|candidate| candidate.chunk.text).collect()
}

async fn put(host: &impl Counters, place: Place<'_>, file: &File, ordinals: impl IntoIterator<Item = u32>) {
    index::put(host, place, &space("one"), file, &pieces(&file.version, ordinals)).await.unwrap();
}

/// A file is seen whole or not at all, and its new version takes the place of the old one at once.
///
/// # Panics
///
/// If the contract is broken.
pub async fn index_shows_all_of_a_file_or_nothing(host: &impl Counters) {
    let place = Place { tenant: "contract", store: "vs_whole" };
    let old = file("file-1", "old", 150);
    put(host, place, &old, 0..100).await;
    assert!(texts(host, place, words("common")).await.is_empty(), "not before it is whole");
    assert_eq!(index::known(host, place, "file-1").await.unwrap().coming, Some((old.clone(), 100)));
    put(host, place, &old, 100..150).await;
    assert_eq!(texts(host, place, words("chunk149")).await, ["common old chunk149"]);
    let state = index::state(host, place).await.unwrap();
    assert_eq!((state.files, state.chunks, state.untidy), (1, 150, false));
    let new = file("file-1", "new", 70);
    put(host, place, &new, 64..70).await;
    assert_eq!(texts(host, place, words("old")).await.len(), 100, "the old one until the new one is whole");
    assert!(texts(host, place, words("new")).await.is_empty());
    put(host, place, &new, 0..64).await;
    assert!(texts(host, place, words("old")).await.is_empty());
    assert_eq!(texts(host, place, words("new")).await.len(), 70);
    assert!(!index::tidy(host, place, 100).await.unwrap());
    let state = index::state(host, place).await.unwrap();
    assert_eq!((state.files, state.chunks, state.untidy), (1, 70, false));
    assert_eq!(texts(host, place, words("common")).await.len(), 70);
    let chunks = index::chunks(host, place, "file-1", 68, 10).await.unwrap().unwrap();
    assert_eq!(chunks, [piece("new", 68).chunk, piece("new", 69).chunk]);
    let empty = file("file-empty", "e", 0);
    let progress = index::put(host, place, &space("one"), &empty, &[]).await.unwrap();
    assert!(progress.live, "a file without text is whole as it is");
}

/// What is put twice, out of order or in other batches is there once.
///
/// # Panics
///
/// If the contract is broken.
pub async fn index_minds_no_repeats(host: &impl Counters) {
    let place = Place { tenant: "contract", store: "vs_repeats" };
    let one = file("file-1", "one", 90);
    for ordinals in [60..90, 60..90, 10..40, 0..70, 0..90, 0..90] {
        put(host, place, &one, ordinals).await;
    }
    let mut found = texts(host, place, words("common")).await;
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 90);
    let state = index::state(host, place).await.unwrap();
    assert_eq!((state.files, state.chunks, state.untidy), (1, 90, false));
    let generation = state.generation;
    put(host, place, &one, 0..90).await;
    assert_eq!(index::state(host, place).await.unwrap().generation, generation, "nothing changed");
}

/// A removal is seen at once and wins over puts that come late; a file attached again later is taken.
///
/// # Panics
///
/// If the contract is broken.
pub async fn index_removes_for_good(host: &impl Counters) {
    let place = Place { tenant: "contract", store: "vs_removes" };
    let one = file("file-1", "one", 3);
    put(host, place, &one, 0..3).await;
    put(host, place, &file("file-2", "two", 2), 0..2).await;
    let gone = index::remove(host, place, "file-1", Timestamp(2_000)).await.unwrap();
    assert_eq!(gone, Some(one.clone()));
    assert_eq!(texts(host, place, words("common")).await.len(), 2);
    assert_eq!(index::chunks(host, place, "file-1", 0, 9).await.unwrap(), None);
    let late = index::put(host, place, &space("one"), &one, &pieces("one", 0..3)).await;
    assert_eq!(late, Err(IndexError::Refused(Refusal::Removed)));
    assert!(!index::tidy(host, place, 100).await.unwrap());
    assert_eq!(index::remove(host, place, "file-1", Timestamp(2_000)).await.unwrap(), None);
    let again = File { attached_at: Timestamp(3_000), ..one };
    put(host, place, &again, 0..3).await;
    assert_eq!(index::remove(host, place, "file-1", Timestamp(2_000)).await.unwrap(), None, "an old removal");
    assert_eq!(texts(host, place, words("one")).await.len(), 3);
    index::forget(host, place).await.unwrap();
    assert!(texts(host, place, words("common")).await.is_empty());
    put(host, place, &file("file-2", "two", 2), 0..2).await;
    assert!(!index::tidy(host, place, 100).await.unwrap());
    assert_eq!(texts(host, place, words("common")).await.len(), 2);
    assert_eq!(index::state(host, place).await.unwrap().files, 1);
}

/// Words and vectors both find; filters look at what is said of files; what another service found counts too.
///
/// # Panics
///
/// If the contract is broken.
pub async fn index_finds_by_words_vectors_and_attributes(host: &impl Counters) {
    let place = Place { tenant: "contract", store: "vs_finds" };
    let (mut one, two) = (file("file-1", "one", 4), file("file-2", "two", 4));
    one.attributes.insert("team".to_owned(), Attribute::Text("search".to_owned()));
    put(host, place, &one, 0..4).await;
    put(host, place, &two, 0..4).await;
    let near = |vector| Query {
        dense: Dense::Vector { space: space("one"), vector },
        most: 2,
        weight: 0.5,
        ..Query::default()
    };
    let found = index::search(host, place, near(axis(2))).await.unwrap();
    let told: Vec<_> = found.candidates.iter().map(|found| (found.chunk.ordinal, found.dense)).collect();
    assert_eq!(told, [(2, 1.0), (2, 1.0)]);
    let both = Query { words: Words::new("two"), ..near(axis(3)) };
    assert_eq!(texts(host, place, both).await[0], "common two chunk3");
    let filter: Filter = serde_json::from_str(r#"{"type":"eq","key":"team","value":"search"}"#).unwrap();
    let filtered = || Query { filter: Some(filter.clone()), ..words("common") };
    let found = index::search(host, place, filtered()).await.unwrap().candidates;
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|found| found.file == "file-1" && found.attributes == one.attributes));
    assert!(index::describe(host, place, "file-2", one.attributes.clone()).await.unwrap());
    assert_eq!(texts(host, place, filtered()).await.len(), 8);
    assert!(!index::describe(host, place, "file-9", one.attributes.clone()).await.unwrap());
    let elsewhere = vec![
        (chunk_id(&version_id(&two), 1), 0.9),
        (chunk_id(&version_id(&file("file-2", "other", 4)), 1), 0.8),
        ("nonsense".to_owned(), 0.7),
    ];
    let query = Query { dense: Dense::Found(elsewhere), weight: 0.5, most: 5, ..Query::default() };
    assert_eq!(texts(host, place, query).await, ["common two chunk1"]);
    let other = index::search(
        host,
        place,
        Query { dense: Dense::Vector { space: space("other"), vector: axis(0) }, ..words("common") },
    );
    let refused = Refusal::OtherSpace { has: space("one"), got: space("other") };
    assert_eq!(other.await, Err(IndexError::Refused(refused.clone())));
    let three = file("file-3", "three", 1);
    let other = index::put(host, place, &space("other"), &three, &pieces("three", 0..1)).await;
    assert_eq!(other, Err(IndexError::Refused(refused)));
}

/// Everything is embedded anew while searches go on, and is switched to at once.
///
/// # Panics
///
/// If the contract is broken.
pub async fn index_is_embedded_anew(host: &impl Counters) {
    let place = Place { tenant: "contract", store: "vs_anew" };
    put(host, place, &file("file-1", "one", 70), 0..70).await;
    put(host, place, &file("file-2", "two", 3), 0..3).await;
    let next = space("next");
    assert_eq!(index::reembed(host, place, &next).await.unwrap().pending, 73);
    put(host, place, &file("file-3", "three", 2), 0..2).await;
    let near = |space: &Space, vector| Query {
        dense: Dense::Vector { space: space.clone(), vector },
        most: 1,
        weight: 1.0,
        ..Query::default()
    };
    let (mut from, mut seen) = (0, 0);
    loop {
        let (segments, more) = index::pending(host, place, from, 1).await.unwrap();
        for waiting in &segments {
            assert_eq!(texts(host, place, near(&space("one"), axis(0))).await.len(), 1, "searches go on");
            let refused = index::switch(host, place, &next).await;
            assert!(
                matches!(refused, Err(IndexError::Refused(Refusal::Pending(_)))),
                "not before it is whole"
            );
            // The next model sees every chunk one axis on.
            let vectors: Vec<_> =
                waiting.chunks.iter().map(|chunk| vec![axis(chunk.ordinal as usize + 1)]).collect();
            for _ in 0..2 {
                index::revector(host, place, &next, waiting.of, &vectors).await.unwrap();
            }
            seen += waiting.chunks.len();
        }
        match more {
            Some(more) => from = more,
            None => break,
        }
    }
    assert_eq!(seen, 75);
    for _ in 0..2 {
        let state = index::switch(host, place, &next).await.unwrap();
        assert_eq!((state.space, state.next, state.chunks), (Some(next.clone()), None, 75));
    }
    assert!(!index::tidy(host, place, 100).await.unwrap());
    let found = index::search(host, place, near(&next, axis(3))).await.unwrap();
    assert_eq!((found.candidates[0].chunk.ordinal, found.candidates[0].dense), (2, 1.0));
    let old = index::search(host, place, near(&space("one"), axis(0))).await;
    assert!(matches!(old, Err(IndexError::Refused(Refusal::OtherSpace { .. }))));
}

/// Tenants and stores do not see each other's chunks, whatever they are called.
///
/// # Panics
///
/// If the contract is broken.
pub async fn indexes_keep_stores_apart(host: &impl Counters) {
    let places = [("contract-a", "vs_1"), ("contract-b", "vs_1"), ("contract-a", "vs_2")]
        .map(|(tenant, store)| Place { tenant, store });
    for (place, version) in places.into_iter().zip(["a", "b", "c"]) {
        put(host, place, &file("file-1", version, 1), 0..1).await;
    }
    for (place, version) in places.into_iter().zip(["a", "b", "c"]) {
        assert_eq!(texts(host, place, words("common")).await, [format!("common {version} chunk0")]);
    }
    index::remove(host, places[0], "file-1", Timestamp(2_000)).await.unwrap();
    assert_eq!(texts(host, places[1], words("common")).await.len(), 1);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_core::port::Clock;

    use super::*;
    use crate::memory::{Fails, MemoryHost};

    #[test]
    fn ten_thousand_chunks_are_few_rows() {
        let host = MemoryHost::at(Timestamp(5_000));
        let place = Place { tenant: "many", store: "vs_1" };
        host.run(async {
            for number in 0..40 {
                let file = file(&format!("file-{number}"), &format!("v{number}"), 250);
                put(&host, place, &file, 0..250).await;
            }
            assert_eq!(index::state(&host, place).await.unwrap().chunks, 10_000);
            assert_eq!(texts(&host, place, words("v17 chunk249")).await[0], "common v17 chunk249");
        });
        let pages = host.pages("~index/many/vs_1");
        assert!(pages.len() < 8, "{pages:?}");
        host.run(async {
            index::forget(&host, place).await.unwrap();
            while index::tidy(&host, place, 100).await.unwrap() {}
        });
        assert!(host.pages("~index/many/vs_1").is_empty());
        assert_eq!(host.cells("~index/many/vs_1"), ["i/meta"]);
    }

    #[test]
    fn vectors_elsewhere_find_replace_and_go() {
        use sluice_core::{config::document::Vectors, gateway::index::elsewhere};

        let host = MemoryHost::at(Timestamp(5_000));
        host.vectors_visible_after(std::time::Duration::from_secs(5));
        let (place, chosen) = (Place { tenant: "t", store: "vs_1" }, Vectors::Host);
        let near = |space: &Space, axis_of: usize| Query {
            dense: Dense::Vector { space: space.clone(), vector: axis(axis_of) },
            most: 1,
            weight: 1.0,
            ..Query::default()
        };
        host.run(async {
            let (old, new) = (file("file-1", "old", 130), file("file-1", "new", 5));
            let put = async |file: &File, all: &[Piece]| {
                elsewhere::put(&host, &chosen, place, &space("one"), file, all).await.unwrap()
            };
            assert!(put(&old, &pieces("old", 0..130)).await.live);
            let find = async |space: &Space, axis_of: usize| {
                let found = elsewhere::search(&host, &chosen, place, near(space, axis_of)).await.unwrap();
                found.candidates.first().map(|found| (found.chunk.text.clone(), found.dense))
            };
            assert_eq!(find(&space("one"), 3).await, None, "the service does not show it yet");
            host.sleep(std::time::Duration::from_secs(6)).await;
            let (text, cosine) = find(&space("one"), 3).await.unwrap();
            assert!(text.starts_with("common old") && 0.99 < cosine, "{text}");
            assert!(put(&new, &pieces("new", 0..5)).await.live);
            assert!(!elsewhere::tidy(&host, &chosen, place, 100).await.unwrap());
            host.sleep(std::time::Duration::from_secs(6)).await;
            assert_eq!(find(&space("one"), 3).await.unwrap().0, "common new chunk3");
            assert_eq!(host.vectors(), 5, "the old version's vectors are gone");

            let next = space("next");
            index::reembed(&host, place, &next).await.unwrap();
            let (segments, _) = index::pending(&host, place, 0, 9).await.unwrap();
            for waiting in segments {
                let vectors: Vec<_> =
                    waiting.chunks.iter().map(|chunk| vec![axis(chunk.ordinal as usize + 1)]).collect();
                elsewhere::revector(&host, &chosen, place, &next, &waiting, &vectors).await.unwrap();
            }
            elsewhere::switch(&host, &chosen, place, &next).await.unwrap();
            host.sleep(std::time::Duration::from_secs(6)).await;
            assert_eq!(find(&next, 3).await.unwrap().0, "common new chunk2");
            assert_eq!(host.vectors(), 5, "those of the space before are gone");
            let put_next = async |file: &File, all: &[Piece]| {
                elsewhere::put(&host, &chosen, place, &next, file, all).await.unwrap()
            };
            host.vectors_down(true);
            assert_eq!(find(&next, 3).await, None);
            let both = Query { words: Words::new("chunk4"), ..near(&next, 3) };
            let found = elsewhere::search(&host, &chosen, place, both).await.unwrap();
            assert_eq!(found.candidates[0].chunk.text, "common new chunk4", "words find on");
            host.vectors_down(false);
            put_next(&file("file-2", "two", 70), &pieces("two", 0..70)).await;
            index::remove(&host, place, "file-1", Timestamp(9_000)).await.unwrap();
            assert!(!elsewhere::tidy(&host, &chosen, place, 100).await.unwrap());
            host.sleep(std::time::Duration::from_secs(6)).await;
            assert_eq!(host.vectors(), 70);
            index::forget(&host, place).await.unwrap();
            assert!(!elsewhere::tidy(&host, &chosen, place, 100).await.unwrap());
            host.sleep(std::time::Duration::from_secs(6)).await;
            assert_eq!(host.vectors(), 0);
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Batches of three files' versions in any order, again and again, calls lost on the way there or back: what is
        /// seen is whole, and once everything has come it is all there, once.
        #[test]
        fn whatever_is_lost_or_repeated_files_are_whole(
            steps in prop::collection::vec((0_usize..3, 0_u32..70, 1_u32..70, prop::option::of(prop::bool::ANY)), 0..25),
        ) {
            let host = MemoryHost::at(Timestamp(5_000));
            let place = Place { tenant: "t", store: "vs_1" };
            let files = [file("file-1", "a", 70), file("file-1", "b", 30), file("file-2", "c", 66)];
            host.run(async {
                for (which, from, length, fails) in steps {
                    let file = &files[which];
                    let ordinals = from.min(file.chunks)..(from + length).min(file.chunks);
                    if let Some(after) = fails {
                        host.counters_fail([if after { Fails::After } else { Fails::Before }]);
                    }
                    _ = index::put(&host, place, &space("one"), file, &pieces(&file.version, ordinals)).await;
                    host.counters_fail_no_more();
                    for (version, chunks) in [("a", 70), ("b", 30), ("c", 66)] {
                        let found = texts(&host, place, words(version)).await.len();
                        assert!(found == 0 || found == chunks, "{version}: {found}");
                    }
                }
                for file in &files[1..] {
                    put(&host, place, file, 0..file.chunks).await;
                }
                assert!(!index::tidy(&host, place, 100).await.unwrap());
                let state = index::state(&host, place).await.unwrap();
                assert_eq!((state.files, state.chunks), (2, 96));
                let mut all = texts(&host, place, words("common")).await;
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), 96);
            });
        }
    }
}
