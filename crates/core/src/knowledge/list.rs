//! Pages of lists: `limit`, `order`, `after` and `before`, as OpenAI has them.

use serde::{Deserialize, Serialize};
use sluice_types::error::Failure;

use super::record::Status;
use crate::config::percent;

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The most items.
    pub limit: u32,
    /// Whether the newest comes first.
    pub newest_first: bool,
    /// What follows this one in the list.
    pub after: Option<String>,
    /// What stands before this one in the list.
    pub before: Option<String>,
}

/// What else a list's query may say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Of members: only those of a status.
    pub status: Option<Status>,
    /// Of files: only those of a purpose.
    pub purpose: Option<String>,
}

/// Reads the query of a list of at most `most` items, `usual` of them where it says nothing.
///
/// # Errors
///
/// What is wrong with it.
pub fn read(query: &str, usual: u32, most: u32) -> Result<(Page, Filters), Failure> {
    let mut page = Page { limit: usual, newest_first: true, after: None, before: None };
    let mut filters = Filters::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent::decode(&value.replace('+', " "))
            .ok_or_else(|| Failure::invalid(name, "is not encoded as a URL's query is"))?;
        match name {
            "limit" => {
                let limit = value.parse::<u32>().ok().filter(|limit| (1..=most).contains(limit));
                let wrong = || Failure::invalid("limit", format!("must be a number from 1 to {most}"));
                page.limit = limit.ok_or_else(wrong)?;
            }
            "order" => {
                page.newest_first = match value.as_str() {
                    "asc" => false,
                    "desc" => true,
                    _ => return Err(Failure::invalid("order", "must be `asc` or `desc`")),
                }
            }
            "after" => page.after = Some(value).filter(|id| !id.is_empty()),
            "before" => page.before = Some(value).filter(|id| !id.is_empty()),
            "purpose" => filters.purpose = Some(value),
            "filter" => {
                let status = Status::ALL.into_iter().find(|status| status.name() == value);
                let allowed = "must be `in_progress`, `completed`, `failed` or `cancelled`";
                filters.status = Some(status.ok_or_else(|| Failure::invalid("filter", allowed))?);
            }
            // SDKs may add what is nothing to us.
            _ => {}
        }
    }
    if page.after.is_some() && page.before.is_some() {
        return Err(Failure::invalid("before", "cannot be given together with `after`"));
    }
    Ok((page, filters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_or_refused() {
        let (page, filters) =
            read("limit=5&order=asc&after=file-1&filter=failed&purpose=user%5Fdata", 20, 100).unwrap();
        let after = Some("file-1".to_owned());
        assert_eq!(page, Page { limit: 5, newest_first: false, after, before: None });
        assert_eq!(filters, Filters { status: Some(Status::Failed), purpose: Some("user_data".to_owned()) });
        assert_eq!(read("", 20, 100).unwrap().0.limit, 20);
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("order=up", "order"),
            ("filter=done", "filter"),
            ("after=a&before=b", "before"),
            ("after=%zz", "after"),
        ] {
            assert_eq!(read(query, 20, 100).unwrap_err().param.as_deref(), Some(param), "{query}");
        }
    }
}
