//! Lists of a library, page by page.

use serde::de::DeserializeOwned;

use super::{Answer, Open, wrong};
use crate::{
    knowledge::{
        list::Page,
        record::{Member, Status},
    },
    port::{Cells, CountersError},
};

/// How many places of a list are looked at together.
const STRIDE: u32 = 200;

/// `token`, a number in hexadecimal, so turned that what came first comes last.
pub(super) fn turned(token: &str) -> String {
    let turn = |digit: char| digit.to_digit(16).and_then(|digit| char::from_digit(15 - digit, 16));
    token.chars().map(|digit| turn(digit).unwrap_or(digit)).collect()
}

/// Where a page begins or ends: the tokens of `after` and `before`; an error for an id that has none.
pub(super) type Cursor = Option<Result<String, String>>;

/// The tokens of a page's ends, as `token` has them.
pub(super) fn cursors(page: &Page, token: impl Fn(&str) -> Option<String>) -> (Cursor, Cursor) {
    let of = |id: &Option<String>| id.as_ref().map(|id| token(id).ok_or_else(|| id.clone()));
    (of(&page.after), of(&page.before))
}

/// Items, and whether there are more; or the id of an end that is none.
type Items<T> = Result<(Vec<T>, bool), String>;

impl<C: Cells> Open<'_, C> {
    /// A page of `list`, whose items are records under `{prefix}/{id}`, of those that fit.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        list: &str,
        prefix: &str,
        page: &Page,
        after: Cursor,
        before: Cursor,
        fits: impl Fn(&T) -> bool,
    ) -> Result<Items<T>, CountersError> {
        let (after, before) = match (after.transpose(), before.transpose()) {
            (Ok(after), Ok(before)) => (after, before),
            (Err(id), _) | (_, Err(id)) => return Ok(Err(id)),
        };
        // What stands before something is what follows it in the other direction, turned round.
        let backwards = before.is_some();
        let newest_first = page.newest_first != backwards;
        let side = if newest_first { "d" } else { "a" };
        let start = before.or(after).map(|token| if newest_first { turned(&token) } else { token });
        // A token is followed by nothing, so that its successor is the next that can be.
        let mut from =
            start.map_or_else(|| format!("{side}/{list}/"), |token| format!("{side}/{list}/{token}\u{1}"));
        let to = format!("{side}/{list}0");
        let wanted = page.limit as usize;
        let mut items = Vec::new();
        while items.len() <= wanted {
            let places = self.cells.range(&from, &to, STRIDE).await?;
            let Some((last, _)) = places.last() else { break };
            from = format!("{last}\u{1}");
            let keys: Vec<String> = places.iter().map(|(_, id)| format!("{prefix}/{id}")).collect();
            let mut found: std::collections::HashMap<String, String> =
                self.cells.read(&keys).await?.into_iter().collect();
            for text in keys.iter().filter_map(|key| found.remove(key)) {
                let item = serde_json::from_str(&text).map_err(wrong)?;
                if fits(&item) {
                    items.push(item);
                }
            }
        }
        let more = wanted < items.len();
        items.truncate(wanted);
        if backwards {
            items.reverse();
        }
        Ok(Ok((items, more)))
    }

    pub(super) async fn members(
        &self,
        store: &str,
        batch: Option<&str>,
        status: Option<Status>,
        page: &Page,
    ) -> Result<Answer, CountersError> {
        let list = match batch {
            None if self.store(store).await?.is_some() => format!("m/{store}"),
            Some(batch) if self.batch(store, batch).await?.is_some() => format!("b/{batch}"),
            _ => return Ok(Answer::Absent(String::new())),
        };
        let (after, before) = (self.place(store, &page.after).await?, self.place(store, &page.before).await?);
        let fits = |member: &Member| status.is_none_or(|status| status == member.status);
        Ok(match self.page(&list, &format!("m/{store}"), page, after, before, fits).await? {
            Ok((members, more)) => Answer::Members(members, more),
            Err(id) => Answer::Absent(id),
        })
    }

    /// The place of a member in its list, of one that was just taken out too: a caller may delete what it walks through.
    async fn place(&self, store: &str, file: &Option<String>) -> Result<Cursor, CountersError> {
        let Some(file) = file else { return Ok(None) };
        if let Some(member) = self.member(store, file).await? {
            return Ok(Some(Ok(member.token())));
        }
        let from = format!("x/m/{store}/{file}/");
        let left = self.cells.range(&from, &format!("{from}~"), 1).await?;
        let token = left.first().and_then(|(key, _)| key.strip_prefix(&from)?.parse().ok());
        Ok(Some(token.map(super::membership::token).ok_or_else(|| file.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_turned_comes_the_other_way_round() {
        let tokens = ["000", "0a1", "0a2", "fff"];
        let mut both: Vec<String> = tokens.iter().map(|token| turned(token)).collect();
        both.sort_unstable();
        both.reverse();
        assert_eq!(both, tokens.map(turned));
        assert!(tokens.iter().all(|token| turned(&turned(token)) == *token));
    }
}
