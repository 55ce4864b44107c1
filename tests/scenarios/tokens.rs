//! End users' tokens, over HTTP: a tenant's own backend signs, a browser calls.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use sluice_tests::gateway::Gateway;
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;
use sluice_tests::seed::{ADMIN_KEY, PROVIDER_KEY};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn text(head: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(head.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn eddsa(kid: &str, claims: &Value) -> String {
    let text = text(&json!({"alg": "EdDSA", "kid": kid}), claims);
    let signature = SigningKey::from_bytes(&[7; 32]).sign(text.as_bytes()).to_bytes();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hs256(kid: &str, claims: &Value) -> String {
    let text = text(&json!({"alg": "HS256", "kid": kid}), claims);
    // The host has no other secret on Spin than those its manifest names; it is long enough.
    let mut mac = Hmac::<Sha256>::new_from_slice(PROVIDER_KEY.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn ask(gateway: &Gateway, token: &str, model: &str) -> Answer {
    let mut body = Protocol::Chat.ask(model, "hi", false);
    body["max_tokens"] = json!(20);
    gateway.request("POST", "/v1/chat/completions").key(token).json(&body).send()
}

/// Gives a tenant of its own the keys that sign, and returns its id.
fn tenant(gateway: &Gateway, name: &str) -> String {
    let id = gateway.unique(name);
    let public = URL_SAFE_NO_PAD.encode(SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes());
    let keys = json!([
        {"kid": "ed", "alg": "EdDSA", "public_key": public},
        {"kid": "hs", "alg": "HS256", "secret": "$HOUSE_KEY"},
    ]);
    let made = json!({"id": id, "token_keys": keys});
    gateway.request("POST", "/admin/v1/tenants").key(ADMIN_KEY).json(&made).send().expect(201);
    id
}

fn claims(tenant: &str, user: &str) -> Value {
    json!({"iss": tenant, "sub": user, "exp": now() + 300, "models": ["chat-openai"]})
}

fn a_users_token_works_as_far_as_it_says(gateway: &Gateway) {
    let id = tenant(gateway, "tokens");
    for token in [eddsa("ed", &claims(&id, "ann")), hs256("hs", &claims(&id, "ann"))] {
        ask(gateway, &token, "chat-openai").expect(200);
        ask(gateway, &token, "chat-anthropic").expect(403);
        // It opens nothing of the operator's.
        gateway.request("GET", &format!("/admin/v1/tenants/{id}")).key(&token).send().expect(401);
    }
    gateway.costs(&id, 2);
    let path = format!("/admin/v1/usage?tenant={id}&by=user,key");
    let usage = gateway.request("GET", &path).key(ADMIN_KEY).send().expect(200).json();
    let by: Vec<_> =
        usage["data"].as_array().unwrap().iter().map(|row| (&row["user"], &row["key"])).collect();
    assert_eq!(by, [(&json!("ann"), &json!("token_ed")), (&json!("ann"), &json!("token_hs"))], "{usage}");
}

fn a_users_rate_and_budget_are_their_own(gateway: &Gateway) {
    let id = tenant(gateway, "rates");
    let with = |user: &str, name: &str, value: Value| {
        let mut claims = claims(&id, user);
        claims[name] = value;
        eddsa("ed", &claims)
    };
    let (ann, bob) =
        (with("ann", "requests_per_minute", json!(2)), with("bob", "requests_per_minute", json!(2)));
    let statuses = [&ann, &ann, &ann, &bob].map(|token| ask(gateway, token, "chat-openai").status);
    assert_eq!(statuses, [200, 200, 429, 200]);
    // A token made anew does not start from nothing.
    let mut again = claims(&id, "ann");
    (again["requests_per_minute"], again["iat"]) = (json!(2), json!(now() - 1));
    assert_eq!(ask(gateway, &eddsa("ed", &again), "chat-openai").status, 429);

    let poor = with("eve", "budget", json!({"usd": 0.000_001, "per": "day"}));
    let refused = ask(gateway, &poor, "chat-openai").expect(429).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("for each end user"), "{refused}");
}

fn a_token_that_is_not_the_tenants_is_refused(gateway: &Gateway) {
    let (id, other) = (tenant(gateway, "tokens"), tenant(gateway, "others"));
    let good = claims(&id, "ann");
    let mut late = good.clone();
    late["exp"] = json!(now() - 5);
    let mut early = good.clone();
    early["nbf"] = json!(now() + 200);
    let mut endless = good.clone();
    endless["exp"] = json!(now() + 90_000);
    let signed = eddsa("ed", &good);
    let (text, signature) = signed.rsplit_once('.').unwrap();
    let payload = text.split_once('.').unwrap().1;
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": "ed"}).to_string());
    let elsewhere = URL_SAFE_NO_PAD.encode(claims(&other, "ann").to_string());
    let head = text.split_once('.').unwrap().0;
    for (what, token) in [
        ("expired", eddsa("ed", &late)),
        ("not yet", eddsa("ed", &early)),
        ("too long", eddsa("ed", &endless)),
        ("unknown kid", eddsa("no", &good)),
        ("another key's way", hs256("ed", &good)),
        ("no signature", format!("{none}.{payload}.")),
        ("another tenant's name", format!("{head}.{elsewhere}.{signature}")),
        ("no tenant", eddsa("ed", &claims("nobody", "ann"))),
        ("a path", eddsa("ed", &claims("../tenant", "ann"))),
    ] {
        assert_eq!(ask(gateway, &token, "chat-openai").status, 401, "{what}");
    }
    ask(gateway, &signed, "chat-openai").expect(200);
    gateway.costs(&other, 0);
}

fn a_key_taken_away_signs_no_more(gateway: &Gateway) {
    let id = tenant(gateway, "revoked");
    let token = eddsa("ed", &claims(&id, "ann"));
    ask(gateway, &token, "chat-openai").expect(200);
    let path = format!("/admin/v1/tenants/{id}");
    let change = json!({"token_keys": null});
    gateway.request("PATCH", &path).key(ADMIN_KEY).json(&change).send().expect(200);
    // Where the change was made it holds at once; elsewhere within 30 s, which a test of the core shows.
    ask(gateway, &token, "chat-openai").expect(401);
}

on_every_host!(
    a_users_token_works_as_far_as_it_says,
    a_users_rate_and_budget_are_their_own,
    a_token_that_is_not_the_tenants_is_refused,
    a_key_taken_away_signs_no_more,
);
