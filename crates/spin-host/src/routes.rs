//! Which paths a component serves, and the headers Spin derives from the match.

use anyhow::{Result, bail, ensure};

/// A route of the manifest: `/exact`, `/with/:name`, `/everything/below/...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    raw: String,
    component: String,
    segments: Vec<Segment>,
    wildcard: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Named(String),
}

/// A path that matched a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    route: &'a Route,
    /// What stands in place of each `:name`.
    named: Vec<(&'a str, String)>,
    /// What stands in place of `/...`, with its slash.
    rest: String,
}

impl Route {
    /// Parses a route of the component called `component`.
    ///
    /// # Errors
    ///
    /// It does not start with a slash, or has `...` before its end.
    pub fn parse(raw: &str, component: &str) -> Result<Self> {
        let (path, wildcard) = match raw.strip_suffix("/...") {
            Some(path) => (path, true),
            None => (raw, false),
        };
        ensure!(raw.starts_with('/'), "route `{raw}` has to start with a slash");
        let mut segments = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            segments.push(match segment.strip_prefix(':') {
                _ if segment == "..." => bail!("route `{raw}` may have `...` at its end only"),
                Some(name) => Segment::Named(name.to_owned()),
                None => Segment::Literal(segment.to_owned()),
            });
        }
        Ok(Self { raw: raw.to_owned(), component: component.to_owned(), segments, wildcard })
    }

    /// Every path of the component called `component`: how other components reach it.
    pub fn within(component: &str) -> Self {
        Self { raw: "/...".to_owned(), component: component.to_owned(), segments: Vec::new(), wildcard: true }
    }

    fn matches(&self, path: &str) -> Option<Match<'_>> {
        let mut named = Vec::new();
        let mut rest = path;
        for segment in &self.segments {
            let after = rest.strip_prefix('/')?;
            let end = after.find('/').unwrap_or(after.len());
            let (found, tail) = after.split_at_checked(end)?;
            match segment {
                Segment::Literal(literal) if literal == found => {}
                Segment::Named(name) if !found.is_empty() => named.push((name.as_str(), found.to_owned())),
                _ => return None,
            }
            rest = tail;
        }
        let fits = self.wildcard || rest.is_empty() || rest == "/";
        let rest = if self.wildcard { rest.to_owned() } else { String::new() };
        fits.then_some(Match { route: self, named, rest })
    }

    /// Orders routes from special to general: literals before names before the wildcard.
    fn generality(&self) -> Vec<u8> {
        let rank = |segment: &Segment| if matches!(segment, Segment::Literal(_)) { 0 } else { 1 };
        let end = if self.wildcard { 3 } else { 2 };
        self.segments.iter().map(rank).chain([end]).collect()
    }
}

/// The most special of `routes` that matches `path`.
pub fn find<'a>(routes: &'a [Route], path: &str) -> Option<Match<'a>> {
    routes.iter().filter_map(|route| route.matches(path)).min_by_key(|found| found.route.generality())
}

impl Match<'_> {
    /// The id of the component that serves it.
    pub fn component(&self) -> &str {
        &self.route.component
    }

    /// The `spin-*` headers that depend on the route, in Spin's words.
    pub fn headers(&self) -> Vec<(String, String)> {
        let raw = &self.route.raw;
        let prefix = match raw.strip_suffix("/...") {
            Some("") => "/",
            Some(prefix) => prefix,
            None => raw,
        };
        let mut headers = vec![
            ("spin-path-info".to_owned(), self.rest.clone()),
            ("spin-matched-route".to_owned(), raw.clone()),
            ("spin-base-path".to_owned(), "/".to_owned()),
            ("spin-raw-component-route".to_owned(), raw.clone()),
            ("spin-component-route".to_owned(), prefix.to_owned()),
        ];
        for (name, value) in &self.named {
            headers.push((format!("spin-path-match-{}", name.to_ascii_lowercase()), value.clone()));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Vec<Route> {
        ["/...", "/v1/models", "/v1/models/:id", "/v1/...", "/v1/models/all"]
            .iter()
            .map(|route| Route::parse(route, "gateway").unwrap())
            .collect()
    }

    #[test]
    fn the_most_special_route_wins() {
        for (path, route) in [
            ("/", "/..."),
            ("/v1", "/v1/..."),
            ("/v1/chat", "/v1/..."),
            ("/v1/models", "/v1/models"),
            ("/v1/models/", "/v1/models"),
            ("/v1/models/x", "/v1/models/:id"),
            ("/v1/models/all", "/v1/models/all"),
            ("/v1/models/x/y", "/v1/..."),
            ("/v10", "/..."),
        ] {
            assert_eq!(find(&routes(), path).unwrap().route.raw, route, "{path}");
        }
        assert_eq!(find(&routes()[1..], "/other"), None);
    }

    #[test]
    fn headers_tell_the_match() {
        let routes = [Route::parse("/users/:Id/...", "users").unwrap()];
        let headers = find(&routes, "/users/42/a/b").unwrap().headers();
        let header =
            |name: &str| headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str());
        assert_eq!(header("spin-path-info"), Some("/a/b"));
        assert_eq!(header("spin-matched-route"), Some("/users/:Id/..."));
        assert_eq!(header("spin-component-route"), Some("/users/:Id"));
        assert_eq!(header("spin-path-match-id"), Some("42"));
    }

    #[test]
    fn a_component_is_reached_by_others_at_every_path() {
        let routes = [Route::within("ingest")];
        let found = find(&routes, "/internal/ingest/drain").unwrap();
        assert_eq!(found.component(), "ingest");
        let headers = found.headers();
        assert!(headers.contains(&("spin-path-info".to_owned(), "/internal/ingest/drain".to_owned())));
        assert!(headers.contains(&("spin-component-route".to_owned(), "/".to_owned())));
    }

    #[test]
    fn a_route_has_to_be_a_path() {
        assert!(Route::parse("v1", "gateway").is_err());
        assert!(Route::parse("/.../v1", "gateway").is_err());
    }
}
