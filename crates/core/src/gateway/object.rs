//! A tenant's counter object: what its calls mean, over whatever cells its host keeps for it. Calls of a store's index
//! are answered by [`index`], those of vectors by [`vectors`],
//! those of a catalogue of questions by [`catalogue`].
//!
//! ```text
//! m/{meter}                    a meter of the ledger
//! h/{id}                       a reservation; l/{until}/{id} finds those that lapse
//! o/{prefix}|{id}              a row of the cost log that waits; f/due says since when somebody is to write them out
//! b/{key}                      rows on their way to the store, under the key they will have there
//! a/{number}                   an entry of a journal; a-head its last number and hash
//! s/{target}                   the breaker of a target that all instances share
//! ```
//!
//! **Each row exactly once.** Rows become a batch with its key and content fixed in the object before anything is
//! written, and leave the object after the store has them. Whoever writes a batch again, after a crash or beside
//! another, writes the same value under the same key.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sluice_types::{
    json::from_bytes,
    quota::{Amounts, Ask, Rule, Verdict},
    time::Timestamp,
};

use super::{catalogue, index, library, queue, vectors};
use crate::{
    cache::catalogue::CATALOGUE,
    cost_log,
    index::wire::INDEX,
    key::{digest, hex},
    ledger::{Hold, Ledger, Meter},
    port::{Cells, Clock, Counters, CountersError, Kv, KvError},
    routing::shared,
    vectors::wire::VECTORS,
};

/// How long rows wait for others before they are written out.
pub const GATHER: Duration = Duration::from_millis(500);

/// How much later than agreed another may take the writing out over.
const TAKEN_OVER: u64 = 5_000;

/// The most rows of one batch, and the most bytes before the last one.
const BATCH_ROWS: u32 = 500;
const BATCH_BYTES: usize = 600_000;

/// The most reservations that lapse in one call, and meters that are looked at; more are in the next.
const LAPSES: u32 = 1_000;

/// How many calls look through an object's meters in a day.
const TIDIES: u32 = 100;

/// What is asked of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Reserve.
    Reserve(Ask),
    /// Put what was really used in the place of what was reserved, and keep the row until it is written out.
    Settle {
        /// The request's id.
        id: String,
        /// What it used.
        actual: Amounts,
        /// Its row.
        row: Option<Row>,
    },
    /// How rules stand, without reserving.
    Look(Vec<Rule>),
    /// Make batches of the rows that wait, and tell all batches there are.
    Take,
    /// These batches are in the store.
    Written(Vec<String>),
    /// Add an entry to the journal.
    Append(String),
    /// Entries of the journal after a number.
    Read {
        /// The number.
        after: u64,
        /// How many at most.
        most: u32,
    },
    /// Forget everything, but for rows that wait: those are written out.
    Forget,
    /// Forget meters that count nothing any more, of some whose cells come after this one.
    Tidy(String),
    /// About a breaker that all instances share.
    Breaker(shared::Ask),
    /// Of the queue of documents.
    Queue(queue::Call),
    /// Of a tenant's files and stores.
    Library(library::Call),
}

/// A row of the cost log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What its key in the store begins with: `cost/{tenant}/{date}/`.
    pub prefix: String,
    /// The request's id.
    pub id: String,
    /// The record as JSON, one line.
    pub line: String,
}

/// Rows under the key they will have in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The key.
    pub key: String,
    /// The rows, a line each.
    pub value: String,
    /// What they add up to, as JSON.
    pub summary: String,
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1 on without gaps.
    pub number: u64,
    /// What it says.
    pub text: String,
    /// SHA-256 of the hash before it (64 zeros before the first), a line feed, and its text; in hexadecimal.
    pub hash: String,
}

/// What an object answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Call::Reserve`].
    Verdict(Verdict),
    /// To [`Call::Settle`]: whether anything was known of the request.
    Settled(bool),
    /// To [`Call::Look`]: what each rule's meter counts, used and reserved, and of that what is used.
    Counted(Vec<(u64, u64)>),
    /// To [`Call::Take`].
    Batches(Vec<Batch>),
    /// To [`Call::Append`] and [`Call::Read`].
    Entries(Vec<Entry>),
    /// To [`Call::Written`] and [`Call::Forget`].
    Done,
    /// To [`Call::Tidy`]: the last cell that was looked at, if there may be others.
    Tidied(Option<String>),
    /// To [`Call::Breaker`].
    Breaker(shared::Told),
    /// To [`Call::Queue`].
    Queue(queue::Answer),
    /// To [`Call::Library`].
    Library(library::Answer),
}

/// An answer, and what its host must do after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The answer's bytes.
    pub answer: Bytes,
    /// After how long [`flush`] is to run for this owner; `None` if it need not, or somebody is about to.
    pub flush_after: Option<Duration>,
}

/// Answers `call`. A host runs this inside one transaction of the owner's cells, one after the other.
///
/// # Errors
///
/// [`CountersError`] if the call cannot be read or the cells fail; nothing may be kept then.
pub async fn answer(cells: &impl Cells, now: Timestamp, call: &[u8]) -> Result<Outcome, CountersError> {
    if call.first() == Some(&INDEX) {
        return Ok(Outcome { answer: index::answer(cells, now, call).await?, flush_after: None });
    }
    if call.first() == Some(&CATALOGUE) {
        return Ok(Outcome { answer: catalogue::answer(cells, now, call).await?, flush_after: None });
    }
    if call.first() == Some(&VECTORS) {
        return Ok(Outcome { answer: vectors::answer(cells, call).await?, flush_after: None });
    }
    let call: Call = from_bytes(call).map_err(wrong)?;
    let mut flush_after = None;
    let answer = match call {
        Call::Reserve(ask) => {
            let names = ask.rules.iter().map(|rule| rule.meter.clone());
            let mut open = Open::load(cells, now, &ask.id, names).await?;
            let verdict = open.ledger.reserve(now, &ask);
            cells.write(&open.changes()?).await?;
            Answer::Verdict(verdict)
        }
        Call::Settle { id, actual, row } => {
            let mut open = Open::load(cells, now, &id, std::iter::empty()).await?;
            let known = open.ledger.settle(now, &id, &actual);
            let mut changes = open.changes()?;
            if let Some(row) = row.filter(|_| known) {
                flush_after = due(cells, now, &mut changes).await?;
                changes.push((format!("o/{}|{}", row.prefix, row.id), Some(row.line)));
            }
            cells.write(&changes).await?;
            Answer::Settled(known)
        }
        Call::Look(rules) => {
            let names = rules.iter().map(|rule| rule.meter.clone());
            let mut open = Open::load(cells, now, "", names).await?;
            open.ledger.lapse(now);
            cells.write(&open.changes()?).await?;
            let counted = rules.iter().map(|rule| {
                let meter = open.ledger.meters.get(&rule.meter);
                meter.map_or((0, 0), |meter| (meter.counted(now, rule.window), meter.used(now, rule.window)))
            });
            Answer::Counted(counted.collect())
        }
        Call::Take => {
            let (batches, more) = take(cells, now).await?;
            flush_after = more.then_some(Duration::ZERO);
            Answer::Batches(batches)
        }
        Call::Written(keys) => {
            let gone: Vec<_> = keys.into_iter().map(|key| (format!("b/{key}"), None)).collect();
            cells.write(&gone).await?;
            Answer::Done
        }
        Call::Append(text) => Answer::Entries(vec![append(cells, text).await?]),
        Call::Read { after, most } => {
            let found = cells.range(&entry_key(after.saturating_add(1)), "a0", most).await?;
            let entries = found.iter().map(|(_, text)| serde_json::from_str(text)).collect::<Result<_, _>>();
            Answer::Entries(entries.map_err(wrong)?)
        }
        Call::Queue(call) => Answer::Queue(queue::answer(cells, now, call).await?),
        Call::Library(call) => Answer::Library(library::answer(cells, now, call).await?),
        Call::Forget => {
            // Batches and rows that wait stay: they are the record of money that was spent.
            for (from, to) in [("m/", "m0"), ("h/", "h0"), ("l/", "l0")] {
                loop {
                    let found = cells.range(from, to, LAPSES).await?;
                    if found.is_empty() {
                        break;
                    }
                    let gone: Vec<_> = found.into_iter().map(|(key, _)| (key, None)).collect();
                    cells.write(&gone).await?;
                }
            }
            Answer::Done
        }
        Call::Tidy(after) => Answer::Tidied(tidied(cells, now, after).await?),
        Call::Breaker(ask) => Answer::Breaker(breaker(cells, &ask, now).await?),
    };
    let answer = serde_json::to_vec(&answer).map_err(wrong)?.into();
    Ok(Outcome { answer, flush_after })
}

/// Takes out the cells of meters that count nothing any more, of some after the cell `after`.
async fn tidied(cells: &impl Cells, now: Timestamp, after: String) -> Result<Option<String>, CountersError> {
    let from = if after.is_empty() { "m/".to_owned() } else { format!("{after}\u{1}") };
    let found = cells.range(&from, "m0", LAPSES).await?;
    let is_over = |text: &str| serde_json::from_str::<Meter>(text).is_ok_and(|meter| meter.is_over(now));
    let over = found.iter().filter(|(_, text)| is_over(text));
    let gone: Vec<_> = over.map(|(key, _)| (key.clone(), None)).collect();
    cells.write(&gone).await?;
    Ok(found.last().filter(|_| found.len() == LAPSES as usize).map(|(key, _)| key.clone()))
}

/// Asks a breaker that all instances share, and keeps what has changed.
async fn breaker(
    cells: &impl Cells,
    ask: &shared::Ask,
    now: Timestamp,
) -> Result<shared::Told, CountersError> {
    let key = format!("s/{}", ask.target);
    let found = cells.read(std::slice::from_ref(&key)).await?;
    // One that cannot be read is of another version: it begins anew.
    let mut state: shared::Shared =
        found.first().and_then(|(_, text)| serde_json::from_str(text).ok()).unwrap_or_default();
    let before = state.clone();
    let told = state.answer(&ask.policy, ask.what, now);
    if state != before {
        let text = serde_json::to_string(&state).map_err(wrong)?;
        cells.write(&[(key, Some(text))]).await?;
    }
    Ok(told)
}

/// Asks the object of `owner`.
///
/// # Errors
///
/// [`CountersError`] if it does not answer, or with something else than an [`Answer`].
pub async fn ask(host: &impl Counters, owner: &str, call: &Call) -> Result<Answer, CountersError> {
    let call = serde_json::to_vec(call).map_err(wrong)?;
    let answer = host.count(owner, call.into()).await?;
    from_bytes(&answer).map_err(wrong)
}

/// Has the object of `owner` forget meters that count nothing any more, such as those of users and visitors who came once:
/// as many as fit into some calls.
///
/// # Errors
///
/// [`CountersError`] if the object does not answer.
pub async fn tidy(host: &impl Counters, owner: &str) -> Result<(), CountersError> {
    let mut after = String::new();
    for _ in 0..TIDIES {
        match ask(host, owner, &Call::Tidy(after)).await? {
            Answer::Tidied(Some(last)) => after = last,
            _ => break,
        }
    }
    Ok(())
}

/// Writes out the rows that wait at the object of `owner`.
///
/// # Errors
///
/// [`CountersError`] if the object or the store does not answer: nothing is lost, and it is to be run again.
pub async fn flush(host: &(impl Counters + Kv), owner: &str) -> Result<(), CountersError> {
    write_out(host, owner, async |batch| host.put(&batch.key, batch.value.into(), Some(&batch.summary)).await)
        .await
}

/// [`flush`] with a store of its own.
///
/// # Errors
///
/// As [`flush`].
pub async fn write_out(
    counters: &impl Counters,
    owner: &str,
    put: impl AsyncFn(Batch) -> Result<(), KvError>,
) -> Result<(), CountersError> {
    loop {
        let Answer::Batches(batches) = ask(counters, owner, &Call::Take).await? else {
            return Err(CountersError("not batches".to_owned()));
        };
        if batches.is_empty() {
            return Ok(());
        }
        let mut written = Vec::with_capacity(batches.len());
        for batch in batches {
            written.push(batch.key.clone());
            put(batch).await.map_err(|error| CountersError(error.to_string()))?;
        }
        ask(counters, owner, &Call::Written(written)).await?;
    }
}

/// [`flush`] after a wait, and again for as long as something does not answer, up to some minutes.
pub async fn flush_later(host: &(impl Counters + Kv + Clock), owner: &str, wait: Duration) {
    let mut wait = wait;
    for _ in 0..8 {
        host.sleep(wait).await;
        if flush(host, owner).await.is_ok() {
            return;
        }
        wait = (wait * 2).max(GATHER);
    }
}

fn wrong(error: serde_json::Error) -> CountersError {
    CountersError(format!("a counter object's cell or call cannot be read: {error}"))
}

/// Whether somebody must be asked to write out what now waits.
async fn due(
    cells: &impl Cells,
    now: Timestamp,
    changes: &mut Vec<(String, Option<String>)>,
) -> Result<Option<Duration>, CountersError> {
    let due = cells.read(&["f/due".to_owned()]).await?;
    let due = due.first().and_then(|(_, at)| at.parse::<u64>().ok());
    if due.is_some_and(|due| now.0 < due.saturating_add(TAKEN_OVER)) {
        return Ok(None);
    }
    changes.push(("f/due".to_owned(), Some(now.plus(GATHER).0.to_string())));
    Ok(Some(GATHER))
}

/// Makes a batch of each day's rows; tells all batches, and whether rows are left.
async fn take(cells: &impl Cells, now: Timestamp) -> Result<(Vec<Batch>, bool), CountersError> {
    let waiting = cells.range("o/", "o0", BATCH_ROWS).await?;
    let mut changes: Vec<(String, Option<String>)> = Vec::new();
    let mut by_prefix: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut bytes = 0;
    let all = waiting.len();
    for (key, line) in waiting {
        if BATCH_BYTES < bytes {
            break;
        }
        bytes += line.len();
        if let Some((prefix, id)) = key.strip_prefix("o/").and_then(|rest| rest.rsplit_once('|')) {
            let (_, value) =
                by_prefix.entry(prefix.to_owned()).or_insert_with(|| (id.to_owned(), String::new()));
            value.push_str(&line);
            value.push('\n');
        }
        changes.push((key, None));
    }
    let more = changes.len() < all || all == BATCH_ROWS as usize;
    for (prefix, (id, value)) in by_prefix {
        let (sum, _) = cost_log::sum_lines(value.as_bytes());
        let summary = serde_json::to_string(&sum).map_err(wrong)?;
        // A request is in one batch only, so the first one's id makes the key nobody else's.
        let batch = Batch { key: format!("{prefix}{:013}-{id}", now.0), value, summary };
        changes.push((format!("b/{}", batch.key), Some(serde_json::to_string(&batch).map_err(wrong)?)));
    }
    if !more {
        changes.push(("f/due".to_owned(), None));
    }
    cells.write(&changes).await?;
    let batches = cells.range("b/", "b0", 8).await?;
    let batches = batches.iter().map(|(_, text)| serde_json::from_str(text)).collect::<Result<_, _>>();
    Ok((batches.map_err(wrong)?, more))
}

async fn append(cells: &impl Cells, text: String) -> Result<Entry, CountersError> {
    let head = cells.read(&["a-head".to_owned()]).await?;
    let head: Option<Entry> =
        head.first().map(|(_, text)| serde_json::from_str(text)).transpose().map_err(wrong)?;
    let (number, before) =
        head.map_or((1, GENESIS.to_owned()), |head| (head.number.saturating_add(1), head.hash));
    let entry = Entry { number, hash: chained(&before, &text), text };
    let written = serde_json::to_string(&entry).map_err(wrong)?;
    cells.write(&[(entry_key(number), Some(written.clone())), ("a-head".to_owned(), Some(written))]).await?;
    Ok(entry)
}

/// The hash before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of an entry that says `text` after one whose hash is `before`.
pub fn chained(before: &str, text: &str) -> String {
    hex(&digest(&format!("{before}\n{text}")))
}

fn entry_key(number: u64) -> String {
    format!("a/{number:016}")
}

/// The part of a ledger that a call needs, and how it was.
struct Open {
    before: Ledger,
    ledger: Ledger,
}

impl Open {
    /// The reservation `id`, those that lapse, and the meters they and the call name.
    async fn load(
        cells: &impl Cells,
        now: Timestamp,
        id: &str,
        meters: impl Iterator<Item = String>,
    ) -> Result<Self, CountersError> {
        let lapsing = cells.range("l/", &format!("l/{:013}", now.0.saturating_add(1)), LAPSES).await?;
        let ids = lapsing.iter().filter_map(|(key, _)| key.splitn(3, '/').nth(2));
        let mut wanted: Vec<String> = ids.chain([id]).map(|id| format!("h/{id}")).collect();
        let named: Vec<String> = meters.map(|name| format!("m/{name}")).collect();
        wanted.extend(named.iter().cloned());
        let mut ledger = Ledger::default();
        fill(&mut ledger, cells.read(&wanted).await?)?;
        let parts = ledger.holds.values().flat_map(|hold| &hold.parts);
        let mut more: Vec<String> = parts.map(|part| format!("m/{}", part.meter)).collect();
        more.sort_unstable();
        more.dedup();
        more.retain(|key| !named.contains(key));
        if !more.is_empty() {
            fill(&mut ledger, cells.read(&more).await?)?;
        }
        Ok(Self { before: ledger.clone(), ledger })
    }

    /// What is to be written.
    fn changes(&self) -> Result<Vec<(String, Option<String>)>, CountersError> {
        let mut changes = Vec::new();
        for (name, meter) in &self.ledger.meters {
            if self.before.meters.get(name) != Some(meter) {
                changes.push((format!("m/{name}"), Some(serde_json::to_string(meter).map_err(wrong)?)));
            }
        }
        for name in self.before.meters.keys().filter(|name| !self.ledger.meters.contains_key(*name)) {
            changes.push((format!("m/{name}"), None));
        }
        let lapse = |id: &str, hold: &Hold| format!("l/{:013}/{id}", hold.until);
        for (id, hold) in &self.before.holds {
            let now = self.ledger.holds.get(id);
            if now.is_none() {
                changes.push((format!("h/{id}"), None));
            }
            if now.is_none_or(|now| now.until != hold.until) {
                changes.push((lapse(id, hold), None));
            }
        }
        for (id, hold) in &self.ledger.holds {
            if self.before.holds.get(id) != Some(hold) {
                changes.push((format!("h/{id}"), Some(serde_json::to_string(hold).map_err(wrong)?)));
                changes.push((lapse(id, hold), Some(String::new())));
            }
        }
        Ok(changes)
    }
}

fn fill(ledger: &mut Ledger, cells: Vec<(String, String)>) -> Result<(), CountersError> {
    for (key, text) in cells {
        if let Some(name) = key.strip_prefix("m/") {
            ledger.meters.insert(name.to_owned(), serde_json::from_str::<Meter>(&text).map_err(wrong)?);
        } else if let Some(id) = key.strip_prefix("h/") {
            ledger.holds.insert(id.to_owned(), serde_json::from_str::<Hold>(&text).map_err(wrong)?);
        }
    }
    Ok(())
}
