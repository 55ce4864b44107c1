//! `allowed_outbound_hosts`: where a component may send requests.

use std::net::IpAddr;

use anyhow::{Context as _, Result, bail, ensure};

/// The places a component may reach. Empty: none.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    /// `None`: any.
    scheme: Option<String>,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug)]
enum Host {
    Any,
    Itself,
    Exact(String),
    /// With the leading dot.
    Subdomain(String),
    Network {
        address: IpAddr,
        bits: u32,
    },
}

#[derive(Clone, Copy, Debug)]
enum Port {
    Any,
    /// From the first up to, but without, the second.
    Range(u16, u32),
}

impl AllowedHosts {
    /// Parses rules of the shape `scheme://host:port` with `*` for each, `*.domain` and `address/bits` for the
    /// host, and `from..to` for the port; `self` is the application itself.
    ///
    /// # Errors
    ///
    /// A rule has another shape, or no port where its scheme has none of its own.
    pub fn parse<T: AsRef<str>>(rules: &[T]) -> Result<Self> {
        let parse = |rule: &T| {
            Rule::parse(rule.as_ref()).with_context(|| format!("allowed host `{}`", rule.as_ref()))
        };
        Ok(Self(rules.iter().map(parse).collect::<Result<_>>()?))
    }

    /// Whether a request to `host` may be sent; `port` may be left to the scheme.
    pub fn allow(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        self.0.iter().any(|rule| {
            rule.scheme.as_ref().is_none_or(|allowed| allowed == scheme)
                && rule.host.allows(host)
                && rule.port.allows(port.or_else(|| default_port(scheme)))
        })
    }

    /// Whether the component may send requests to its own application.
    pub fn allow_itself(&self) -> bool {
        self.0.iter().any(|rule| {
            rule.scheme.as_ref().is_none_or(|scheme| scheme == "http" || scheme == "https")
                && matches!(rule.host, Host::Any | Host::Itself)
        })
    }
}

impl Rule {
    fn parse(rule: &str) -> Result<Self> {
        let (scheme, rest) = rule
            .trim()
            .split_once("://")
            .context("needs a scheme, as in `https://host`; `*://*:*` allows everything")?;
        ensure!(
            scheme == "*" || (!scheme.is_empty() && scheme.chars().all(char::is_alphabetic)),
            "`{scheme}` is not a scheme"
        );
        let (host, port) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let port = port.strip_suffix('/').unwrap_or(port);
        Ok(Self {
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: Host::parse(host.trim())?,
            port: Port::parse(port, scheme)?,
        })
    }
}

impl Host {
    fn parse(host: &str) -> Result<Self> {
        if host == "*" {
            return Ok(Self::Any);
        }
        if host == "self" || host == "self.alt" {
            return Ok(Self::Itself);
        }
        if let Some((address, bits)) = host.split_once('/')
            && let (Ok(address), Ok(bits)) = (address.parse(), bits.parse())
        {
            return Ok(Self::Network { address, bits });
        }
        let host = host.trim_end_matches('/');
        ensure!(!host.is_empty() && !host.contains('/'), "a path is not allowed");
        if let Some(domain) = host.strip_prefix("*.")
            && !domain.contains('*')
        {
            return Ok(Self::Subdomain(format!(".{domain}")));
        }
        ensure!(!host.contains('*'), "`*` may stand for the whole host or its first label only");
        Ok(Self::Exact(host.to_owned()))
    }

    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Itself => false,
            Self::Exact(allowed) => allowed.eq_ignore_ascii_case(host),
            Self::Subdomain(domain) => host.to_ascii_lowercase().ends_with(domain),
            Self::Network { address, bits } => {
                host.parse().is_ok_and(|host| same_network(*address, host, *bits))
            }
        }
    }
}

impl Port {
    fn parse(port: &str, scheme: &str) -> Result<Self> {
        if port == "*" {
            return Ok(Self::Any);
        }
        if let Some((from, to)) = port.split_once("..") {
            return Ok(Self::Range(from.parse().context("port range")?, to.parse().context("port range")?));
        }
        let port = match port {
            "" => default_port(scheme),
            port => port.parse().ok(),
        };
        match port {
            Some(port) => Ok(Self::Range(port, u32::from(port) + 1)),
            None => bail!("needs a port or `:*`"),
        }
    }

    fn allows(self, port: Option<u16>) -> bool {
        match (self, port) {
            (Self::Any, _) => true,
            (Self::Range(from, to), Some(port)) => from <= port && u32::from(port) < to,
            (Self::Range(..), None) => false,
        }
    }
}

fn same_network(network: IpAddr, host: IpAddr, bits: u32) -> bool {
    match (network, host) {
        (IpAddr::V4(network), IpAddr::V4(host)) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(bits)).unwrap_or(0);
            network.to_bits() & mask == host.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(host)) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(bits)).unwrap_or(0);
            network.to_bits() & mask == host.to_bits() & mask
        }
        _ => false,
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "redis" => Some(6379),
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "mqtt" => Some(1883),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `rule` allows `scheme host port`, port 0 being none.
    fn allows(rule: &str, scheme: &str, host: &str, port: u16) -> bool {
        AllowedHosts::parse(&[rule]).unwrap().allow(scheme, host, (port != 0).then_some(port))
    }

    #[test]
    fn a_rule_without_port_means_the_port_of_its_scheme() {
        assert!(allows("https://api.example.com", "https", "api.example.com", 0));
        assert!(allows("https://api.example.com/", "https", "api.example.com", 443));
        assert!(!allows("https://api.example.com", "https", "api.example.com", 8443));
        assert!(!allows("https://api.example.com", "http", "api.example.com", 0));
        assert!(!allows("https://api.example.com", "https", "example.com", 0));
    }

    #[test]
    fn stars_stand_for_anything() {
        assert!(allows("https://*:*", "https", "anything", 8443));
        assert!(!allows("https://*:*", "http", "anything", 8443));
        assert!(allows("*://*:*", "http", "anything", 1));
        assert!(allows("http://127.0.0.1:*", "http", "127.0.0.1", 9100));
        assert!(!allows("http://127.0.0.1:*", "http", "127.0.0.2", 9100));
        assert!(allows("https://*.example.com", "https", "a.b.example.com", 0));
        assert!(!allows("https://*.example.com", "https", "example.com", 0));
    }

    #[test]
    fn ports_and_addresses_have_ranges() {
        assert!(allows("http://localhost:9000..9100", "http", "localhost", 9000));
        assert!(!allows("http://localhost:9000..9100", "http", "localhost", 9100));
        assert!(allows("http://10.0.0.0/8:80", "http", "10.1.2.3", 0));
        assert!(!allows("http://10.0.0.0/8:80", "http", "11.1.2.3", 0));
        assert!(!allows("http://10.0.0.0/8:80", "http", "localhost", 0));
    }

    #[test]
    fn the_application_itself_is_named_or_included_in_all() {
        let itself = |rule| AllowedHosts::parse(&[rule]).unwrap().allow_itself();
        assert!(itself("http://self"));
        assert!(itself("*://*:*"));
        assert!(!itself("http://localhost"));
        assert!(!AllowedHosts::default().allow_itself());
    }

    #[test]
    fn broken_rules_are_refused() {
        for rule in
            ["", "*", "example.com", "https://example.com/v1", "https://a.*.com", "ftp://x", "http://x:y"]
        {
            assert!(AllowedHosts::parse(&[rule]).is_err(), "{rule}");
        }
    }
}
