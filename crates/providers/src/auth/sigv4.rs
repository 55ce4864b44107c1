//! AWS Signature Version 4: proves who asks without sending the secret, over a request that is complete.
//!
//! ```text
//! canonical request = method, path, query, headers, names of headers, SHA-256 of the body
//! text to sign      = algorithm, time, scope (day/region/service), SHA-256 of the canonical request
//! key               = HMAC chain over day, region, service; signature = HMAC(key, text to sign)
//! ```
//!
//! Signed are `host`, `content-type` and every `x-amz-*` header, nothing else: a proxy on the way may change the rest. The path
//! is encoded once more than it is in the URL, as every service but S3 wants it. There is a kept crate for this
//! (`aws-sigv4`), which makes a bundle some 65 KB larger (gzip) than this file does.

use std::{fmt, fmt::Write};

use hmac::{
    Hmac, Mac,
    digest::{Key, KeyInit},
};
use sha2::{Digest, Sha256};
use sluice_types::{secret::Secret, time::Timestamp};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Such as `AKIA…`; not secret.
    pub access_key_id: String,
    /// The key that signs, which is never sent.
    pub secret_access_key: Secret,
    /// Of temporary credentials.
    pub session_token: Option<Secret>,
}

/// A request to sign, complete but for its signature.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// Such as `POST`.
    pub method: &'r str,
    /// The address as it is sent, percent-encoded, without a fragment.
    pub url: &'r str,
    /// The headers sent; those that are not signed are passed over, `x-amz-date` and `x-amz-security-token` are made here.
    pub headers: &'r [(&'r str, &'r str)],
    /// The body as it is sent.
    pub body: &'r [u8],
}

/// Where a signature is good for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'s> {
    /// Such as `us-east-1`, see [`is_region`].
    pub region: &'s str,
    /// Such as `bedrock`.
    pub service: &'s str,
}

/// The address has no host, or one that cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlError;

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the address to sign must be absolute, such as https://bedrock-runtime.us-east-1.amazonaws.com/…",
        )
    }
}

impl std::error::Error for UrlError {}

/// Whether `region` may be a region's name: only such ones may go into a host's name.
///
/// # Examples
///
/// ```
/// use sluice_providers::auth::sigv4::is_region;
/// assert!(is_region("eu-central-1") && is_region("us-gov-west-1"));
/// assert!(!is_region("us-east-1.evil.test") && !is_region("us-east") && !is_region(""));
/// ```
pub fn is_region(region: &str) -> bool {
    let mut words = region.split('-');
    let first = words.next().unwrap_or_default();
    let Some(number) = words.next_back() else { return false };
    let mut middle = words.peekable();
    (2..=8).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_lowercase())
        && middle.peek().is_some()
        && middle.all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// The headers to add to `request`, names in lower case: `x-amz-date`, `x-amz-security-token` where there is one, and
/// `authorization`. They are good for some minutes after `at`.
///
/// # Errors
///
/// [`UrlError`] if the address cannot be signed.
pub fn sign(
    request: &Request<'_>,
    credentials: &Credentials,
    scope: Scope<'_>,
    at: Timestamp,
) -> Result<Vec<(&'static str, Secret)>, UrlError> {
    let address = Address::parse(request.url).ok_or(UrlError)?;
    let day = at.date().replace('-', "");
    let seconds = at.0 / 1000 % 86_400;
    let time = format!("{day}T{:02}{:02}{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut added = vec![("x-amz-date", Secret::new(time.as_str()))];
    added.extend(credentials.session_token.clone().map(|token| ("x-amz-security-token", token)));

    let headers = canonical_headers(request.headers, &address, &added);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let mut canonical = format!("{}\n{}\n{}\n", request.method, address.path(), address.query());
    for (name, value) in &headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let given = headers.iter().find(|(name, _)| name == "x-amz-content-sha256");
    let sum = given.map_or_else(|| hex(&Sha256::digest(request.body)), |(_, sum)| sum.clone());
    let _ = write!(canonical, "\n{names}\n{sum}");

    let Scope { region, service } = scope;
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let mut key = hmac(format!("AWS4{}", credentials.secret_access_key.expose()).as_bytes(), &day);
    for word in [region, service, "aws4_request"] {
        key = hmac(&key, word);
    }
    let signature = hex(&hmac(&key, &text));
    let id = &credentials.access_key_id;
    let authorization =
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
    added.push(("authorization", Secret::new(authorization)));
    Ok(added)
}

/// The headers that are signed, by name, spaces in their values squeezed.
fn canonical_headers(
    sent: &[(&str, &str)],
    address: &Address<'_>,
    added: &[(&'static str, Secret)],
) -> Vec<(String, String)> {
    let squeezed = |value: &str| value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let mut headers = vec![("host".to_owned(), address.host.to_ascii_lowercase())];
    for (name, value) in sent {
        let name = name.to_ascii_lowercase();
        let ours = added.iter().any(|(added, _)| name == *added);
        if (name == "content-type" || name.starts_with("x-amz-")) && !ours {
            match headers.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => {
                    known.push(',');
                    known.push_str(&squeezed(value));
                }
                None => headers.push((name, squeezed(value))),
            }
        }
    }
    headers.extend(added.iter().map(|(name, value)| ((*name).to_owned(), squeezed(value.expose()))));
    headers.sort();
    headers
}

/// The parts of an address.
struct Address<'u> {
    /// With the port where it is not the usual one.
    host: &'u str,
    path: &'u str,
    query: &'u str,
}

impl<'u> Address<'u> {
    fn parse(url: &'u str) -> Option<Self> {
        let (rest, port) = match url.split_once("://")? {
            ("https", rest) => (rest, ":443"),
            ("http", rest) => (rest, ":80"),
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host.strip_suffix(port).unwrap_or(host);
        // Who asks is told by the signature alone.
        (!host.is_empty() && !host.contains('@')).then_some(Self { host, path, query })
    }

    /// The path as it is signed: without dots and empty segments, encoded once more.
    fn path(&self) -> String {
        let mut segments: Vec<&str> = Vec::new();
        for segment in self.path.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop();
                }
                _ => segments.push(segment),
            }
        }
        let mut path = String::with_capacity(self.path.len() + 16);
        for segment in &segments {
            path.push('/');
            for byte in segment.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                        path.push(char::from(byte));
                    }
                    _ => {
                        let _ = write!(path, "%{byte:02X}");
                    }
                }
            }
        }
        if segments.is_empty() || self.path.ends_with('/') {
            path.push('/');
        }
        path
    }

    /// The query as it is signed: sorted.
    fn query(&self) -> String {
        let pairs = self.query.split('&').filter(|_| !self.query.is_empty());
        let mut pairs: Vec<(&str, &str)> =
            pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        pairs.sort_unstable();
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }
}

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    // A key may have any length: the second arm is never taken.
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key);
    let mut mac = mac.unwrap_or_else(|_| <Hmac<Sha256> as KeyInit>::new(&Key::<Hmac<Sha256>>::default()));
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Option<(&str, String, String)> {
        let address = Address::parse(url)?;
        Some((address.host, address.path(), address.query()))
    }

    #[test]
    fn a_path_is_encoded_once_more_and_a_query_sorted() {
        let url = "https://h.test:443/model/arn%3Aaws%2Fx/../a%3A0//converse?b=2&a&a=1#top";
        assert_eq!(parsed(url), Some(("h.test", "/model/a%253A0/converse".into(), "a=&a=1&b=2".into())));
        assert_eq!(parsed("http://127.0.0.1:8080"), Some(("127.0.0.1:8080", "/".into(), String::new())));
        assert_eq!(parsed("https://h.test?a=1").unwrap().1, "/");
        assert_eq!(parsed("https://h.test/a/").unwrap().1, "/a/");
        for wrong in ["", "h.test/a", "ftp://h.test/", "https:///a", "https://u:p@h.test/"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_regions_are_regions() {
        for region in ["us-east-1", "ap-southeast-12", "us-iso-east-1", "eusc-de-east-1", "xx-1a-1"] {
            assert!(is_region(region), "{region}");
        }
        for wrong in [
            "",
            "us",
            "us-east",
            "us-1",
            "u-east-1",
            "US-east-1",
            "us-east-1a",
            "us--1",
            "us-east-",
            "-us-east-1",
            "us-east-1.a",
            "us-east-1/",
            "us-éast-1",
            "us-east-1\n",
            "toolongname-east-1",
        ] {
            assert!(!is_region(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_sent_says_when_and_who_and_hides_the_key() {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: Secret::new("hush"),
            session_token: Some(Secret::new("token")),
        };
        let request = Request {
            method: "POST",
            url: "https://bedrock-runtime.us-east-1.amazonaws.com/model/m%3A0/converse",
            headers: &[("Content-Type", "application/json"), ("User-Agent", "x"), ("X-Amz-Date", "old")],
            body: b"{}",
        };
        let scope = Scope { region: "us-east-1", service: "bedrock" };
        let signed = sign(&request, &credentials, scope, Timestamp(1_795_219_323_999)).unwrap();
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["x-amz-date", "x-amz-security-token", "authorization"]);
        assert_eq!(signed[0].1.expose(), "20261121T000203Z");
        let authorization = signed[2].1.expose();
        assert!(authorization.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="
        ));
        assert!(!format!("{signed:?}{credentials:?}").contains("hush"));
        let later = sign(&request, &credentials, scope, Timestamp(1_795_219_324_000)).unwrap();
        assert_ne!(later[2].1, signed[2].1);
    }
}
