//! A tenant's catalogue of questions: asking it, and what its calls mean over its cells.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice_semantic::feedback::Observed;
use sluice_types::{json::from_bytes, time::Timestamp};

use crate::{
    cache::{
        below,
        catalogue::{self, Answer, CATALOGUE, Call, Entry, FEEDBACK, Hit, Judgement, Seen, Which},
    },
    config::document,
    port::{Cells, Counters, CountersError, Host, Kv, Vectors},
};

use super::vectors::Service;

/// Entries that one call takes out or tells.
const AT_ONCE: usize = 50;

/// Entries that are looked at in one call for those that are meant.
const LOOKED_AT: u32 = 500;

/// Asks a tenant's catalogue.
pub(super) async fn ask(host: &impl Counters, tenant: &str, call: &Call) -> Result<Answer, CountersError> {
    let mut bytes = vec![CATALOGUE];
    serde_json::to_writer(&mut bytes, call).map_err(unreadable)?;
    let answer = host.count(&catalogue::owner(tenant), bytes.into()).await?;
    parse(&answer)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CountersError> {
    let json = bytes.strip_prefix(&[CATALOGUE]).unwrap_or_default();
    from_bytes(json).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> CountersError {
    CountersError(format!("a catalogue's cell or call cannot be read: {error}"))
}

/// Takes out what is over, and what `which` means; stops after `most` calls. Tells how many answers are gone, and where to
/// go on from.
///
/// # Errors
///
/// What does not answer: nothing is lost, and it is to be done again.
pub(super) async fn take<H: Host>(
    host: &H,
    tenant: &str,
    vectors: &document::Vectors,
    which: Option<&Which>,
    after: &str,
    most: u32,
) -> Result<(u64, Option<String>), String> {
    let (mut after, mut gone) = (after.to_owned(), 0);
    for _ in 0..most {
        let call = Call::Take { which: which.cloned(), after: after.clone() };
        let answer = ask(host, tenant, &call).await.map_err(|error| error.to_string())?;
        let Answer::Gone { entries, next } = answer else { return Err("not entries".to_owned()) };
        gone += entries.len() as u64;
        remove(host, tenant, vectors, &entries).await?;
        match next {
            Some(next) => after = next,
            None => return Ok((gone, None)),
        }
    }
    Ok((gone, Some(after)))
}

/// Removes entries' vectors and answers, and says so to the catalogue.
pub(super) async fn remove<H: Host>(
    host: &H,
    tenant: &str,
    vectors: &document::Vectors,
    entries: &[Entry],
) -> Result<(), String> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut spaces: std::collections::BTreeMap<&str, Vec<String>> = std::collections::BTreeMap::new();
    for entry in entries {
        spaces.entry(&entry.space).or_default().push(entry.id.clone());
        Kv::delete(host, &entry.answer).await.map_err(|error| error.to_string())?;
    }
    for (space, ids) in spaces {
        let space = catalogue::namespace(tenant, space);
        Vectors::remove(&Service::new(host, vectors), &space, &ids)
            .await
            .map_err(|error| error.to_string())?;
    }
    let ids = entries.iter().map(|entry| entry.id.clone()).collect();
    ask(host, tenant, &Call::Removed(ids)).await.map_err(|error| error.to_string())?;
    Ok(())
}

/// Answers a call: bytes that begin with [`CATALOGUE`].
///
/// # Errors
///
/// [`CountersError`] if the call cannot be read or the cells fail; nothing may be kept then.
pub(super) async fn answer(cells: &impl Cells, now: Timestamp, call: &[u8]) -> Result<Bytes, CountersError> {
    let mut open = Open { cells, now, changes: Vec::new(), count: None };
    let answer = match parse(call)? {
        Call::Keep { entry, most } => open.keep(entry, most).await?,
        Call::Served { id, request, score, base } => open.served(&id, &request, score, base).await?,
        Call::Judged { request, right } => open.judged(&request, right).await?,
        Call::Take { which, after } => open.take(which.as_ref(), &after).await?,
        Call::Removed(ids) => {
            open.changes.extend(ids.iter().map(|id| (format!("g/{id}"), None)));
            Answer::Done
        }
        Call::Count => Answer::Count(open.count().await?),
    };
    open.close().await?;
    let mut bytes = vec![CATALOGUE];
    serde_json::to_writer(&mut bytes, &answer).map_err(unreadable)?;
    Ok(bytes.into())
}

/// Cell `e/{id}`.
#[derive(Debug, Serialize, Deserialize)]
struct Used {
    #[serde(flatten)]
    entry: Entry,
    used_at: Timestamp,
}

impl Used {
    fn by_use(&self) -> String {
        format!("u/{:013}/{}", self.used_at.0, self.entry.id)
    }

    fn by_end(&self) -> String {
        format!("x/{:013}/{}", self.entry.expires_at.0, self.entry.id)
    }
}

struct Open<'c, C> {
    cells: &'c C,
    now: Timestamp,
    changes: Vec<(String, Option<String>)>,
    count: Option<u64>,
}

impl<C: Cells> Open<'_, C> {
    async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, CountersError> {
        let found = self.cells.read(&[key.to_owned()]).await?;
        found.first().map(|(_, text)| serde_json::from_str(text)).transpose().map_err(unreadable)
    }

    fn set(&mut self, key: String, value: &impl Serialize) -> Result<(), CountersError> {
        self.changes.push((key, Some(serde_json::to_string(value).map_err(unreadable)?)));
        Ok(())
    }

    async fn count(&mut self) -> Result<u64, CountersError> {
        if self.count.is_none() {
            self.count = Some(self.read("c/meta").await?.unwrap_or(0));
        }
        Ok(self.count.unwrap_or(0))
    }

    async fn close(mut self) -> Result<(), CountersError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        if let Some(count) = self.count {
            self.set("c/meta".to_owned(), &count)?;
        }
        self.cells.write(&self.changes).await
    }

    async fn keep(&mut self, entry: Entry, most: u64) -> Result<Answer, CountersError> {
        let key = format!("e/{}", entry.id);
        let used = Used { entry, used_at: self.now };
        let before: Option<Used> = self.read(&key).await?;
        let mut count = self.count().await?;
        match &before {
            Some(before) => {
                self.changes.push((before.by_use(), None));
                self.changes.push((before.by_end(), None));
            }
            None => count += 1,
        }
        // What was to be removed and is asked again stays.
        self.changes.push((format!("g/{}", used.entry.id), None));
        self.changes.push((used.by_use(), Some(String::new())));
        self.changes.push((used.by_end(), Some(String::new())));
        self.set(key, &used)?;
        self.count = Some(count);
        let mut entries = self.over(&used.entry.id).await?;
        let excess = count.saturating_sub(most).min(AT_ONCE as u64) as usize;
        if entries.len() < excess {
            let oldest = self.cells.range("u/", "u0", AT_ONCE as u32).await?;
            let ids: Vec<String> = oldest.into_iter().filter_map(|(key, _)| id_of(&key)).collect();
            for id in ids {
                if excess <= entries.len() || id == used.entry.id || entries.iter().any(|gone| gone.id == id)
                {
                    continue;
                }
                entries.extend(self.drop(&id).await?);
            }
        }
        self.count = Some(count.saturating_sub(entries.len() as u64));
        Ok(Answer::Gone { entries, next: None })
    }

    /// Some of those whose time is over, but for one.
    async fn over(&mut self, except: &str) -> Result<Vec<Entry>, CountersError> {
        let end = format!("x/{:013}", self.now.0.saturating_add(1));
        let over = self.cells.range("x/", &end, AT_ONCE as u32).await?;
        let mut entries = Vec::new();
        for id in over.into_iter().filter_map(|(key, _)| id_of(&key)).filter(|id| id != except) {
            entries.extend(self.drop(&id).await?);
        }
        Ok(entries)
    }

    /// Takes an entry out, to be removed.
    async fn drop(&mut self, id: &str) -> Result<Option<Entry>, CountersError> {
        let key = format!("e/{id}");
        let Some(used) = self.read::<Used>(&key).await? else { return Ok(None) };
        self.changes.push((used.by_use(), None));
        self.changes.push((used.by_end(), None));
        self.changes.push((key, None));
        self.set(format!("g/{id}"), &used.entry)?;
        Ok(Some(used.entry))
    }

    async fn served(
        &mut self,
        id: &str,
        request: &str,
        score: f32,
        base: f32,
    ) -> Result<Answer, CountersError> {
        let key = format!("e/{id}");
        let Some(mut used) = self.read::<Used>(&key).await? else { return Ok(Answer::Done) };
        self.changes.push((used.by_use(), None));
        used.used_at = self.now;
        self.changes.push((used.by_use(), Some(String::new())));
        let model = used.entry.model.clone();
        self.set(key, &used)?;
        self.set(format!("s/{request}"), &Hit { id: id.to_owned(), score, base, model })?;
        self.changes.push((format!("w/{:013}/{request}", self.now.0), Some(String::new())));
        let long_ago = format!("w/{:013}", self.now.0.saturating_sub(FEEDBACK));
        for (key, _) in self.cells.range("w/", &long_ago, AT_ONCE as u32).await? {
            self.changes.extend(id_of(&key).map(|request| (format!("s/{request}"), None)));
            self.changes.push((key, None));
        }
        Ok(Answer::Done)
    }

    async fn judged(&mut self, request: &str, right: bool) -> Result<Answer, CountersError> {
        let key = format!("s/{request}");
        let Some(hit) = self.read::<Hit>(&key).await? else { return Ok(Answer::Judged(None)) };
        self.changes.push((key, None));
        let seen_key = format!("o/{}", below("", &hit.model));
        let seen: Seen = self.read(&seen_key).await?.unwrap_or_default();
        let mut observed = Observed::from(&seen);
        observed.count(hit.base, hit.score, right);
        let seen = Seen::from(&observed);
        self.set(seen_key, &seen)?;
        let gone = if right { None } else { self.drop(&hit.id).await? };
        let count = self.count().await?;
        self.count = Some(count.saturating_sub(u64::from(gone.is_some())));
        Ok(Answer::Judged(Some(Judgement { model: hit.model, seen, gone })))
    }

    async fn take(&mut self, which: Option<&Which>, after: &str) -> Result<Answer, CountersError> {
        // Those of which nobody said that they are removed come first.
        let waiting = self.cells.range("g/", "g0", AT_ONCE as u32).await?;
        if !waiting.is_empty() {
            let entries =
                waiting.iter().map(|(_, text)| serde_json::from_str(text)).collect::<Result<_, _>>();
            return Ok(Answer::Gone { entries: entries.map_err(unreadable)?, next: Some(after.to_owned()) });
        }
        let count = self.count().await?;
        let mut entries = self.over("").await?;
        let mut next = (entries.len() == AT_ONCE).then(|| after.to_owned());
        if let (Some(which), true) = (which, entries.is_empty()) {
            let from = if after.is_empty() { "e/".to_owned() } else { format!("e/{after}!") };
            let found = self.cells.range(&from, "e0", LOOKED_AT).await?;
            next = (found.len() == LOOKED_AT as usize)
                .then(|| found.last().and_then(|(key, _)| key.strip_prefix("e/").map(str::to_owned)))
                .flatten();
            for (key, text) in found {
                let used: Used = serde_json::from_str(&text).map_err(unreadable)?;
                if !which.means(&used.entry) {
                    continue;
                }
                if entries.len() == AT_ONCE {
                    // From the one before this on.
                    next = entries.last().map(|entry: &Entry| entry.id.clone());
                    break;
                }
                let id = key.trim_start_matches("e/").to_owned();
                entries.extend(self.drop(&id).await?);
            }
        } else if which.is_some() && next.is_none() {
            next = Some(after.to_owned());
        }
        self.count = Some(count.saturating_sub(entries.len() as u64));
        Ok(Answer::Gone { entries, next })
    }
}

/// What stands behind the last slash of a key.
fn id_of(key: &str) -> Option<String> {
    key.rsplit_once('/').map(|(_, id)| id.to_owned())
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        collections::BTreeMap,
    };

    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;

    /// Cells in memory.
    #[derive(Default)]
    struct Memory(RefCell<BTreeMap<String, String>>, Cell<u64>);

    impl Cells for Memory {
        async fn read(&self, keys: &[String]) -> Result<Vec<(String, String)>, CountersError> {
            let cells = self.0.borrow();
            Ok(keys.iter().filter_map(|key| Some((key.clone(), cells.get(key)?.clone()))).collect())
        }

        async fn range(
            &self,
            from: &str,
            to: &str,
            most: u32,
        ) -> Result<Vec<(String, String)>, CountersError> {
            let cells = self.0.borrow();
            let found = cells.range(from.to_owned()..to.to_owned()).take(most as usize);
            Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
        }

        // As the hosts do: what goes first, what stays after.
        async fn write(&self, changes: &[(String, Option<String>)]) -> Result<(), CountersError> {
            let mut cells = self.0.borrow_mut();
            changes.iter().filter(|change| change.1.is_none()).for_each(|(key, _)| _ = cells.remove(key));
            cells.extend(changes.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))));
            Ok(())
        }

        async fn pages(&self, _keys: &[String]) -> Result<Vec<(String, Bytes)>, CountersError> {
            Ok(Vec::new())
        }

        async fn write_pages(&self, _changes: &[(String, Option<Bytes>)]) -> Result<(), CountersError> {
            Ok(())
        }
    }

    impl Memory {
        fn call(&self, call: &Call) -> Answer {
            let mut bytes = vec![CATALOGUE];
            serde_json::to_writer(&mut bytes, call).unwrap();
            let answered = answer(self, Timestamp(self.1.get()), &bytes).now_or_never().unwrap().unwrap();
            parse(&answered).unwrap()
        }

        fn gone(&self, call: &Call) -> (Vec<String>, Option<String>) {
            match self.call(call) {
                Answer::Gone { entries, next } => (entries.into_iter().map(|entry| entry.id).collect(), next),
                other => panic!("{other:?}"),
            }
        }

        fn keep(&self, id: &str, expires: u64, most: u64) -> Vec<String> {
            self.gone(&Call::Keep { entry: entry(id, expires), most }).0
        }

        fn at(&self, now: u64) -> &Self {
            self.1.set(now);
            self
        }

        fn served(&self, id: &str, request: &str) {
            let (id, request) = (id.to_owned(), request.to_owned());
            self.call(&Call::Served { id, request, score: 3.0, base: 2.0 });
        }

        fn count(&self) -> u64 {
            let keys = |prefix: &str| self.0.borrow().keys().filter(|key| key.starts_with(prefix)).count();
            assert_eq!(
                (keys("u/"), keys("x/")),
                (keys("e/"), keys("e/")),
                "entries are found by use and by end"
            );
            assert_eq!(self.call(&Call::Count), Answer::Count(keys("e/") as u64));
            keys("e/") as u64
        }
    }

    fn entry(id: &str, expires: u64) -> Entry {
        Entry {
            id: id.to_owned(),
            space: "s".to_owned(),
            answer: format!("cache/{id}"),
            model: "m".to_owned(),
            namespace: None,
            tags: BTreeMap::new(),
            created_at: Timestamp(0),
            expires_at: Timestamp(expires),
        }
    }

    #[test]
    fn what_served_longest_ago_makes_room() {
        let memory = Memory::default();
        for (now, id) in (1..).zip(["a", "b", "c"]) {
            assert!(memory.at(now).keep(id, 1_000, 3).is_empty());
        }
        memory.at(10).served("a", "r1");
        assert_eq!(memory.at(11).keep("d", 1_000, 3), ["b"]);
        assert_eq!(memory.at(12).keep("d", 1_000, 3), Vec::<String>::new(), "again is no more");
        assert_eq!(memory.count(), 3);
        // Until somebody says that it is removed, it is told.
        let take = Call::Take { which: None, after: String::new() };
        assert_eq!(memory.gone(&take).0, ["b"]);
        memory.call(&Call::Removed(vec!["b".to_owned()]));
        assert!(memory.gone(&take).0.is_empty());
    }

    #[test]
    fn what_is_over_goes_first() {
        let memory = Memory::default();
        memory.at(1).keep("a", 100, 9);
        memory.at(2).keep("b", 5, 9);
        assert_eq!(memory.at(5).keep("c", 100, 9), ["b"]);
        memory.at(6).keep("a", 200, 9);
        assert_eq!(memory.at(150).gone(&Call::Take { which: None, after: String::new() }).0, ["b"]);
        memory.call(&Call::Removed(vec!["b".to_owned()]));
        assert_eq!(memory.gone(&Call::Take { which: None, after: String::new() }).0, ["c"]);
        assert_eq!(memory.count(), 1);
    }

    #[test]
    fn a_judgement_counts_once_and_a_wrong_answer_goes() {
        let memory = Memory::default();
        memory.at(1).keep("a", 1_000_000_000_000, 9);
        memory.at(2).served("a", "r1");
        memory.served("a", "r2");
        memory.served("absent", "r3");
        let judge = |request: &str, right| memory.call(&Call::Judged { request: request.to_owned(), right });
        let Answer::Judged(Some(judged)) = judge("r1", true) else { panic!() };
        assert_eq!((judged.model.as_str(), judged.gone), ("m", None));
        assert_eq!(judged.seen.right.iter().sum::<u32>(), 1);
        assert_eq!(judge("r1", false), Answer::Judged(None), "once");
        assert_eq!(judge("r3", false), Answer::Judged(None));
        let Answer::Judged(Some(judged)) = judge("r2", false) else { panic!() };
        assert_eq!(judged.gone.map(|entry| entry.id), Some("a".to_owned()));
        assert_eq!((judged.seen.right.iter().sum::<u32>(), judged.seen.wrong.iter().sum::<u32>()), (1, 1));
        assert_eq!(memory.count(), 0);
        // Feedback on what was served a week ago comes too late.
        memory.at(3).keep("b", 1_000_000_000_000, 9);
        memory.at(4).served("b", "r4");
        memory.at(4 + FEEDBACK + 1_000).served("b", "r5");
        assert_eq!(judge("r4", false), Answer::Judged(None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_purge_takes_all_that_is_meant_and_nothing_else(count in 0_usize..300, odd in any::<bool>()) {
            let memory = Memory::default();
            for at in 0..count {
                let mut entry = entry(&format!("{at:03}"), 1_000);
                entry.model = if at % 2 == 1 { "odd" } else { "even" }.to_owned();
                memory.at(1).call(&Call::Keep { entry, most: 999 });
            }
            let which = Which { model: odd.then(|| "odd".to_owned()), ..Which::default() };
            let (mut after, mut all) = (String::new(), Vec::new());
            for _ in 0..100 {
                let (gone, next) = memory.gone(&Call::Take { which: Some(which.clone()), after: after.clone() });
                memory.call(&Call::Removed(gone.clone()));
                all.extend(gone);
                let Some(next) = next else { break };
                after = next;
            }
            let expected: Vec<String> = (0..count).filter(|at| !odd || at % 2 == 1).map(|at| format!("{at:03}")).collect();
            prop_assert_eq!(all.len(), expected.len());
            all.sort_unstable();
            prop_assert_eq!(all, expected);
            prop_assert_eq!(memory.count() as usize, if odd { count.div_ceil(2) } else { 0 });
        }
    }
}
