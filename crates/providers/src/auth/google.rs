//! Google service accounts, for Vertex: bearer tokens that are signed here, which need no round trip. They live an hour at
//! most; whoever calls keeps them.
//!
//! Signatures are RS256 (PKCS#1 v1.5), which need no dice: the same claims make the same token. Nothing is blinded for
//! the same reason; a token is signed about once an hour, which leaves nobody enough to time.

use std::time::Duration;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rsa::{
    RsaPrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::DecodePrivateKey,
    signature::{SignatureEncoding, Signer},
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sluice_types::{
    error::{ErrorKind, Failure},
    secret::Secret,
    time::Timestamp,
};

/// How long a token lives: as long as Google allows.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// What a self-signed token is for: Vertex, wherever it runs.
pub const VERTEX: &str = "https://aiplatform.googleapis.com/";

/// A service account, read from the JSON file that Google gives out.
#[derive(Clone)]
pub struct ServiceAccount {
    /// Who it is.
    pub email: String,
    key_id: Option<String>,
    key: SigningKey<Sha256>,
}

/// A bearer token and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token.
    pub bearer: Secret,
    /// When it is no longer taken.
    pub expires: Timestamp,
}

/// Why a service account cannot be read. Neither tells what the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountError {
    /// It is no JSON object with `client_email` and `private_key`.
    NotAnAccount,
    /// `private_key` is no RSA key in PEM (PKCS#8).
    NotAKey,
}

impl std::fmt::Display for AccountError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotAnAccount => {
                "the secret must be a service account's JSON file, with `client_email` and `private_key`"
            }
            Self::NotAKey => "the service account's `private_key` must be an RSA key in PEM (PKCS#8)",
        })
    }
}

impl std::error::Error for AccountError {}

impl std::fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceAccount").field("email", &self.email).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

impl ServiceAccount {
    /// Reads the JSON file.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(file: &Secret) -> Result<Self, AccountError> {
        #[derive(Deserialize)]
        struct File {
            client_email: String,
            private_key: String,
            private_key_id: Option<String>,
        }

        let file: File = serde_json::from_str(file.expose()).map_err(|_| AccountError::NotAnAccount)?;
        let key = private_key(&file.private_key).ok_or(AccountError::NotAKey)?;
        Ok(Self { email: file.client_email, key_id: file.private_key_id, key: SigningKey::new(key) })
    }

    /// A token that is signed here, for the API at `audience`, such as [`VERTEX`].
    ///
    /// # Errors
    ///
    /// `Internal` if the key cannot sign.
    pub fn self_signed(&self, audience: &str, now: Timestamp) -> Result<Token, Failure> {
        let jwt = self.sign(audience, now)?;
        Ok(Token { bearer: Secret::new(jwt), expires: now.plus(LIFETIME) })
    }

    fn sign(&self, aud: &str, now: Timestamp) -> Result<String, Failure> {
        let iat = now.0 / 1000;
        let claims = Claims { iss: &self.email, sub: &self.email, aud, iat, exp: iat + LIFETIME.as_secs() };
        let header = Header { alg: "RS256", typ: "JWT", kid: self.key_id.as_deref() };
        let failed = || Failure::new(ErrorKind::Internal, "the service account's key cannot sign");
        let header = serde_json::to_vec(&header).map_err(|_| failed())?;
        let claims = serde_json::to_vec(&claims).map_err(|_| failed())?;
        let mut jwt = URL_SAFE_NO_PAD.encode(header);
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut jwt);
        let signature = self.key.try_sign(jwt.as_bytes()).map_err(|_| failed())?;
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.to_vec(), &mut jwt);
        Ok(jwt)
    }
}

/// The key in a PEM, which may have text around it and lost its line breaks.
fn private_key(pem: &str) -> Option<RsaPrivateKey> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    // Files that went through a shell have `\n` in so many letters.
    let body: String = body.replace("\\n", "").split_ascii_whitespace().collect();
    RsaPrivateKey::from_pkcs8_der(&STANDARD.decode(body).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A throwaway key that opens nothing.
    const TEST_ONLY_KEY: &str = include_str!("test-only-key.pem");
    const NOW: Timestamp = Timestamp(1_795_219_200_500);

    fn file(key: &str) -> Secret {
        let key = serde_json::to_string(key).unwrap();
        Secret::new(format!(
            r#"{{"type":"service_account","project_id":"p","private_key_id":"k1","private_key":{key},"client_email":"a@p.iam.gserviceaccount.com","client_id":"1"}}"#
        ))
    }

    fn account() -> ServiceAccount {
        ServiceAccount::read(&file(TEST_ONLY_KEY)).unwrap()
    }

    #[test]
    fn a_self_signed_token_is_what_openssl_signs() {
        let token = account().self_signed(VERTEX, NOW).unwrap();
        assert_eq!(token.expires, Timestamp(NOW.0 + 3_600_000));
        assert_eq!(token.bearer.expose(), SELF_SIGNED);
        let claims = SELF_SIGNED.split('.').nth(1).unwrap();
        assert_eq!(
            String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap(),
            r#"{"iss":"a@p.iam.gserviceaccount.com","sub":"a@p.iam.gserviceaccount.com","aud":"https://aiplatform.googleapis.com/","iat":1795219200,"exp":1795222800}"#
        );
    }

    #[test]
    fn a_key_without_its_line_breaks_is_read() {
        let flat = TEST_ONLY_KEY.replace('\n', "\\n");
        let token = ServiceAccount::read(&file(&flat)).unwrap().self_signed(VERTEX, NOW).unwrap();
        assert_eq!(token.bearer.expose(), SELF_SIGNED);
    }

    #[test]
    fn what_is_no_account_is_told_without_what_it_holds() {
        for (text, error) in [
            ("{}".to_owned(), AccountError::NotAnAccount),
            ("sk-abc".to_owned(), AccountError::NotAnAccount),
            (file("x").expose().to_owned(), AccountError::NotAKey),
        ] {
            assert_eq!(ServiceAccount::read(&Secret::new(text)).unwrap_err(), error);
        }
        let told = format!("{:?}", account());
        assert_eq!(told, r#"ServiceAccount { email: "a@p.iam.gserviceaccount.com", .. }"#);
    }

    // Signed with `openssl dgst -sha256 -sign`.
    const SELF_SIGNED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJpc3MiOiJhQHAuaWFtLmdzZXJ2aWNlYWNjb3VudC5jb20iLCJzdWIiOiJhQHAuaWFtLmdzZXJ2aWNlYWNjb3VudC5jb20iLCJhdWQiOiJodHRwczovL2FpcGxhdGZvcm0uZ29vZ2xlYXBpcy5jb20vIiwiaWF0IjoxNzk1MjE5MjAwLCJleHAiOjE3OTUyMjI4MDB9.NyW4EN5BYcgqkYppj7uP5LDSR0WogF9sYjoEUqpzwfJDHuU1crgQn5GGCvmiClbGAKPkmvTKjP6Bh0yhyBPi3-yBuhznxYEsJpcTS7q2Tbj4UPN13FPDuWUQ-sok7dkQIzhIqx3P5kwNnXXLriogQVrVr_ZoOOAAbuB8iM-QEvY-B_kXoHCax2Nx31Zr3Pd26jN44FwgJYzJYUc77vBuGSdB47sb5Mlb1dGCJDbbsG8z8vVIHWue9pesT82ivcOsk8hnL82WBI5xvbdPL4ejc5sv4_Yb4f2zqVP_dHNJtMW5YMX8A5XFwkJtHjNWf_9yGhFTlhb-oAO7n3rdq8SI3g";
}
