//! What was used: rolled up day by day, and reported.

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
    admin, key,
    port::{Host, Kv, KvError},
    usage::{By, Day, Report, Summing},
};

fn usage_key(tenant: &str, date: &str) -> String {
    format!("usage/{tenant}/{date}")
}

/// Rolls a day of every tenant up: its sums by kind, from its rows. Doing it again gives the same.
///
/// # Errors
///
/// If the store does not answer.
pub(in crate::gateway) async fn roll_up<H: Host>(host: &H, date: &str) -> Result<Value, Failure> {
    let (mut tenants, mut failed) = (Vec::new(), Vec::new());
    for listed in host.list("tenant/").await.map_err(admit::store_down)? {
        let Some(id) = listed.key.strip_prefix("tenant/").filter(|id| key::is_tenant_id(id)) else {
            continue;
        };
        // What goes wrong with one tenant is nothing to the others: the day can be rolled up again.
        match roll_up_tenant(host, id, date).await {
            Ok(0) => {}
            Ok(requests) => tenants.push(json!({"tenant": id, "requests": requests})),
            Err(failure) => failed.push(json!({"tenant": id, "error": failure.to_string()})),
        }
    }
    for failure in &failed {
        host.log(&format!("roll-up of {date}: {failure}"));
    }
    Ok(json!({"object": "rollup", "date": date, "tenants": tenants, "failed": failed}))
}

/// Rolls a day of one tenant up; gives its requests.
async fn roll_up_tenant<H: Host>(host: &H, id: &str, date: &str) -> Result<u64, Failure> {
    object::flush(host, id).await.map_err(counters_down)?;
    let day = live(host, id, date).await.map_err(admit::store_down)?;
    let requests: u64 = day.groups.iter().map(|(_, sum)| sum.requests).sum();
    if 0 < requests {
        put(host, &usage_key(id, date), &day).await?;
    }
    Ok(requests)
}

/// A day of a tenant from its rows.
async fn live<H: Host>(host: &H, tenant: &str, date: &str) -> Result<Day, KvError> {
    let mut summing = Summing::default();
    for listed in host.list(&crate::cost_log::day_prefix(tenant, date)).await? {
        summing.add(&Kv::get(host, &listed.key).await?.unwrap_or_default());
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
        Some(id) if key::is_tenant_id(id) => vec![id.to_owned()],
        Some(_) => return Err(Failure::invalid("tenant", "must be a tenant's id")),
        None => {
            let listed = host.list("tenant/").await.map_err(admit::store_down)?;
            listed
                .into_iter()
                .filter_map(|listed| Some(listed.key.strip_prefix("tenant/")?.to_owned()))
                .collect()
        }
    };
    let fresh = Timestamp(context.started.0.saturating_sub(86_400_000)).date();
    let (mut report, mut unreadable) = (Report::default(), 0);
    for tenant in &tenants {
        object::flush(host, tenant).await.map_err(counters_down)?;
        for date in &range {
            // Today's and yesterday's rows may still come in: only older days are taken from their roll-up.
            let rolled = if *date < fresh {
                read::<H, Day>(host, &usage_key(tenant, date)).await.map_err(admit::store_down)?
            } else {
                None
            };
            let day = match rolled {
                Some(day) => day,
                None => live(host, tenant, date).await.map_err(admit::store_down)?,
            };
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
                "unreadable_records": unreadable,
            })))
        }
        Some(_) => Err(Failure::invalid("format", "must be json or csv")),
    }
}
