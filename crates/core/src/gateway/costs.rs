//! What a tenant's requests cost, summed for the operator.

use std::{rc::Rc, time::Duration};

use sluice_types::{error::Failure, time::Timestamp};

use super::{Context, Gateway, Reply, admit, reply::Problem};
use crate::{
    cost_log::{self, Sum},
    key,
    port::{Host, Kv},
};

/// The most days one request may sum.
const MAX_DAYS: usize = 366;

const DAY: Duration = Duration::from_secs(86_400);

impl Gateway {
    /// Sums the cost log of a tenant over days, both ends included.
    pub(super) async fn costs<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        query: Option<&str>,
    ) -> Result<Reply<H::Body>, Problem> {
        let range = Range::parse(query.unwrap_or(""), context.started)?;
        let flushed = super::object::flush(context.host, range.tenant).await;
        flushed.map_err(|error| admit::store_down(crate::port::KvError(error.to_string())))?;
        let mut total = Sum::default();
        let mut days = Vec::new();
        let mut unreadable = 0;
        for date in &range.dates {
            let mut day = Sum::default();
            for listed in context
                .host
                .list(&cost_log::day_prefix(range.tenant, date))
                .await
                .map_err(admit::store_down)?
            {
                let summary = listed.summary.and_then(|summary| serde_json::from_str(&summary).ok());
                let sum = match summary {
                    Some(sum) => sum,
                    None => {
                        let value = Kv::get(context.host, &listed.key).await.map_err(admit::store_down)?;
                        let (sum, lines) = cost_log::sum_lines(&value.unwrap_or_default());
                        unreadable += lines;
                        sum
                    }
                };
                day = day.plus(sum);
            }
            if day != Sum::default() {
                days.push(serde_json::json!({"date": date, "sum": day}));
            }
            total = total.plus(day);
        }
        let body = serde_json::json!({
            "object": "costs",
            "tenant": range.tenant,
            "from": range.dates.first(),
            "to": range.dates.last(),
            "cost_usd": total.cost_nano_usd.to_string(),
            "sum": total,
            "days": days,
            "unreadable_records": unreadable,
        });
        Ok(Reply::json(body.to_string().into_bytes()))
    }
}

/// Whose costs, and of which days.
pub(super) struct Range<'a> {
    tenant: &'a str,
    dates: Vec<String>,
}

impl<'a> Range<'a> {
    fn parse(query: &'a str, now: Timestamp) -> Result<Self, Failure> {
        let (mut tenant, mut from, mut to) = (None, None, None);
        for (name, value) in query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        {
            match name {
                "tenant" => tenant = Some(value),
                "from" => from = Some(value),
                "to" => to = Some(value),
                _ => return Err(Failure::invalid(name, "is not known here: there are tenant, from and to")),
            }
        }
        let Some(tenant) = tenant.filter(|id| key::is_name(id)) else {
            return Err(Failure::invalid(
                "tenant",
                "must be a tenant's id: letters, digits and `-_.`, 64 at most",
            ));
        };
        Ok(Self { tenant, dates: Range::days(from, to, now)? })
    }

    /// The days from `from` to `to`, both included; today where one is left out.
    pub(super) fn days(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<Vec<String>, Failure> {
        let day = |name: &str, text: Option<&str>| match text {
            None => Ok(Timestamp(now.0 - now.0 % 86_400_000)),
            Some(text) => Timestamp::from_date(text)
                .ok_or_else(|| Failure::invalid(name, "must be a day in UTC such as 2026-11-21")),
        };
        let (first, last) = (day("from", from)?, day("to", to)?);
        if last < first {
            return Err(Failure::invalid("from", "must not be later than `to`"));
        }
        let dates: Vec<String> = std::iter::successors(Some(first), |day| Some(day.plus(DAY)))
            .take_while(|day| *day <= last)
            .take(MAX_DAYS + 1)
            .map(Timestamp::date)
            .collect();
        if MAX_DAYS < dates.len() {
            return Err(Failure::invalid("from", format!("must be at most {MAX_DAYS} days before `to`")));
        }
        Ok(dates)
    }
}

#[cfg(test)]
mod tests {
    use sluice_types::error::ErrorKind;

    use super::*;

    #[test]
    fn ranges_include_both_ends_and_default_to_today() {
        let now = Timestamp::from_date("2026-11-21").unwrap().plus(Duration::from_secs(5));
        assert_eq!(Range::parse("tenant=dev", now).unwrap().dates, ["2026-11-21"]);
        let range = Range::parse("tenant=dev&from=2026-02-27&to=2026-03-01", now).unwrap();
        assert_eq!(range.dates, ["2026-02-27", "2026-02-28", "2026-03-01"]);
    }

    #[test]
    fn wrong_ranges_are_told_apart() {
        for (query, param) in [
            ("", "tenant"),
            ("tenant=a%2Fb", "tenant"),
            ("tenant=a&from=x", "from"),
            ("tenant=a&from=2026-01-02&to=2026-01-01", "from"),
            ("tenant=a&from=2020-01-01&to=2026-01-01", "from"),
            ("tenant=a&form=1", "form"),
        ] {
            let failure = Range::parse(query, Timestamp(0)).err().unwrap();
            assert_eq!(
                (failure.kind, failure.param.as_deref()),
                (ErrorKind::InvalidRequest, Some(param)),
                "{query}"
            );
        }
    }
}
