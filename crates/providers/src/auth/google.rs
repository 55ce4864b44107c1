//! Google service accounts, for Vertex: what to sign, what to send, what comes back. Whoever calls keeps the tokens.
//!
//! Two ways lead to a bearer token. A *self-signed* one is made here and needs no round trip; an *exchanged* one is asked
//! for at the account's `token_uri` and works for every Google API. Both live an hour at most.
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

use crate::format::{gemini, json::is_cut_off};

/// How long a token lives: as long as Google allows.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// What a self-signed token is for: Vertex, wherever it runs.
pub const VERTEX: &str = "https://aiplatform.googleapis.com/";

/// The content type of [`ServiceAccount::exchange_form`].
pub const FORM: &str = "application/x-www-form-urlencoded";

const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

/// A service account, read from the JSON file that Google gives out.
#[derive(Clone)]
pub struct ServiceAccount {
    /// Who it is.
    pub email: String,
    /// Where tokens are exchanged.
    pub token_uri: String,
    /// The project it belongs to.
    pub project: Option<String>,
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
    /// `token_uri` is no `https` address.
    NotAnAddress,
}

impl std::fmt::Display for AccountError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotAnAccount => {
                "the secret must be a service account's JSON file, with `client_email` and `private_key`"
            }
            Self::NotAKey => "the service account's `private_key` must be an RSA key in PEM (PKCS#8)",
            Self::NotAnAddress => "the service account's `token_uri` must be an https address",
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
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
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
            project_id: Option<String>,
            token_uri: Option<String>,
        }

        let file: File = serde_json::from_str(file.expose()).map_err(|_| AccountError::NotAnAccount)?;
        let token_uri = file.token_uri.unwrap_or_else(|| TOKEN_URI.to_owned());
        if !token_uri.starts_with("https://") {
            return Err(AccountError::NotAnAddress);
        }
        let key = private_key(&file.private_key).ok_or(AccountError::NotAKey)?;
        Ok(Self {
            email: file.client_email,
            token_uri,
            project: file.project_id,
            key_id: file.private_key_id,
            key: SigningKey::new(key),
        })
    }

    /// A token that is signed here, for the API at `audience`, such as [`VERTEX`].
    ///
    /// # Errors
    ///
    /// `Internal` if the key cannot sign.
    pub fn self_signed(&self, audience: &str, now: Timestamp) -> Result<Token, Failure> {
        let jwt = self.sign(Some(&self.email), None, audience, now)?;
        Ok(Token { bearer: Secret::new(jwt), expires: now.plus(LIFETIME) })
    }

    /// The form to post to [`token_uri`](Self::token_uri) for a token to every API of Google's cloud.
    ///
    /// # Errors
    ///
    /// `Internal` if the key cannot sign.
    pub fn exchange_form(&self, now: Timestamp) -> Result<Secret, Failure> {
        let assertion = self.sign(None, Some(SCOPE), &self.token_uri, now)?;
        Ok(Secret::new(format!("grant_type={GRANT}&assertion={assertion}")))
    }

    fn sign(
        &self,
        sub: Option<&str>,
        scope: Option<&'static str>,
        aud: &str,
        now: Timestamp,
    ) -> Result<String, Failure> {
        let iat = now.0 / 1000;
        let claims = Claims { iss: &self.email, sub, scope, aud, iat, exp: iat + LIFETIME.as_secs() };
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

/// Reads what comes back for [`ServiceAccount::exchange_form`], sent at `now`.
///
/// # Errors
///
/// `UpstreamCredentials` if the account is refused, `UpstreamUnavailable` if the service fails, `UpstreamInvalid` or
/// `UpstreamTruncated` if its answer cannot be read.
pub fn read_exchange(status: u16, body: &[u8], now: Timestamp) -> Result<Token, Failure> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: String,
        expires_in: Option<u64>,
    }

    if status != 200 {
        let failure = gemini::read_error(status, body, None);
        return Err(match failure.kind {
            // A refused account is told as a bad request.
            ErrorKind::InvalidRequest => Failure { kind: ErrorKind::UpstreamCredentials, ..failure },
            _ => failure,
        });
    }
    let granted: Granted = serde_json::from_slice(body).map_err(|error| match is_cut_off(&error, body) {
        true => Failure::new(ErrorKind::UpstreamTruncated, "the token service's answer breaks off"),
        false => Failure::new(ErrorKind::UpstreamInvalid, "the token service's answer holds no token"),
    })?;
    let lives = granted.expires_in.map_or(LIFETIME, Duration::from_secs).min(LIFETIME);
    Ok(Token { bearer: Secret::new(granted.access_token), expires: now.plus(lives) })
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
    fn an_exchange_asks_for_the_cloud() {
        let form = account().exchange_form(NOW).unwrap();
        let assertion = form
            .expose()
            .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
        assert_eq!(assertion, Some(EXCHANGED));
        let claims = EXCHANGED.split('.').nth(1).unwrap();
        assert_eq!(
            String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap(),
            r#"{"iss":"a@p.iam.gserviceaccount.com","scope":"https://www.googleapis.com/auth/cloud-platform","aud":"https://oauth2.googleapis.com/token","iat":1795219200,"exp":1795222800}"#
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
            (
                r#"{"client_email":"a","private_key":"b","token_uri":"http://e.test"}"#.to_owned(),
                AccountError::NotAnAddress,
            ),
        ] {
            assert_eq!(ServiceAccount::read(&Secret::new(text)).unwrap_err(), error);
        }
        let told = format!("{:?}", account());
        assert_eq!(told, r#"ServiceAccount { email: "a@p.iam.gserviceaccount.com", .. }"#);
    }

    #[test]
    fn what_comes_back_is_a_token_or_a_reason() {
        let body = br#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#;
        let token = read_exchange(200, body, NOW).unwrap();
        assert_eq!((token.bearer.expose(), token.expires), ("ya29.x", Timestamp(NOW.0 + 3_599_000)));
        let refused = br#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
        let failure = read_exchange(400, refused, NOW).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::UpstreamCredentials);
        assert_eq!(failure.message, "Invalid JWT Signature.");
        assert_eq!(read_exchange(503, b"", NOW).unwrap_err().kind, ErrorKind::UpstreamUnavailable);
        assert_eq!(read_exchange(200, b"{\"acc", NOW).unwrap_err().kind, ErrorKind::UpstreamTruncated);
        assert_eq!(read_exchange(200, b"{}", NOW).unwrap_err().kind, ErrorKind::UpstreamInvalid);
    }

    // Signed with `openssl dgst -sha256 -sign`.
    const SELF_SIGNED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJpc3MiOiJhQHAuaWFtLmdzZXJ2aWNlYWNjb3VudC5jb20iLCJzdWIiOiJhQHAuaWFtLmdzZXJ2aWNlYWNjb3VudC5jb20iLCJhdWQiOiJodHRwczovL2FpcGxhdGZvcm0uZ29vZ2xlYXBpcy5jb20vIiwiaWF0IjoxNzk1MjE5MjAwLCJleHAiOjE3OTUyMjI4MDB9.NyW4EN5BYcgqkYppj7uP5LDSR0WogF9sYjoEUqpzwfJDHuU1crgQn5GGCvmiClbGAKPkmvTKjP6Bh0yhyBPi3-yBuhznxYEsJpcTS7q2Tbj4UPN13FPDuWUQ-sok7dkQIzhIqx3P5kwNnXXLriogQVrVr_ZoOOAAbuB8iM-QEvY-B_kXoHCax2Nx31Zr3Pd26jN44FwgJYzJYUc77vBuGSdB47sb5Mlb1dGCJDbbsG8z8vVIHWue9pesT82ivcOsk8hnL82WBI5xvbdPL4ejc5sv4_Yb4f2zqVP_dHNJtMW5YMX8A5XFwkJtHjNWf_9yGhFTlhb-oAO7n3rdq8SI3g";
    const EXCHANGED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJpc3MiOiJhQHAuaWFtLmdzZXJ2aWNlYWNjb3VudC5jb20iLCJzY29wZSI6Imh0dHBzOi8vd3d3Lmdvb2dsZWFwaXMuY29tL2F1dGgvY2xvdWQtcGxhdGZvcm0iLCJhdWQiOiJodHRwczovL29hdXRoMi5nb29nbGVhcGlzLmNvbS90b2tlbiIsImlhdCI6MTc5NTIxOTIwMCwiZXhwIjoxNzk1MjIyODAwfQ.GJx6DNuzJcR5klcunzTnqJhhjy-M9jwdvYXm1F8kcuuRdlzkT-p1qKMZXQjCHUkqkSUkdDAkiNrciDy-76l0SwRYx6ZHdcF4syi7Dyg3KzEMp-JxluYFhE_zj3Xf86aLhx461On_hnwcR_uVCFPjUrUlGJCIqCfA972abb_eruY03RB2yjUslATThhb0mCZjZ4WAVxssh4iFgWJeAulJgxtDbEgNTmbC78RoWB2-VgDHXoE4GYPppg7wGfy41_w3OC97fvmkeLWTKHDPZXiGoMV3CQniI6_3y1h5ba69UdYxu5v7RFstPPcPGij1DYSQqQlVtCtCZvYjrC_YQBsxEQ";
}
