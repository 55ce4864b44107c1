//! End users' tokens: short-lived JSON Web Tokens (RFC 7519) that a tenant's own backend signs, so that a browser can
//! call with neither a key nor a server between.
//!
//! HS256 (RFC 7518) and EdDSA with Ed25519 (RFC 8037), nothing else: a tenant's record says which of its keys signs how, and
//! a token that says otherwise is refused. The cryptography is RustCrypto's and dalek's.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sluice_types::time::Timestamp;

use crate::{
    config::document::{Budget, Quotas, Scope},
    key::KeyRecord,
};

/// The longest a token may live.
pub const LONGEST: Duration = Duration::from_secs(86_400);

/// How far the clocks of a backend may be off.
const LEEWAY: Duration = Duration::from_secs(60);

/// The longest token that is looked at, in bytes.
const MAX_BYTES: usize = 4_096;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// Ed25519.
    EdDSA,
}

/// A key that a tenant's tokens are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKey {
    /// Its name, which tokens carry as `kid`.
    pub kid: String,
    /// How it signs.
    pub alg: Algorithm,
    /// For EdDSA: the 32 bytes of the public key in base64url, as `x` of a JSON Web Key has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// For HS256: the host's secret that holds the shared one, as `$NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl TokenKey {
    /// What is wrong with it.
    pub fn problem(&self) -> Option<&'static str> {
        let name = |secret: &String| {
            let name = secret.strip_prefix('$').unwrap_or_default();
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        match (self.alg, &self.public_key, &self.secret) {
            _ if self.kid.is_empty() || 64 < self.kid.len() => Some("`kid` must have 1 to 64 bytes"),
            (Algorithm::EdDSA, Some(_), None) if self.public().is_some() => None,
            (Algorithm::EdDSA, _, _) => {
                Some("EdDSA takes `public_key`: 32 bytes in base64url, and no `secret`")
            }
            (Algorithm::HS256, None, Some(secret)) if name(secret) => None,
            (Algorithm::HS256, _, _) => {
                Some("HS256 takes `secret`: the name of a secret of the host as $NAME")
            }
        }
    }

    fn public(&self) -> Option<VerifyingKey> {
        let bytes = URL_SAFE_NO_PAD.decode(self.public_key.as_ref()?.trim_end_matches('=')).ok()?;
        VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()
    }
}

#[derive(Deserialize)]
struct Head {
    alg: Algorithm,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Claims {
    /// The tenant's id.
    pub iss: String,
    /// The end user.
    pub sub: String,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
    /// When it begins.
    #[serde(default)]
    pub nbf: Option<u64>,
    /// When it was made.
    #[serde(default)]
    pub iat: Option<u64>,
    /// The models it may name, of those the tenant may.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// What this user may spend, as in a tenant's record; `of` is the user.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// Requests this user may make in a minute.
    #[serde(default)]
    pub requests_per_minute: Option<u64>,
}

/// A token as it came: nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Unverified<'a> {
    alg: Algorithm,
    kid: Option<String>,
    claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads what `shown` says; `None` if it is no token.
    pub fn read(shown: &'a str) -> Option<Self> {
        if MAX_BYTES < shown.len() {
            return None;
        }
        let (signed, signature) = shown.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let json = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let head: Head = serde_json::from_slice(&json(head)?).ok()?;
        let claims = serde_json::from_slice(&json(claims)?).ok()?;
        let plain = head.crit.is_none();
        plain.then_some(Self { alg: head.alg, kid: head.kid, claims, signed, signature: json(signature)? })
    }

    /// The tenant it says it is of.
    pub fn tenant(&self) -> &str {
        &self.claims.iss
    }

    /// The one of a tenant's `keys` that it must be signed with.
    pub fn key<'k>(&self, keys: &'k [TokenKey]) -> Option<&'k TokenKey> {
        let named = |key: &&TokenKey| self.kid.as_ref().is_none_or(|kid| *kid == key.kid);
        // What the record says counts: a token cannot choose how it is checked.
        keys.iter().find(named).filter(|key| key.alg == self.alg)
    }

    /// What it says, if `key` signed it; `secret` is the shared one, for HS256.
    pub fn verified(self, key: &TokenKey, secret: Option<&[u8]>) -> Option<Claims> {
        let fits = match key.alg {
            Algorithm::HS256 => {
                // RFC 7518: a shared secret shorter than the digest is no secret.
                let mut mac =
                    Hmac::<Sha256>::new_from_slice(secret.filter(|secret| 32 <= secret.len())?).ok()?;
                mac.update(self.signed.as_bytes());
                mac.verify_slice(&self.signature).is_ok()
            }
            Algorithm::EdDSA => {
                let signature = Signature::from_slice(&self.signature).ok()?;
                key.public()?.verify_strict(self.signed.as_bytes(), &signature).is_ok()
            }
        };
        fits.then_some(self.claims)
    }
}

impl Claims {
    /// The key that it stands for, made by `key`; an error says what is wrong with it.
    ///
    /// # Errors
    ///
    /// What is wrong: it names no user, has not begun, or lives too long. That it has ended is told by the key's own end.
    pub fn key(self, key: &TokenKey, now: Timestamp) -> Result<(KeyRecord, String), &'static str> {
        let seconds = |seconds: u64| Timestamp(seconds.saturating_mul(1_000));
        if self.sub.is_empty() || 128 < self.sub.len() {
            return Err("this token must name a user of 1 to 128 bytes as `sub`");
        }
        if self.nbf.is_some_and(|begins| now.plus(LEEWAY) < seconds(begins)) {
            return Err("this token is not valid yet");
        }
        if now.plus(LONGEST).plus(LEEWAY) < seconds(self.exp) {
            return Err("this token lives too long: `exp` may be 24 h away at most");
        }
        let of_user = |budget: Budget| Budget { of: Some(Scope::User), ..budget };
        let rates = self.requests_per_minute.map(|requests| crate::config::document::Rate {
            requests: Some(requests),
            tokens: None,
            concurrent: None,
            per: crate::config::text::Period(Duration::from_secs(60)),
            of: Some(Scope::User),
            models: Vec::new(),
        });
        let limits = Quotas {
            budgets: self.budget.map(of_user).into_iter().collect(),
            rates: rates.into_iter().collect(),
            ..Quotas::default()
        };
        let record = KeyRecord {
            id: format!("token_{}", key.kid),
            tenant: self.iss,
            expires_at: Some(seconds(self.exp)),
            models: self.models,
            limits: Some(limits),
            ..KeyRecord::default()
        };
        Ok((record, self.sub))
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_262_400_000);
    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn signing() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn keys() -> Vec<TokenKey> {
        let public = URL_SAFE_NO_PAD.encode(signing().verifying_key().to_bytes());
        vec![
            TokenKey { kid: "ed".into(), alg: Algorithm::EdDSA, public_key: Some(public), secret: None },
            TokenKey {
                kid: "hs".into(),
                alg: Algorithm::HS256,
                public_key: None,
                secret: Some("$JWT".into()),
            },
        ]
    }

    fn signed(head: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
        let signature = if head.contains("EdDSA") {
            signing().sign(text.as_bytes()).to_bytes().to_vec()
        } else {
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn checked(token: &str) -> Option<Claims> {
        let token = Unverified::read(token)?;
        let keys = keys();
        let key = token.key(&keys)?;
        token.verified(key, Some(SECRET))
    }

    const CLAIMS: &str =
        r#"{"iss":"acme","sub":"ann","exp":1795262700,"models":["m"],"budget":{"usd":1,"per":"day"}}"#;

    #[test]
    fn both_ways_of_signing_are_taken_and_nothing_else() {
        let ed = signed(r#"{"alg":"EdDSA","kid":"ed"}"#, CLAIMS);
        let hs = signed(r#"{"alg":"HS256","kid":"hs"}"#, CLAIMS);
        assert_eq!(checked(&ed).unwrap().sub, "ann");
        assert_eq!(checked(&hs).unwrap().iss, "acme");
        // Signed with one key's kind under another's name, without a signature, with one of another text.
        for head in [
            r#"{"alg":"HS256","kid":"ed"}"#,
            r#"{"alg":"none","kid":"hs"}"#,
            r#"{"alg":"HS256","kid":"no"}"#,
            r#"{"alg":"HS256","kid":"hs","crit":["b64"]}"#,
        ] {
            assert_eq!(checked(&signed(head, CLAIMS)), None, "{head}");
        }
        let (text, signature) = hs.rsplit_once('.').unwrap();
        let (head, _) = text.split_once('.').unwrap();
        let forged = format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(CLAIMS.replace("ann", "eve")));
        assert_eq!(checked(&forged), None);
        assert_eq!(checked(&format!("{text}.")), None);
        assert_eq!(checked("sk-sluice-x"), None);
        let token = Unverified::read(&hs).unwrap();
        assert_eq!(token.verified(&keys()[1], Some(b"short")), None);
    }

    #[test]
    fn claims_become_a_key_of_one_user() {
        let key = |change: &dyn Fn(&mut Claims)| {
            let mut claims: Claims = serde_json::from_str(CLAIMS).unwrap();
            change(&mut claims);
            claims.key(&keys()[0], NOW)
        };
        let (record, user) = key(&|_| ()).unwrap();
        assert_eq!((record.id.as_str(), record.tenant.as_str(), user.as_str()), ("token_ed", "acme", "ann"));
        assert_eq!(record.expires_at, Some(Timestamp(1_795_262_700_000)));
        assert_eq!(record.limits.unwrap().budgets[0].of, Some(Scope::User));
        assert!(key(&|claims| claims.sub.clear()).is_err());
        assert!(key(&|claims| claims.exp += 200_000).is_err());
        assert!(key(&|claims| claims.nbf = Some(1_795_262_700)).is_err());
    }

    #[test]
    fn keys_are_checked_before_they_are_stored() {
        assert!(keys().iter().all(|key| key.problem().is_none()));
        let wrong = |change: &dyn Fn(&mut TokenKey)| {
            let mut key = keys().remove(0);
            change(&mut key);
            key.problem().is_some()
        };
        assert!(wrong(&|key| key.alg = Algorithm::HS256));
        assert!(wrong(&|key| key.public_key = Some("AAAA".into())));
        assert!(wrong(&|key| key.kid.clear()));
        assert!(wrong(&|key| {
            key.alg = Algorithm::HS256;
            key.public_key = None;
            key.secret = Some("plain".into());
        }));
    }
}
