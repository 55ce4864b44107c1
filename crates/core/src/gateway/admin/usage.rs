//! What was used: rolled up day by day, and reported.

use std::time::Duration;

use http::{HeaderValue, header};
use serde_json::{Value, json};
use sluice_types::{error::Failure, time::Timestamp};

use super::{
    super::{
        Context, Reply,
        admit::{self, read},
        costs::Range,
        object,
    },
    counters_down, put, told,
};
use crate::{
    admin, cost_log, key,
    port::{Host, Kv, KvError},
    usage::{By, Day, Report, Summing},
};

/// For so long after it was written a row may still not be seen everywhere: a roll-up waits for it.
const SEEN_AFTER: Duration = Duration::from_secs(300);

/// After so long no row of a day that is over comes any more: not even of what had lapsed before it was settled.
const OVER_AFTER: Duration = Duration::from_secs(3 * 3_600);

const DAY: Duration = Duration::from_secs(86_400);

/// After so many values a roll-up is stored on the way: hosts limit what one invocation may do, and the next goes on.
const STORED_EVERY: u64 = 500;

fn usage_key(tenant: &str, date: &str) -> String {
    format!("usage/{tenant}/{date}")
}

/// Rolls days of every tenant up: sums by kind, from the rows that are not in the stored roll-up yet. Doing it again gives the
/// same. Without a `date` yesterday and today are meant, as far as rows may still come.
///
/// # Errors
///
/// If the store does not answer.
pub(in crate::gateway) async fn roll_up<H: Host>(host: &H, date: Option<&str>) -> Result<Value, Failure> {
    let now = host.now();
    let open = [Timestamp(now.0.saturating_sub(86_400_000)).date(), now.date()];
    let dates = date.map_or_else(|| open.iter().map(String::as_str).collect(), |date| vec![date]);
    let listed = host.list("tenant/").await.map_err(admit::store_down)?;
    let mut ids: Vec<&str> = listed.iter().filter_map(|listed| listed.key.strip_prefix("tenant/")).collect();
    ids.retain(|id| key::is_name(id));
    // Hosts limit what one invocation may do: if this one ends early, it is not always the same tenants that are left.
    let first = host.random() % (ids.len() as u64).max(1);
    ids.rotate_left(usize::try_from(first).unwrap_or(0));
    let (mut tenants, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        let flushed = object::flush(host, id).await.map_err(counters_down);
        for day in &dates {
            let done = match &flushed {
                Ok(()) => roll_up_tenant(host, id, day, date.is_some()).await,
                Err(failure) => Err(failure.clone()),
            };
            // What goes wrong with one tenant is nothing to the others: the day can be rolled up again.
            match done {
                Ok(0) => {}
                Ok(requests) => tenants.push(json!({"tenant": id, "date": day, "requests": requests})),
                Err(failure) => failed.push(json!({"tenant": id, "date": day, "error": failure.to_string()})),
            }
        }
    }
    for failure in &failed {
        host.log(&format!("roll-up: {failure}"));
    }
    Ok(json!({"object": "rollup", "dates": dates, "tenants": tenants, "failed": failed}))
}

/// Rolls a day of one tenant up, unless nothing is expected to come any more and nobody `asked`; gives the requests in it.
async fn roll_up_tenant<H: Host>(host: &H, id: &str, date: &str, asked: bool) -> Result<u64, Failure> {
    let now = host.now();
    let at = usage_key(id, date);
    let stored: Day = read(host, &at).await.map_err(admit::store_down)?.unwrap_or_default();
    if stored.whole && !asked {
        return Ok(stored.requests());
    }
    let mut keys = keys(host, id, date).await.map_err(admit::store_down)?;
    let seen = |key: &String| cost_log::written(key).is_none_or(|written| written.plus(SEEN_AFTER) <= now);
    keys.truncate(keys.partition_point(seen));
    let (day, new) = stored.clone().resumed(&keys);
    let mut summing = Summing::from(day);
    let mut all = true;
    for (key, number) in new.iter().zip(1_u64..) {
        // What is listed and cannot be read yet is the next roll-up's, with all after it.
        let Some(value) = Kv::get(host, key).await.map_err(admit::store_down)? else {
            all = false;
            break;
        };
        summing.add(key, &value);
        if number.is_multiple_of(STORED_EVERY) {
            put(host, &at, &summing.day()).await?;
        }
    }
    let over = Timestamp::from_date(date).is_some_and(|start| start.plus(DAY).plus(OVER_AFTER) <= now);
    let day = summing.day();
    let day = Day { whole: all && over && 0 < day.keys, ..day };
    if day != stored {
        put(host, &at, &day).await?;
    }
    Ok(day.requests())
}

/// The keys of a tenant's rows of a day, in order.
async fn keys<H: Host>(host: &H, tenant: &str, date: &str) -> Result<Vec<String>, KvError> {
    let listed = host.list(&cost_log::day_prefix(tenant, date)).await?;
    Ok(listed.into_iter().map(|listed| listed.key).collect())
}

/// A day of a tenant: its roll-up, and the rows that are not in it yet.
async fn day<H: Host>(host: &H, tenant: &str, date: &str) -> Result<Day, KvError> {
    let stored: Day = read(host, &usage_key(tenant, date)).await?.unwrap_or_default();
    if stored.whole {
        return Ok(stored);
    }
    let keys = keys(host, tenant, date).await?;
    let (day, new) = stored.resumed(&keys);
    let mut summing = Summing::from(day);
    for key in new {
        summing.add(key, &Kv::get(host, key).await?.unwrap_or_default());
    }
    Ok(summing.day())
}

/// Requests, tokens and money by what is asked for; as JSON, or as CSV with `format=csv`.
pub(super) async fn usage<H: Host>(context: &Context<'_, H>, query: &str) -> Result<Reply<H::Body>, Failure> {
    let host = context.host;
    let found = admin::query(query, &["tenant", "from", "to", "by", "format"])?;
    let named = |name: &str| found.get(name).and_then(Value::as_str);
    let range = Range::days(named("from"), named("to"), context.started)?;
    let by = named("by").unwrap_or("tenant");
    let by = By::parse(by).ok_or_else(|| Failure::invalid("by", format!("must list {}", By::ALLOWED)))?;
    let tenants = match named("tenant") {
        Some(id) if key::is_name(id) => vec![id.to_owned()],
        Some(_) => return Err(Failure::invalid("tenant", "must be a tenant's id")),
        None => {
            let listed = host.list("tenant/").await.map_err(admit::store_down)?;
            listed
                .into_iter()
                .filter_map(|listed| Some(listed.key.strip_prefix("tenant/")?.to_owned()))
                .collect()
        }
    };
    let (mut report, mut unreadable) = (Report::default(), 0);
    for tenant in &tenants {
        object::flush(host, tenant).await.map_err(counters_down)?;
        for date in &range {
            let day = day(host, tenant, date).await.map_err(admit::store_down)?;
            unreadable += day.unreadable;
            report.add(tenant, date, &day, &by);
        }
    }
    match named("format") {
        Some("csv") => {
            let mut reply = Reply::json(report.csv(&by).into_bytes());
            reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
            Ok(reply)
        }
        None | Some("json") => {
            let total = report.total();
            Ok(told(&json!({
                "object": "usage",
                "from": range.first(),
                "to": range.last(),
                "by": by.iter().map(By::name).collect::<Vec<_>>(),
                "data": report.json(&by),
                "cost_usd": total.cost_nano_usd.to_string(),
                "sum": total,
                "guardrails": report.guardrails(),
                "unreadable_records": unreadable,
            })))
        }
        Some(_) => Err(Failure::invalid("format", "must be json or csv")),
    }
}
