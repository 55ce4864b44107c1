//! What every service of vectors must keep, even one that shows what was written later.

use std::time::Duration;

use sluice_core::{
    config::document,
    gateway::vectors::Service,
    port::{Clock, Host, Vectors},
    vectors::{BATCH, Namespace, Near, Nearest, Point, VectorsError},
};
use sluice_types::knowledge::{Attribute, Attributes, Filter};

const DIMS: usize = 8;

/// A vector that stands on one axis and leans a little to the next.
fn leaning(axis: usize, lean: f32) -> Vec<f32> {
    let mut vector = vec![0.0; DIMS];
    vector[axis % DIMS] = 1.0;
    vector[(axis + 1) % DIMS] += lean;
    vector
}

fn point(id: &str, vector: Vec<f32>) -> Point {
    Point { id: id.to_owned(), vector, text: format!("text of {id}"), labels: Attributes::new() }
}

fn near(axis: usize, count: u32) -> Nearest {
    Nearest { vector: leaning(axis, 0.0), count, filter: None, texts: true }
}

fn space(name: &str) -> Namespace {
    Namespace::new("contract", "knowledge", name)
}

/// Waits until `wanted` is what the service shows, as long as any service may take.
async fn shows(
    clock: &impl Clock,
    vectors: &impl Vectors,
    space: &Namespace,
    asked: &Nearest,
    wanted: impl Fn(&[Near]) -> bool,
) -> Vec<Near> {
    let mut found = Vec::new();
    for _ in 0..600 {
        found = vectors.nearest(space, asked).await.unwrap();
        if wanted(&found) {
            return found;
        }
        clock.sleep(Duration::from_millis(200)).await;
    }
    panic!("after two minutes still {found:?}");
}

fn ids(found: &[Near]) -> Vec<&str> {
    found.iter().map(|near| near.id.as_str()).collect()
}

/// The nearest are found, the nearest first, with their texts; a point replaces the one with its id.
///
/// # Panics
///
/// If the contract is broken.
pub async fn vectors_find_the_nearest(clock: &impl Clock, vectors: &impl Vectors) {
    let space = space("nearest");
    assert_eq!(vectors.nearest(&space, &near(0, 5)).await, Ok(Vec::new()), "nobody has put anything there");
    let points =
        [point("far", leaning(4, 0.0)), point("next", leaning(0, 0.5)), point("same", leaning(0, 0.0))];
    vectors.upsert(&space, &points).await.unwrap();
    let found = shows(clock, vectors, &space, &near(0, 2), |found| found.len() == 2).await;
    assert_eq!(ids(&found), ["same", "next"]);
    assert!((found[0].cosine - 1.0).abs() < 0.01 && (found[1].cosine - 0.894).abs() < 0.01, "{found:?}");
    assert_eq!(found[0].text, "text of same");
    let without = vectors.nearest(&space, &Nearest { texts: false, ..near(0, 1) }).await.unwrap();
    assert_eq!(ids(&without), ["same"]);
    vectors.upsert(&space, &[point("same", leaning(2, 0.0))]).await.unwrap();
    shows(clock, vectors, &space, &near(0, 1), |found| ids(found) == ["next"]).await;
    let all = shows(clock, vectors, &space, &near(2, 9), |found| found.len() == 3).await;
    assert_eq!(all[0].id, "same");
    for _ in 0..2 {
        vectors.remove(&space, &["next".to_owned(), "absent".to_owned()]).await.unwrap();
    }
    shows(clock, vectors, &space, &near(0, 9), |found| found.len() == 2).await;
}

/// Namespaces do not see each other's points, whatever their ids.
///
/// # Panics
///
/// If the contract is broken.
pub async fn vectors_keep_namespaces_apart(clock: &impl Clock, vectors: &impl Vectors) {
    let spaces = [
        Namespace::new("contract-a", "cache", "one"),
        Namespace::new("contract-b", "cache", "one"),
        Namespace::new("contract-a", "cache", "two"),
        Namespace::new("contract-a", "knowledge", "one"),
    ];
    for (axis, space) in spaces.iter().enumerate() {
        vectors.upsert(space, &[point("same-id", leaning(axis, 0.0))]).await.unwrap();
    }
    for (axis, space) in spaces.iter().enumerate() {
        let found = shows(clock, vectors, space, &near(axis, 9), |found| !found.is_empty()).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(0.99 < found[0].cosine, "another's point: {found:?}");
    }
    vectors.remove(&spaces[0], &["same-id".to_owned()]).await.unwrap();
    shows(clock, vectors, &spaces[0], &near(0, 9), <[Near]>::is_empty).await;
    assert_eq!(vectors.nearest(&spaces[1], &near(1, 9)).await.unwrap().len(), 1);
}

/// What is found is admitted by the filter.
///
/// # Panics
///
/// If the contract is broken.
pub async fn vectors_look_at_what_filters_admit(clock: &impl Clock, vectors: &impl Vectors) {
    let space = space("filters");
    let labelled = |id: &str, team: Option<&str>, year: Option<f64>, public: Option<bool>| {
        let team = team.map(|team| ("team".to_owned(), Attribute::Text(team.to_owned())));
        let year = year.map(|year| ("year".to_owned(), Attribute::Number(year)));
        let public = public.map(|public| ("public".to_owned(), Attribute::Flag(public)));
        let labels = team.into_iter().chain(year).chain(public).collect();
        Point { labels, ..point(id, leaning(0, id.len() as f32 / 100.0)) }
    };
    let points = [
        labelled("a", Some("search"), Some(2024.0), Some(true)),
        labelled("bb", Some("ads"), Some(2020.5), Some(false)),
        labelled("ccc", None, Some(2024.0), None),
        labelled("dddd", Some("2024"), None, Some(true)),
    ];
    vectors.upsert(&space, &points).await.unwrap();
    shows(clock, vectors, &space, &near(0, 9), |found| found.len() == 4).await;
    for (filter, expected) in [
        (r#"{"type":"eq","key":"team","value":"search"}"#, &["a"][..]),
        (r#"{"type":"ne","key":"team","value":"search"}"#, &["bb", "dddd"]),
        (r#"{"type":"eq","key":"public","value":true}"#, &["a", "dddd"]),
        (r#"{"type":"eq","key":"year","value":2020.5}"#, &["bb"]),
        (r#"{"type":"eq","key":"year","value":"2024"}"#, &[]),
        (r#"{"type":"gt","key":"year","value":2020.5}"#, &["a", "ccc"]),
        (r#"{"type":"lte","key":"year","value":2024}"#, &["a", "bb", "ccc"]),
        (r#"{"type":"gte","key":"team","value":"ads"}"#, &["a", "bb"]),
        (r#"{"type":"in","key":"team","value":["ads","2024"]}"#, &["bb", "dddd"]),
        (r#"{"type":"in","key":"team","value":[]}"#, &[]),
        (r#"{"type":"nin","key":"year","value":[2024]}"#, &["bb"]),
        (r#"{"type":"or","filters":[]}"#, &[]),
        (
            r#"{"type":"and","filters":[{"type":"eq","key":"public","value":true},{"type":"gt","key":"year","value":1}]}"#,
            &["a"],
        ),
        (
            r#"{"type":"or","filters":[{"type":"eq","key":"team","value":"ads"},{"type":"eq","key":"year","value":2024}]}"#,
            &["a", "bb", "ccc"],
        ),
    ] {
        let parsed: Filter = serde_json::from_str(filter).unwrap();
        let asked = Nearest { filter: Some(parsed), texts: false, ..near(0, 9) };
        let found = vectors.nearest(&space, &asked).await.unwrap();
        assert_eq!(ids(&found), expected, "{filter}");
        assert_eq!(ids(&vectors.nearest(&space, &Nearest { texts: true, ..asked }).await.unwrap()), expected);
    }
}

/// Many points are kept; those that no service takes are refused, and so are vectors of another length.
///
/// # Panics
///
/// If the contract is broken.
pub async fn vectors_take_many(clock: &impl Clock, vectors: &impl Vectors) {
    let space = space("many");
    let all: Vec<Point> = (0..3 * BATCH)
        .map(|at| Point {
            text: "x".repeat(900),
            ..point(&format!("p{at}"), leaning(at, (at / DIMS) as f32 / 200.0))
        })
        .collect();
    for points in all.chunks(BATCH) {
        // Whoever hears no answer asks again.
        for _ in 0..2 {
            vectors.upsert(&space, points).await.unwrap();
        }
    }
    let asked = Nearest { texts: false, ..near(3, 100) };
    let found =
        shows(clock, vectors, &space, &asked, |found| found.len() == 100 && found[36].cosine > 0.9).await;
    assert_eq!(ids(&found[..3]), ["p3", "p11", "p19"]);
    let mut unique = ids(&found);
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 100);
    let other =
        vectors.upsert(&space, &[Point { vector: vec![1.0; DIMS + 1], ..point("other", Vec::new()) }]).await;
    let nearest = Nearest { vector: vec![1.0; DIMS + 1], ..near(0, 1) };
    // Either it says so, or it keeps both apart.
    match other {
        Err(VectorsError::Refused(_)) => {}
        Ok(()) => _ = shows(clock, vectors, &space, &nearest, |found| ids(found) == ["other"]).await,
        Err(error) => panic!("{error}"),
    }
    for points in [vec![point("white space", leaning(0, 0.0))], vec![point("zeros", vec![0.0; DIMS])]] {
        assert!(matches!(vectors.upsert(&space, &points).await, Err(VectorsError::Refused(_))));
    }
    let gone: Vec<String> = (0..100).map(|at| format!("p{at}")).collect();
    vectors.remove(&space, &gone).await.unwrap();
    let left = |found: &[Near]| found.iter().all(|near| !gone.contains(&near.id));
    shows(clock, vectors, &space, &asked, left).await;
}

/// All of the contract.
///
/// # Panics
///
/// If it is broken.
pub async fn vectors(clock: &impl Clock, vectors: &impl Vectors) {
    vectors_find_the_nearest(clock, vectors).await;
    vectors_keep_namespaces_apart(clock, vectors).await;
    vectors_look_at_what_filters_admit(clock, vectors).await;
    vectors_take_many(clock, vectors).await;
}

/// The gateway's own objects keep it.
///
/// # Panics
///
/// If the contract is broken.
pub async fn embedded_vectors_find_the_nearest(host: &impl Host) {
    vectors(host, &Service::new(host, &document::Vectors::Embedded)).await;
}

/// The contract of the host's own service, which not every host has.
pub const OF_THE_HOST: &str = "vectors_of_the_host";

/// The host's own service keeps it.
///
/// # Panics
///
/// If the contract is broken, or the host has none.
pub async fn vectors_of_the_host(host: &impl Host) {
    vectors(host, &Service::new(host, &document::Vectors::Host)).await;
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;
    use crate::{memory::MemoryHost, qdrant::Qdrant};

    fn written(json: &str) -> document::Vectors {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_host_that_shows_it_later_keeps_it() {
        let (host, chosen) = (MemoryHost::default(), document::Vectors::Host);
        host.vectors_visible_after(Duration::from_secs(45));
        host.run(vectors(&host, &Service::new(&host, &chosen)));
    }

    #[test]
    fn qdrant_keeps_it() {
        let server = Rc::new(RefCell::new(Qdrant::with_key("k")));
        let host = MemoryHost::default().with_secret("QDRANT_API_KEY", "k").with_qdrant("q.test", &server);
        let chosen = written(r#"{"qdrant":{"url":"http://q.test:6333","api_key":"$QDRANT_API_KEY"}}"#);
        host.run(vectors(&host, &Service::new(&host, &chosen)));
        assert_eq!(server.borrow().count("sluice_8"), 2 + 3 + 4 + 200, "removals reach the server");
        let wrong = written(r#"{"qdrant":{"url":"http://q.test:6333"}}"#);
        let asked = Nearest { vector: leaning(0, 0.0), count: 1, filter: None, texts: false };
        let refused = host.run(Service::new(&host, &wrong).nearest(&space("x"), &asked));
        assert!(matches!(refused, Err(VectorsError::Refused(what)) if what.contains("API key")));
        let unset = written(r#"{"qdrant":{"url":"http://q.test:6333","api_key":"$OTHER"}}"#);
        let absent = host.run(Service::new(&host, &unset).nearest(&space("x"), &asked));
        assert!(matches!(absent, Err(VectorsError::Absent(what)) if what.contains("OTHER")));
        let away = written(r#"{"qdrant":{"url":"http://away.test"}}"#);
        let down = host.run(Service::new(&host, &away).nearest(&space("x"), &asked));
        assert!(matches!(down, Err(VectorsError::Down(_))));
    }
}
