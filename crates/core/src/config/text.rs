//! Values that are written as text and cannot be wrong once read: times, sizes, references, addresses.
//!
//! Each type says once what it allows; the JSON Schema carries the same words as `errorMessage`, which editors show.

use std::{fmt, str::FromStr, time::Duration};

use sluice_providers::auth::SecretRef;

/// Gives a text type its serde and schema halves, from `FromStr`, `Display`, a pattern and what it allows.
macro_rules! text {
    ($name:ident, $pattern:expr, $example:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "examples": [$example],
                    "errorMessage": format!("must be {}", Self::ALLOWED),
                })
            }
        }
    };
}

/// A span of time, written as a whole number and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    /// What is allowed.
    pub const ALLOWED: &str = "a whole number and its unit (ms, s, m, h), such as 200ms, 60s, 2m or 1h";
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let parse = || {
            let (number, unit) = text.split_at_checked(digits)?;
            let factor = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => return None,
            };
            // Seven digits of hours are over a thousand years.
            let number = number.parse::<u64>().ok().filter(|_| digits <= 7)?;
            Some(Self(Duration::from_millis(number * factor)))
        };
        parse().ok_or_else(|| format!("`{text}` must be {}", Self::ALLOWED))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match ms {
            0 => f.write_str("0s"),
            _ if ms.is_multiple_of(3_600_000) => write!(f, "{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => write!(f, "{}m", ms / 60_000),
            _ if ms.is_multiple_of(1_000) => write!(f, "{}s", ms / 1_000),
            _ => write!(f, "{ms}ms"),
        }
    }
}

pub(crate) use text;

text!(Period, "^[0-9]{1,7}(ms|s|m|h)$", "60s");

/// The shortest and the longest wait between tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second try.
    pub min: Period,
    /// Never longer than this.
    pub max: Period,
}

impl Backoff {
    /// What is allowed.
    pub const ALLOWED: &str = "the shortest and the longest wait, such as 200ms..5s";
}

impl FromStr for Backoff {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (min, max) = text.split_once("..")?;
            Some(Self { min: min.parse().ok()?, max: max.parse().ok()? })
        };
        parse().ok_or_else(|| format!("`{text}` must be {}", Self::ALLOWED))
    }
}

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.min, self.max)
    }
}

text!(Backoff, r"^[0-9]{1,7}(ms|s|m|h)\.\.[0-9]{1,7}(ms|s|m|h)$", "200ms..5s");

/// A number of bytes, written as a whole number and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// What is allowed.
    pub const ALLOWED: &str =
        "a whole number and its unit (B, KB, MB, GB), such as 512KB or 20MB; 1 KB is 1000 bytes";
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let parse = || {
            let (number, unit) = text.split_at_checked(digits)?;
            let factor = match unit {
                "B" => 1,
                "KB" => 1_000,
                "MB" => 1_000_000,
                "GB" => 1_000_000_000,
                _ => return None,
            };
            let number = number.parse::<u64>().ok().filter(|_| digits <= 9)?;
            Some(Self(number * factor))
        };
        parse().ok_or_else(|| format!("`{text}` must be {}", Self::ALLOWED))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB"), (1, "B")];
        let whole = units.into_iter().find(|(factor, _)| self.0 != 0 && self.0.is_multiple_of(*factor));
        let (factor, unit) = whole.unwrap_or((1, "B"));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

text!(Size, "^[0-9]{1,9}(B|KB|MB|GB)$", "20MB");

/// A provider and one of its models.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The provider's name.
    pub provider: String,
    /// The model, as the provider names it; may have slashes of its own.
    pub model: String,
}

impl Reference {
    /// What is allowed.
    pub const ALLOWED: &str = "provider/model, such as openai/gpt-4o-mini";
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let visible =
            |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
        text.split_once('/')
            .filter(|(provider, model)| visible(provider) && visible(model) && text.len() <= 256)
            .map(|(provider, model)| Self { provider: provider.to_owned(), model: model.to_owned() })
            .ok_or_else(|| format!("`{text}` must be {}", Self::ALLOWED))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

text!(Reference, r"^[^\s/]+/\S+$", "openai/gpt-4o-mini");

/// What a target is: a provider's model, or another model of this file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetName {
    /// A provider's model. Whatever has a slash is one.
    Provider(Reference),
    /// A model under `models`.
    Model(String),
}

impl TargetName {
    /// What is allowed.
    pub const ALLOWED: &str = "provider/model, such as openai/gpt-4o-mini, or the name of another model";
}

impl FromStr for TargetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| format!("`{text}` must be {}", Self::ALLOWED);
        if text.contains('/') {
            return text.parse().map(Self::Provider).map_err(wrong);
        }
        let visible = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let valid = visible && (1..=128).contains(&text.len());
        if valid { Ok(Self::Model(text.to_owned())) } else { Err(wrong(String::new())) }
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(reference) => reference.fmt(f),
            Self::Model(name) => f.write_str(name),
        }
    }
}

text!(TargetName, r"^([^\s/]+/\S+|[^\s/]+)$", "openai/gpt-4o-mini");

/// Where a provider is: a URL without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// What is allowed.
    pub const ALLOWED: &str = "an http or https URL with neither user, query nor fragment, \
                               such as https://llm.example.com/v1";

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            // The one brace there may be stands for a request's model.
            let plain = text.replace("/{model}", "/model");
            let rest = plain.strip_prefix("https://").or_else(|| plain.strip_prefix("http://"))?;
            let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
            let segments = !path.split('/').any(|segment| matches!(segment, "." | ".."));
            (is_authority(authority) && is_url_text(path) && segments).then_some(())
        };
        // The text is not repeated: a user part may hold a password.
        parse().ok_or_else(|| format!("must be {}", Self::ALLOWED))?;
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text!(
    BaseUrl,
    r"^https?://([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/(\{model\}|[A-Za-z0-9._~!$&'()*+,;=:@%/-])*)?$",
    "https://llm.example.com/v1"
);

/// A part of a provider's address: a region, a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting(String);

impl Setting {
    /// What is allowed.
    pub const ALLOWED: &str = "1 to 64 letters, digits, `-`, `_` or `.`, such as us-east-1";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(letter) && !text.contains("..");
        if valid { Ok(Self(text.to_owned())) } else { Err(format!("`{text}` must be {}", Self::ALLOWED)) }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text!(Setting, "^[A-Za-z0-9._-]{1,64}$", "us-east-1");

/// A website that may call from a browser: `*` for any, or scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// What is allowed.
    pub const ALLOWED: &str = "* or a scheme and host without a path, such as https://app.example.com";

    /// The origin, as a browser sends it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if text == "*"
            || host.is_some_and(|host| is_authority(host) && !host.contains(|c: char| c.is_uppercase()))
        {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("`{text}` must be {}", Self::ALLOWED))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text!(Origin, r"^(\*|https?://([a-z0-9._~-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)$", "https://app.example.com");

/// The name of a secret or variable of the host, written `$NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential(pub SecretRef);

impl Credential {
    /// What is allowed.
    pub const ALLOWED: &str = SecretRef::ALLOWED;
}

impl FromStr for Credential {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

text!(Credential, r"^\$[A-Za-z_][A-Za-z0-9_]*$", "$OPENAI_API_KEY");

/// A host name or address with or without a port; never a user.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port),
            _ => return false,
        },
        None => text.split_at_checked(text.find(':').unwrap_or(text.len())).unwrap_or((text, "")),
    };
    let port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| {
            port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
        });
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-');
    port && !host.is_empty() && host.bytes().all(plain)
}

/// Only what may stand in a URL's path.
fn is_url_text(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads<T: FromStr<Err = String> + fmt::Display>(text: &str) -> Option<String> {
        text.parse::<T>().ok().map(|value| value.to_string())
    }

    #[test]
    fn times_read_and_write_in_the_largest_whole_unit() {
        for (text, wanted) in [
            ("200ms", "200ms"),
            ("60s", "1m"),
            ("2m", "2m"),
            ("120m", "2h"),
            ("1500ms", "1500ms"),
            ("0s", "0s"),
        ] {
            assert_eq!(reads::<Period>(text).as_deref(), Some(wanted));
        }
        for wrong in ["", "60", "s", "1.5s", "-1s", "1 s", "1d", "60S", "99999999h", "é", "1sé"] {
            assert_eq!(reads::<Period>(wrong), None, "{wrong}");
        }
        assert_eq!(reads::<Backoff>("200ms..5s").as_deref(), Some("200ms..5s"));
        assert!(
            ["5s", "..", "1s..", "..1s", "1s...2s", "1s-2s"].iter().all(|w| reads::<Backoff>(w).is_none())
        );
    }

    #[test]
    fn sizes_read_and_write_in_the_largest_whole_unit() {
        for (text, wanted) in [("20MB", "20MB"), ("1000KB", "1MB"), ("1500B", "1500B"), ("0MB", "0B")] {
            assert_eq!(reads::<Size>(text).as_deref(), Some(wanted));
        }
        assert!(
            ["20", "20mb", "MB", "1.5MB", "20MiB", "9999999999B"].iter().all(|w| reads::<Size>(w).is_none())
        );
    }

    #[test]
    fn a_reference_keeps_the_slashes_of_the_model() {
        let reference: Reference = "openrouter/meta/llama".parse().unwrap();
        assert_eq!((&*reference.provider, &*reference.model), ("openrouter", "meta/llama"));
        assert!(["", "gpt", "/gpt", "openai/", "openai/a b"].iter().all(|w| reads::<Reference>(w).is_none()));
    }

    #[test]
    fn base_urls_hold_an_address_and_nothing_else() {
        for (text, wanted) in [
            ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
            ("http://127.0.0.1:9100", "http://127.0.0.1:9100"),
            ("http://[::1]:80/a%20b", "http://[::1]:80/a%20b"),
        ] {
            assert_eq!(reads::<BaseUrl>(text).as_deref(), Some(wanted));
        }
        for wrong in [
            "",
            "api.openai.com",
            "ftp://a",
            "https://",
            "https:///v1",
            "https://user:pw@a/v1",
            "https://a?b=c",
            "https://a/#x",
            "https://a:0",
            "https://a:99999",
            "https://a:/v1",
            "https://a/../b",
            "https://a b",
            "https://[zz]/",
            "HTTPS://a",
            "https://a/\n",
        ] {
            assert_eq!(reads::<BaseUrl>(wrong), None, "{wrong}");
        }
        assert!(!"https://user:pw@a".parse::<BaseUrl>().unwrap_err().contains("pw"));
    }

    #[test]
    fn origins_are_what_browsers_send() {
        for right in ["*", "https://app.example.com", "http://localhost:5173"] {
            assert_eq!(reads::<Origin>(right).as_deref(), Some(right));
        }
        for wrong in
            ["", "app.example.com", "https://a/", "https://App.example.com", "https://*.a.com", "null"]
        {
            assert_eq!(reads::<Origin>(wrong), None, "{wrong}");
        }
    }
}
