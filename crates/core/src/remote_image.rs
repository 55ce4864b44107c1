//! Pictures at addresses of the caller's choice: which addresses are asked at all, and what counts as a picture.

use http::Uri;
use sluice_types::error::Failure;

/// The largest picture that is fetched, in bytes.
pub const MAX_IMAGE: usize = 5 << 20;

/// The most bytes of pictures that are fetched for one request: they stand in memory in base64, more than once.
pub const MAX_ALL: usize = 15 << 20;

/// The most pictures that are fetched for one request.
pub const MAX_IMAGES: usize = 20;

/// Names under which no public host is found.
const PRIVATE: [&str; 9] =
    ["arpa", "corp", "home", "internal", "intranet", "lan", "local", "localhost", "private"];

/// The address to fetch, if `url` may be fetched on a caller's behalf.
///
/// Only names of public hosts pass: no address in numbers (however it is spelled), no name without a dot, none under a
/// private ending, no user part, and no other port than the scheme's own. What a name resolves to is the platform's to
/// watch: Workers reach public addresses only, Spin those of `allowed_outbound_hosts`.
///
/// # Errors
///
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest), with what is wrong.
pub fn address(url: &str) -> Result<Uri, Failure> {
    let wrong = |what: &str| Failure::invalid("image_url", what);
    let uri: Uri = url.parse().map_err(|_| wrong("is no address"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("must begin with https:// or data:"));
    }
    let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let plain = !authority.as_str().contains('@') && authority.port_u16().is_none_or(|port| port == default);
    if !plain || !is_public(authority.host()) {
        return Err(wrong("must be on a public host, without a user or a port"));
    }
    Ok(uri)
}

fn is_public(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let named = labels.iter().all(|label| !label.is_empty() && label.bytes().all(letters));
    // No ending of a public name begins with a digit; all spellings of a number do, or have no dot.
    let ending =
        labels.last().filter(|ending| ending.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()));
    named && 2 <= labels.len() && ending.is_some_and(|ending| !PRIVATE.contains(ending))
}

/// What kind of picture `bytes` are, by how they begin; `None` if of no kind that models take.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if starts(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Some("image/gif")
    } else if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_hosts_are_asked() {
        for url in
            ["https://e.test/a.png", "http://img.example.com:80/x?y=1", "https://xn--bcher-kva.example/"]
        {
            assert!(address(url).is_ok(), "{url}");
        }
        for url in [
            "https://127.0.0.1/a.png",
            "https://2130706433/a.png",
            "https://0x7f.0.0.1/a.png",
            "https://127.1/",
            "https://[::1]/a.png",
            "https://[fd00::1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost/a.png",
            "https://a.localhost/a.png",
            "https://metadata.google.internal/",
            "https://metadata.google.internal./",
            "https://printer.local/",
            "https://intranet/",
            "https://e.test:8080/",
            "https://user@e.test/",
            "https://e..test/",
            "file:///etc/passwd",
            "ftp://e.test/",
            "data:image/png;base64,AAAA",
            "/a.png",
            "",
        ] {
            assert!(address(url).is_err(), "{url}");
        }
    }

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n..."), Some("image/png"));
        assert_eq!(media_type(b"RIFF....WEBPVP8 "), Some("image/webp"));
        for other in [&b"<svg"[..], b"", b"RIFF", b"%PDF-1.7"] {
            assert_eq!(media_type(other), None);
        }
    }
}
