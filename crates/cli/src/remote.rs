//! A running gateway's operator's API.

use std::io::{Cursor, Read};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Which gateway, and how answers are printed.
#[derive(clap::Args)]
pub struct Remote {
    /// Where the gateway is
    #[arg(long, env = "SLUICE_URL", default_value = "http://127.0.0.1:8787", global = true)]
    url: String,
    /// Print what the gateway answers, as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// The variable that holds the admin key: an argument would be seen by everybody on the machine.
const ADMIN_KEY: &str = "SLUICE_ADMIN_KEY";

/// The variable that holds a virtual key.
const KEY: &str = "SLUICE_KEY";

/// The key that `cargo xtask dev` seeds; it opens nothing elsewhere.
const DEVELOPMENT_KEY: &str = "sk-sluice-dev";

/// Who uses this command, for the audit log: `SLUICE_ACTOR`, else the account's name.
fn actor() -> String {
    let name = ["SLUICE_ACTOR", "USER", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let name: String =
        name.unwrap_or_default().chars().filter(|letter| (' '..='~').contains(letter)).collect();
    if name.trim().is_empty() { "unknown".to_owned() } else { name }
}

/// What is sent along.
pub struct Body {
    /// Its kind.
    pub media_type: String,
    /// How long it is, in bytes.
    pub length: u64,
    /// Where it is read from.
    pub content: Box<dyn Read>,
}

fn json_body(body: Option<&Value>) -> Body {
    let text = body.map(Value::to_string).unwrap_or_default();
    let length = text.len() as u64;
    Body { media_type: "application/json".to_owned(), length, content: Box::new(Cursor::new(text)) }
}

impl Remote {
    /// Asks `path` below `/admin/v1/`.
    ///
    /// # Errors
    ///
    /// What the gateway says is wrong, or that it does not answer.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let text = self.text(method, path, body)?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} answered with something that is not JSON", self.url))
    }

    /// The same, as it comes.
    ///
    /// # Errors
    ///
    /// As [`Remote::ask`].
    pub fn text(&self, method: &str, path: &str, body: Option<&Value>) -> Result<String> {
        let Ok(key) = std::env::var(ADMIN_KEY) else {
            bail!("set {ADMIN_KEY} to the gateway's admin key: `export {ADMIN_KEY}=…`");
        };
        self.send(method, &format!("/admin/v1/{path}"), &key, json_body(body))
    }

    /// Asks `path`, such as `/v1/files`, as a tenant's application does.
    ///
    /// # Errors
    ///
    /// As [`Remote::ask`].
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        self.call_with(method, path, json_body(body))
    }

    /// The same with a body of another kind.
    ///
    /// # Errors
    ///
    /// As [`Remote::ask`].
    pub fn call_with(&self, method: &str, path: &str, body: Body) -> Result<Value> {
        let key = match std::env::var(KEY) {
            Ok(key) => key,
            Err(_) if self.is_local() => DEVELOPMENT_KEY.to_owned(),
            Err(_) => bail!("set {KEY} to a virtual key of the gateway: `export {KEY}=sk-sluice-…`"),
        };
        let text = self.send(method, path, &key, body)?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} answered with something that is not JSON", self.url))
    }

    /// Whether the gateway is on this machine, as `cargo xtask dev` serves it.
    fn is_local(&self) -> bool {
        ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|local| {
            self.url.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        })
    }

    fn send(&self, method: &str, path: &str, key: &str, body: Body) -> Result<String> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("authorization", format!("Bearer {key}"))
            .header("sluice-actor", actor())
            .header("content-type", body.media_type)
            .header("content-length", body.length)
            .body(ureq::SendBody::from_owned_reader(body.content))
            .with_context(|| format!("{url} is not an address"))?;
        let mut answer = agent.run(request).with_context(|| {
            format!(
                "{} does not answer: is it running there? --url or SLUICE_URL says another place",
                self.url
            )
        })?;
        let text = answer.body_mut().read_to_string().context("the answer broke off")?;
        if answer.status().is_success() {
            return Ok(text);
        }
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        match told["error"]["message"].as_str() {
            Some(message) => bail!("{message}"),
            None => bail!("{} answered {}: {text}", self.url, answer.status()),
        }
    }

    /// Prints `answer`: as JSON if that is asked for, else as `lines` has it.
    ///
    /// # Errors
    ///
    /// Never, but the encoder could.
    pub fn tell(&self, answer: &Value, lines: impl FnOnce(&Value) -> Vec<String>) -> Result<()> {
        if self.json {
            crate::say(&serde_json::to_string_pretty(answer)?);
        } else {
            lines(answer).iter().for_each(|line| crate::say(line));
        }
        Ok(())
    }
}

/// A list's rows as a table of these members; `numbers` says from which column on they are numbers.
pub fn table(list: &Value, members: &[&str], numbers: usize) -> Vec<String> {
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(|one| one.as_str().unwrap_or("?")).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    let rows: Vec<Vec<String>> = list["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| {
            members
                .iter()
                .map(|member| {
                    cell(row.pointer(&format!("/{}", member.replace('.', "/"))).unwrap_or(&Value::Null))
                })
                .collect()
        })
        .collect();
    let head: Vec<&str> = members.iter().map(|member| member.rsplit('.').next().unwrap_or(member)).collect();
    crate::table::lines(&head, &rows, numbers)
}

/// A name as it stands in a path or a query.
pub fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A query of what is given.
pub fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let given = pairs.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded((*value)?))));
    let joined = given.collect::<Vec<_>>().join("&");
    if joined.is_empty() { joined } else { format!("?{joined}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_hold_what_is_given() {
        assert_eq!(query(&[("a", None)]), "");
        assert_eq!(query(&[("a", Some("x y")), ("b", None), ("c", Some("team=s"))]), "?a=x%20y&c=team%3Ds");
    }

    #[test]
    fn tables_show_members_of_members() {
        let list = serde_json::json!({"data": [{"model": "m", "sum": {"requests": 3}}, {"sum": {}}]});
        assert_eq!(
            table(&list, &["model", "sum.requests"], 1),
            ["model  requests", "m             3", "-             -"]
        );
    }
}
