//! End users' tokens: short-lived JSON Web Tokens (RFC 7519) that a tenant's own backend signs, so that a browser can
//! call with neither a key nor a server between.
//!
//! HS256 (RFC 7518) and EdDSA with Ed25519 (RFC 8037), nothing else: a tenant's record says which of its keys signs how, and
//! a token that says otherwise is refused. `jwt-compact` takes tokens apart and checks signatures; times are checked here,
//! for `now` is an argument. It adds 37 kB of gzip to a WASM module, 24 of them cryptography that any way needs;
//! `jsonwebtoken` 10 adds 231, as it brings RSA and the NIST curves along, used or not.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::VerifyingKey;
use jwt_compact::{
    Algorithm as Checks, AlgorithmExt as _, UntrustedToken,
    alg::{Ed25519, Hs256, Hs256Key},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use sluice_types::time::Timestamp;

use crate::{
    config::{
        document::{Budget, Quotas, Rate, Scope},
        path::Path,
        text::Period,
    },
    key::{Access, KeyRecord},
};

/// The longest a token may live.
pub const LONGEST: Duration = Duration::from_secs(86_400);

/// How far the clocks of a backend may be off.
const LEEWAY: Duration = Duration::from_secs(60);

/// The longest token that is looked at, in bytes.
const MAX_BYTES: usize = 4_096;

/// The shortest secret shared for HS256, in bytes: RFC 7518 asks for as many as the digest has.
const MIN_SECRET: usize = 32;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::EdDSA => "EdDSA",
        }
    }
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
    /// What holders of its tokens may do with files and stores; `None` is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Access>,
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
        VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok().filter(|key| !key.is_weak())
    }
}

/// What a token's head may say beside what the library knows.
#[derive(Clone, Debug, Deserialize)]
struct Head {
    /// Extensions that must be understood; none is.
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

/// What a token says of its own; its times are the library's.
#[derive(Clone, Debug, Deserialize)]
struct Said {
    iss: String,
    sub: String,
    #[serde(default)]
    models: Option<Vec<String>>,
    #[serde(default)]
    budget: Option<Budget>,
    #[serde(default)]
    requests_per_minute: Option<u64>,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// `iss`: the tenant's id.
    pub tenant: String,
    /// `sub`: the end user.
    pub user: String,
    /// `exp`: when it ends; `None` if it never does.
    pub ends: Option<Timestamp>,
    /// `nbf`: when it begins.
    pub begins: Option<Timestamp>,
    /// `models`: what it may name, of what the tenant may.
    pub models: Option<Vec<String>>,
    /// `budget`: what this user may spend, as in a tenant's record; `of` is the user.
    pub budget: Option<Budget>,
    /// `requests_per_minute`: of this user.
    pub requests_per_minute: Option<u64>,
}

/// A token as it came: nothing of it is believed yet.
#[derive(Clone, Debug)]
pub struct Unverified<'a> {
    token: UntrustedToken<'a, Head>,
    tenant: String,
}

impl<'a> Unverified<'a> {
    /// Reads what `shown` says; `None` if it is no token.
    pub fn read(shown: &'a str) -> Option<Self> {
        if MAX_BYTES < shown.len() {
            return None;
        }
        let token: UntrustedToken<'_, Head> = UntrustedToken::try_from(shown).ok()?;
        let claims = token.deserialize_claims_unchecked::<Said>().ok()?;
        let plain = token.header().other_fields.crit.is_none();
        plain.then_some(Self { token, tenant: claims.custom.iss })
    }

    /// The tenant it says it is of.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The one of a tenant's `keys` that it must be signed with.
    pub fn key<'k>(&self, keys: &'k [TokenKey]) -> Option<&'k TokenKey> {
        let kid = self.token.header().key_id.as_ref();
        // What the record says counts: a token cannot choose how it is checked.
        let fits = |key: &&TokenKey| {
            kid.is_none_or(|kid| *kid == key.kid) && key.alg.name() == self.token.algorithm()
        };
        keys.iter().find(fits)
    }

    /// What it says, if `key` signed it; `secret` is the shared one, for HS256.
    pub fn verified(&self, key: &TokenKey, secret: Option<&[u8]>) -> Option<Claims> {
        match key.alg {
            Algorithm::HS256 => {
                let secret = secret.filter(|secret| MIN_SECRET <= secret.len())?;
                self.checked(Hs256, &Hs256Key::new(secret))
            }
            Algorithm::EdDSA => self.checked(Ed25519, &key.public()?),
        }
    }

    fn checked<A: Checks>(&self, how: A, key: &A::VerifyingKey) -> Option<Claims> {
        let (_, claims) = how.validator::<Said>(key).validate(&self.token).ok()?.into_parts();
        let Said { iss, sub, models, budget, requests_per_minute } = claims.custom;
        let at = |seconds: i64| Timestamp(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000));
        Some(Claims {
            tenant: iss,
            user: sub,
            ends: claims.expiration.map(|end| at(end.timestamp())),
            begins: claims.not_before.map(|begin| at(begin.timestamp())),
            models,
            budget,
            requests_per_minute,
        })
    }
}

impl Claims {
    /// The key that it stands for, made by `key`, and its user.
    ///
    /// # Errors
    ///
    /// What is wrong: it names no user, has not begun, never ends or too late, or limits what cannot be limited. That it has
    /// ended is told by the key's own end.
    pub fn key(self, key: &TokenKey, now: Timestamp) -> Result<(KeyRecord, String), &'static str> {
        if self.user.is_empty() || 128 < self.user.len() {
            return Err("this token must name a user of 1 to 128 bytes as `sub`");
        }
        if self.begins.is_some_and(|begins| now.plus(LEEWAY) < begins) {
            return Err("this token is not valid yet");
        }
        let Some(ends) = self.ends.filter(|end| *end <= now.plus(LONGEST).plus(LEEWAY)) else {
            return Err("this token lives too long: `exp` must be there and may be 24 h away at most");
        };
        let of_user = |budget: Budget| Budget { of: Some(Scope::User), ..budget };
        let rates = self.requests_per_minute.map(|requests| Rate {
            requests: Some(requests),
            tokens: None,
            concurrent: None,
            per: Period(Duration::from_secs(60)),
            of: Some(Scope::User),
            models: Vec::new(),
        });
        let limits = Quotas {
            budgets: self.budget.map(of_user).into_iter().collect(),
            rates: rates.into_iter().collect(),
            ..Quotas::default()
        };
        if !limits.problems(&Path::default()).is_empty() {
            return Err(
                "this token's `budget` or `requests_per_minute` is wrong: docs/tenancy.md says how they are written",
            );
        }
        let record = KeyRecord {
            id: format!("token_{}", key.kid),
            tenant: self.tenant,
            expires_at: Some(ends),
            models: self.models,
            limits: Some(limits),
            knowledge: key.knowledge,
            ..KeyRecord::default()
        };
        Ok((record, self.user))
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use hmac::{Hmac, Mac as _};
    use sha2::Sha256;

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_262_400_000);
    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn signing() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn public() -> String {
        URL_SAFE_NO_PAD.encode(signing().verifying_key().to_bytes())
    }

    fn keys() -> Vec<TokenKey> {
        let key = |kid: &str, alg, public_key, secret| TokenKey {
            kid: kid.into(),
            alg,
            public_key,
            secret,
            knowledge: None,
        };
        vec![
            key("ed", Algorithm::EdDSA, Some(public()), None),
            key("hs", Algorithm::HS256, None, Some("$JWT".into())),
        ]
    }

    /// Signed by hand, so that anything can be said: with the shared secret, or with Ed25519 where the head says EdDSA.
    fn signed(head: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
        let signature = if head.contains("EdDSA") {
            signing().sign(text.as_bytes()).to_bytes().to_vec()
        } else {
            mac(SECRET, &text)
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn mac(secret: &[u8], text: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    fn checked(token: &str) -> Option<Claims> {
        let token = Unverified::read(token)?;
        let keys = keys();
        token.verified(token.key(&keys)?, Some(SECRET))
    }

    const ED: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;
    const HS: &str = r#"{"alg":"HS256","kid":"hs","typ":"JWT"}"#;
    const CLAIMS: &str =
        r#"{"iss":"acme","sub":"ann","exp":1795262700,"models":["m"],"budget":{"usd":1,"per":"day"}}"#;

    #[test]
    fn both_ways_of_signing_are_taken() {
        let claims = checked(&signed(ED, CLAIMS)).unwrap();
        assert_eq!((claims.tenant.as_str(), claims.user.as_str()), ("acme", "ann"));
        assert_eq!((claims.ends, claims.begins), (Some(Timestamp(1_795_262_700_000)), None));
        assert_eq!(checked(&signed(HS, CLAIMS)).unwrap(), claims);
        // Without a name, the first key that signs this way.
        assert_eq!(checked(&signed(r#"{"alg":"HS256"}"#, CLAIMS)).unwrap(), claims);
    }

    #[test]
    fn a_token_does_not_choose_how_it_is_checked() {
        for head in [
            r#"{"alg":"HS256","kid":"ed"}"#,
            r#"{"alg":"EdDSA","kid":"hs"}"#,
            r#"{"alg":"none","kid":"hs"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"HS384","kid":"hs"}"#,
            r#"{"alg":"HS256","kid":"no"}"#,
            r#"{"alg":"HS256","kid":"hs","crit":["b64"],"b64":false}"#,
            r#"{"kid":"hs"}"#,
            "{}",
            "[]",
        ] {
            assert_eq!(checked(&signed(head, CLAIMS)), None, "{head}");
        }
        // The public key is public: a token signed with it as a shared secret is nobody's.
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"ed"}"#),
            URL_SAFE_NO_PAD.encode(CLAIMS)
        );
        let confused =
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac(&signing().verifying_key().to_bytes(), &text)));
        assert_eq!(checked(&confused), None);
    }

    #[test]
    fn what_is_changed_or_cut_is_refused() {
        for head in [ED, HS] {
            let token = signed(head, CLAIMS);
            let (text, signature) = token.rsplit_once('.').unwrap();
            let (first, _) = text.split_once('.').unwrap();
            let other = URL_SAFE_NO_PAD.encode(CLAIMS.replace("ann", "eve"));
            assert_eq!(checked(&format!("{first}.{other}.{signature}")), None);
            for cut in 0..token.len() {
                assert_eq!(checked(token.get(..cut).unwrap_or_default()), None, "{cut}");
            }
            assert_eq!(checked(&format!("{token}.")), None);
            assert_eq!(checked(&format!("{token}A")), None);
        }
        let long = CLAIMS.replace("ann", &"a".repeat(4_000));
        assert!(Unverified::read(&signed(HS, &long)).is_none());
        assert!(Unverified::read("sk-sluice-x").is_none());
        let token = signed(HS, CLAIMS);
        let read = Unverified::read(&token).unwrap();
        assert_eq!(read.verified(&keys()[1], Some(b"short")), None);
        assert_eq!(read.verified(&keys()[1], None), None);
        for nonsense in
            [r#"{"iss":"acme"}"#, r#"{"iss":1,"sub":"a"}"#, "null", r#"{"iss":"a","sub":"b","exp":1e300}"#]
        {
            assert_eq!(checked(&signed(HS, nonsense)), None, "{nonsense}");
        }
    }

    #[test]
    fn claims_become_a_key_of_one_user() {
        let key = |claims: &str| checked(&signed(HS, claims)).unwrap().key(&keys()[0], NOW);
        let (record, user) = key(CLAIMS).unwrap();
        assert_eq!((record.id.as_str(), record.tenant.as_str(), user.as_str()), ("token_ed", "acme", "ann"));
        assert_eq!(record.expires_at, Some(Timestamp(1_795_262_700_000)));
        assert_eq!(record.limits.unwrap().budgets[0].of, Some(Scope::User));
        for (claims, wrong) in [
            (r#"{"iss":"acme","sub":"","exp":1795262700}"#, "`sub`"),
            (r#"{"iss":"acme","sub":"ann"}"#, "too long"),
            (r#"{"iss":"acme","sub":"ann","exp":1795462700}"#, "too long"),
            (r#"{"iss":"acme","sub":"ann","exp":99999999999}"#, "too long"),
            (r#"{"iss":"acme","sub":"ann","exp":1795262700,"nbf":1795262600}"#, "not valid yet"),
            (r#"{"iss":"acme","sub":"ann","exp":1795262700,"budget":{"per":"day"}}"#, "`budget`"),
            (
                r#"{"iss":"acme","sub":"ann","exp":1795262700,"requests_per_minute":0}"#,
                "`requests_per_minute`",
            ),
        ] {
            assert!(key(claims).unwrap_err().contains(wrong), "{claims}");
        }
        // A minute is forgiven to a clock that runs ahead.
        assert!(key(r#"{"iss":"acme","sub":"ann","exp":1795262700,"nbf":1795262459}"#).is_ok());
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
        // The neutral point: any text has a signature by it.
        let weak = [&[1][..], &[0; 31]].concat();
        assert!(wrong(&|key| key.public_key = Some(URL_SAFE_NO_PAD.encode(&weak))));
        assert!(wrong(&|key| key.kid.clear()));
        assert!(wrong(&|key| {
            key.alg = Algorithm::HS256;
            key.public_key = None;
            key.secret = Some("plain".into());
        }));
    }
}
