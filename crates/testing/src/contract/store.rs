//! What stores and the smaller ports must keep.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use sluice_core::port::{Clock, Kv, Objects, PAGE, Rng};

/// A store gives back what it was given, replaces it, and knows what it does not have.
///
/// # Panics
///
/// If the contract is broken.
pub async fn kv_reads_what_it_wrote(kv: &impl Kv) {
    assert_eq!(kv.get("contract/absent").await.unwrap(), None);
    for value in [&b""[..], b"one", b"\x00\xff two", "drei \u{1f980}".as_bytes()] {
        kv.put("contract/key", Bytes::copy_from_slice(value), Some("{}")).await.unwrap();
        assert_eq!(kv.get("contract/key").await.unwrap().as_deref(), Some(value));
    }
}

/// A store forgets what it is told to, and minds nothing that is not there.
///
/// # Panics
///
/// If the contract is broken.
pub async fn kv_forgets_what_it_is_told_to(kv: &impl Kv) {
    kv.put_for("contract/gone", Bytes::from_static(b"x"), Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(kv.get("contract/gone").await.unwrap().as_deref(), Some(&b"x"[..]));
    for _ in 0..2 {
        kv.delete("contract/gone").await.unwrap();
        assert_eq!(kv.get("contract/gone").await.unwrap(), None);
    }
}

/// A store lists by prefix, in order, all of it.
///
/// # Panics
///
/// If the contract is broken.
pub async fn kv_lists_by_prefix(kv: &impl Kv) {
    let count = 1_100; // more than a page of any host
    let puts = (0..count).rev().map(|number| async move {
        let summary = number.to_string();
        kv.put(&format!("contract/list/{number:05}"), Bytes::from_static(b"x"), Some(&summary)).await
    });
    for put in join_all(puts).await {
        put.unwrap();
    }
    kv.put("contract/lisu", Bytes::from_static(b"x"), None).await.unwrap();
    let listed = kv.list("contract/list/").await.unwrap();
    assert_eq!(listed.len(), count);
    for (number, entry) in listed.iter().enumerate() {
        assert_eq!(entry.key, format!("contract/list/{number:05}"));
        assert!(entry.summary.as_ref().is_none_or(|summary| *summary == number.to_string()));
    }
}

/// Raw data comes back as it was saved, whole pages too, and goes when it is discarded.
///
/// # Panics
///
/// If the contract is broken.
pub async fn objects_give_back_what_they_were_given(objects: &impl Objects) {
    assert_eq!(objects.load("contract/raw/absent").await.unwrap(), None);
    let page: Vec<u8> = (0..PAGE).map(|at| (at % 251) as u8).collect();
    for value in [&b""[..], b"\x00\xff\r\n", &page] {
        for _ in 0..2 {
            objects.save("contract/raw/0000", Bytes::copy_from_slice(value)).await.unwrap();
        }
        assert_eq!(objects.load("contract/raw/0000").await.unwrap().as_deref(), Some(value));
    }
    for _ in 0..2 {
        objects.discard("contract/raw/0000").await.unwrap();
        assert_eq!(objects.load("contract/raw/0000").await.unwrap(), None);
    }
}

/// Time passes while one sleeps.
///
/// # Panics
///
/// If the contract is broken.
pub async fn clock_passes_while_sleeping(clock: &impl Clock) {
    let before = clock.now();
    clock.sleep(Duration::from_millis(20)).await;
    assert!(Duration::from_millis(19) <= clock.now().since(before));
}

/// Dice do not repeat themselves.
///
/// # Panics
///
/// If the contract is broken.
pub async fn rng_does_not_repeat(rng: &impl Rng) {
    let mut drawn: Vec<u64> = (0..1_000).map(|_| rng.random()).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 1_000);
}
