//! How a provider is told who asks.

pub mod google;
pub mod sigv4;

use std::{borrow::Cow, fmt, str::FromStr};

use sluice_types::secret::Secret;

/// The name of a secret or variable of the host, written `$NAME`; resolved at use, never stored or logged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef(Cow<'static, str>);

impl SecretRef {
    /// What a reference looks like, for error messages.
    pub const ALLOWED: &str = "the name of a secret or variable of the host, such as $OPENAI_API_KEY; \
                               put the key itself there, never into this file";

    /// The reference to `name`, which is taken as it is: for names compiled in.
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name, without the dollar sign.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let valid = |name: &&str| {
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
        };
        // The text is not repeated: it may be the key itself.
        let name =
            text.strip_prefix('$').filter(valid).ok_or_else(|| format!("must be {}", Self::ALLOWED))?;
        Ok(Self(Cow::Owned(name.to_owned())))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a provider wants its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// As `authorization: Bearer …`.
    Bearer(SecretRef),
    /// As the value of this header.
    Header(Cow<'static, str>, SecretRef),
    /// By a signature of the request with an AWS access key (SigV4).
    Aws(Aws),
    /// As a bearer token signed with the key of a Google service account, whose key file (JSON) the secret is.
    Google(SecretRef),
}

/// What a request to AWS is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aws {
    /// The service, such as `bedrock`.
    pub service: Cow<'static, str>,
    /// The region, such as `us-east-1`; empty in the catalogue, where nobody knows it.
    pub region: Cow<'static, str>,
    /// The access key's id.
    pub access_key_id: SecretRef,
    /// The access key.
    pub secret_access_key: SecretRef,
    /// The token of a session, where the secret is set.
    pub session_token: SecretRef,
}

impl Aws {
    /// For `service`, with the variables that AWS's own tools use.
    pub const fn usual(service: &'static str) -> Self {
        Self {
            service: Cow::Borrowed(service),
            region: Cow::Borrowed(""),
            access_key_id: SecretRef::named("AWS_ACCESS_KEY_ID"),
            secret_access_key: SecretRef::named("AWS_SECRET_ACCESS_KEY"),
            session_token: SecretRef::named("AWS_SESSION_TOKEN"),
        }
    }
}

impl Auth {
    /// The secret to resolve.
    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::None => None,
            Self::Bearer(secret) | Self::Header(_, secret) | Self::Google(secret) => Some(secret),
            Self::Aws(aws) => Some(&aws.secret_access_key),
        }
    }

    /// The same way of telling, with an API key: where there was no credential, or requests were signed, a bearer token.
    #[must_use]
    pub fn with_secret(&self, secret: SecretRef) -> Self {
        match self {
            Self::None | Self::Bearer(_) | Self::Aws(_) | Self::Google(_) => Self::Bearer(secret),
            Self::Header(name, _) => Self::Header(name.clone(), secret),
        }
    }

    /// The header to send, name in lower case, once the secret is resolved; `None` where there is more to it.
    pub fn header(&self, secret: &Secret) -> Option<(&str, Secret)> {
        match self {
            Self::None | Self::Aws(_) | Self::Google(_) => None,
            Self::Bearer(_) => Some(("authorization", Secret::new(format!("Bearer {}", secret.expose())))),
            Self::Header(name, _) => Some((name, secret.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_dollar_sign_and_a_variable_name() {
        assert_eq!("$OPENAI_API_KEY".parse::<SecretRef>().unwrap().name(), "OPENAI_API_KEY");
        for wrong in ["", "$", "OPENAI_API_KEY", "$9", "$A-B", "${A}", "sk-proj-abcdef", "$A "] {
            let error = wrong.parse::<SecretRef>().unwrap_err();
            assert!(!error.contains("sk-proj"), "{error}");
        }
    }

    #[test]
    fn the_header_is_what_the_provider_wants() {
        let secret = Secret::new("k");
        let bearer = Auth::Bearer(SecretRef::named("A"));
        let (name, value) = bearer.header(&secret).unwrap();
        assert_eq!((name, value.expose()), ("authorization", "Bearer k"));
        let own = Auth::Header("x-api-key".into(), SecretRef::named("A")).with_secret(SecretRef::named("B"));
        let (name, value) = own.header(&secret).unwrap();
        assert_eq!((name, value.expose()), ("x-api-key", "k"));
        assert_eq!(Auth::None.header(&secret), None);
    }
}
