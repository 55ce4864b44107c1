//! What a caller asks of the cache: headers `sluice-cache`, `sluice-cache-ttl` and `sluice-cache-namespace`.

use std::time::Duration;

use sluice_types::error::{ErrorKind, Failure};

use crate::{config::document::CacheMode, key};

/// The longest an answer is kept, whoever asks.
pub const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// What a caller asks of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish<'a> {
    /// Another mode than the model's.
    pub mode: Option<CacheMode>,
    /// Whether a kept answer will do.
    pub look_up: bool,
    /// Whether nothing but a kept answer will do.
    pub only: bool,
    /// How long the answer is to be kept.
    pub ttl: Option<Duration>,
    /// The part of the tenant's cache that is meant.
    pub namespace: Option<&'a str>,
}

/// Reads the headers' values.
///
/// # Errors
///
/// [`ErrorKind::InvalidRequest`] if a value is none of those allowed.
pub fn wish<'a>(
    cache: Option<&str>,
    ttl: Option<&str>,
    namespace: Option<&'a str>,
) -> Result<Wish<'a>, Failure> {
    if let Some(name) = namespace.filter(|name| !key::is_name(name)) {
        let message = format!("sluice-cache-namespace is `{name}`: it must have {}", key::NAME);
        return Err(Failure::new(ErrorKind::InvalidRequest, message));
    }
    let mut wish = Wish { mode: None, look_up: true, only: false, ttl: None, namespace };
    for word in cache.unwrap_or("").split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            "no-store" | "off" => wish.mode = Some(CacheMode::Off),
            "refresh" => wish.look_up = false,
            "only-if-cached" => wish.only = true,
            "exact" => wish.mode = Some(CacheMode::Exact),
            "semantic" => wish.mode = Some(CacheMode::Semantic),
            _ => {
                let message = format!(
                    "sluice-cache is `{word}`: allowed are no-store, refresh, only-if-cached, exact, semantic, off"
                );
                return Err(Failure::new(ErrorKind::InvalidRequest, message));
            }
        }
    }
    if let Some(ttl) = ttl {
        let seconds = ttl.parse().ok().map(Duration::from_secs);
        wish.ttl = Some(seconds.filter(|ttl| !ttl.is_zero() && *ttl <= LONGEST).ok_or_else(|| {
            let message =
                format!("sluice-cache-ttl is `{ttl}`: allowed are seconds, 1 to {}", LONGEST.as_secs());
            Failure::new(ErrorKind::InvalidRequest, message)
        })?);
    }
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_or_refused() {
        let plain = Wish { mode: None, look_up: true, only: false, ttl: None, namespace: None };
        let wish = |cache, ttl| wish(cache, ttl, None);
        assert_eq!(wish(None, None).unwrap(), plain);
        assert_eq!(wish(Some("refresh"), Some("60")).unwrap().ttl, Some(Duration::from_secs(60)));
        assert!(!wish(Some("refresh"), None).unwrap().look_up);
        assert_eq!(
            wish(Some("exact, only-if-cached"), None).unwrap(),
            Wish { mode: Some(CacheMode::Exact), only: true, ..plain }
        );
        for (cache, ttl) in
            [(Some("fresh"), None), (None, Some("0")), (None, Some("1h")), (None, Some("2592001"))]
        {
            assert_eq!(wish(cache, ttl).unwrap_err().kind, ErrorKind::InvalidRequest);
        }
        let named = |name| super::wish(None, None, Some(name)).map(|wish| wish.namespace);
        assert_eq!(named("web-2").unwrap(), Some("web-2"));
        assert!(["", "a b", "a/b", &"x".repeat(65)].into_iter().all(|name| named(name).is_err()));
    }
}
