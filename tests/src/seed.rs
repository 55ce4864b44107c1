//! What a gateway under test starts with: tenants, keys and a configuration.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::mock::Mock;

/// The admin key.
pub const ADMIN_KEY: &str = "sluice-admin-test";

/// A model for each upstream format.
pub const CHAT_MODELS: [&str; 8] = [
    "chat-openai",
    "chat-responses",
    "chat-anthropic",
    "chat-gemini",
    "chat-cohere",
    "chat-bedrock",
    "chat-ollama",
    "chat-workers-ai",
];

/// A fallback to each format from each.
pub const FALLBACK_MODELS: [&str; 3] = ["fallback", "fallback-crossing", "fallback-anthropic"];

/// The tenant of scenarios that do not care.
pub const TENANT: &str = "test";

/// Tenants of scenarios that sum costs, so that others do not disturb them.
pub const TENANTS: &[&str] = &[
    TENANT,
    "whole",
    "streamed",
    "failed",
    "left-early",
    "left-late",
    "fell-over",
    "other",
    "embedder",
    "uncounted",
    "pictures",
    "matrix-whole",
    "matrix-streamed",
    "matrix-failed",
    "payer",
    "keeper",
    "stranger",
    "purged",
    "purged-by-meaning",
    "meant",
    "victim",
    "owner",
    "stranger",
    "calm",
    "unledgered",
    "shelf-one",
    "shelf-two",
];

/// Tenants with limits or budgets of their own, as JSON.
pub const LIMITED: &[(&str, &str)] = &[
    ("five-a-minute", r#"{"requests_per_minute": 5}"#),
    ("one-a-minute", r#"{"requests_per_minute": 1}"#),
    ("two-at-once", r#"{"concurrent_requests": 2}"#),
    ("roomy", r#"{"requests_per_minute": 1000, "tokens_per_minute": 1000000}"#),
    ("one-cent", r#"{"budget": {"usd": 0.01, "per": "total"}}"#),
    ("a-dollar", r#"{"budget": {"usd": 1, "per": "month"}}"#),
    ("load-dollar", r#"{"budget": {"usd": 1, "per": "total"}}"#),
    ("ledgered", r#"{"budget": {"usd": 100, "per": "total"}}"#),
    ("warned", r#"{"budget": {"usd": 0.000001, "per": "day", "warn_at": 0, "hard": false}}"#),
];

/// A day long past, and the tenant that asked three times on it.
pub const ROLLED: (&str, &str) = ("2026-01-02", "rolled");

/// How many tenants are at their limits at once.
pub const BUSY: usize = 50;

/// The `number`th of these.
pub fn busy(number: usize) -> String {
    format!("busy-{number:02}")
}

/// The secret the gateway shows to providers; callers never see it.
pub const PROVIDER_KEY: &str = "sk-provider-secret-of-32-bytes-or-more";

/// The virtual key of a tenant.
pub fn key(tenant: &str) -> String {
    format!("sk-sluice-{tenant}")
}

/// The seed file's content.
pub fn seed() -> Value {
    let mut kv = Map::new();
    let mut put = |key: String, value: &Value| kv.insert(key, value.to_string().into());
    for tenant in TENANTS {
        put(format!("tenant/{tenant}"), &json!({ "id": tenant }));
        put(store_key(&key(tenant)), &json!({ "id": format!("key_{tenant}"), "tenant": tenant }));
    }
    for (tenant, limits) in LIMITED {
        let limits: Value = serde_json::from_str(limits).expect("limits are JSON");
        put(format!("tenant/{tenant}"), &json!({ "id": tenant, "limits": limits }));
        put(store_key(&key(tenant)), &json!({ "id": format!("key_{tenant}"), "tenant": tenant }));
    }
    for tenant in (0..BUSY).map(busy) {
        put(format!("tenant/{tenant}"), &json!({ "id": tenant, "limits": { "requests_per_minute": 3 } }));
        put(store_key(&key(&tenant)), &json!({ "id": format!("key_{tenant}"), "tenant": tenant }));
    }
    let (day, tenant) = ROLLED;
    put(format!("tenant/{tenant}"), &json!({ "id": tenant }));
    for (number, model) in ["m", "m", "other"].iter().enumerate() {
        let row = json!({ "id": format!("req_{number}"), "key": "key_1", "gen_ai.request.model": model,
            "usage": { "input_uncached": 10, "output_text": 5 }, "cost_nano_usd": 20_000 });
        put(format!("cost/{tenant}/{day}/{:013}-req_{number}", 1_767_312_000_000_u64), &row);
    }
    put("tenant/choosy".into(), &json!({ "id": "choosy", "providers": ["secondary"] }));
    put(store_key(&key("choosy")), &json!({ "id": "key_choosy", "tenant": "choosy" }));
    put("tenant/careful".into(), &json!({ "id": "careful", "guardrails": ["standard"] }));
    put(store_key(&key("careful")), &json!({ "id": "key_careful", "tenant": "careful" }));
    put(store_key(&key("disabled")), &json!({ "id": "key_disabled", "tenant": TENANT, "disabled": true }));
    put(store_key(&key("expired")), &json!({ "id": "key_expired", "tenant": TENANT, "expires_at": 1_000 }));
    put(store_key(&key("orphan")), &json!({ "id": "key_orphan", "tenant": "nobody" }));
    put("config/version/test".into(), &config(Mock::shared()));
    kv.insert("config/active".into(), "test".into());
    json!({ "kv": kv, "variables": { "SLUICE_ADMIN_KEY": ADMIN_KEY, "HOUSE_KEY": PROVIDER_KEY } })
}

fn store_key(key: &str) -> String {
    let digest: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("key/{digest}")
}

/// A model whose targets are told apart by examples; what is like none goes to the last.
fn by_example() -> Value {
    let code = ["Fix this Python function", "Write a unit test for my class", "Why does my loop crash?"];
    let travel = ["Find me a flight to Rome", "Which hotel is near the beach?", "Plan a trip to Japan"];
    let target = |model: &str, examples: &[&str]| json!({ "model": model, "examples": examples });
    let targets =
        [target("openai-mock/code", &code), target("openai-mock/travel", &travel), json!("openai-mock/rest")];
    json!({ "strategy": "semantic", "targets": targets, "retry": { "attempts": 1 } })
}

/// One configuration for all scenarios: prompts say what goes wrong, with `[[fault@primary …]]` and the like.
fn config(mock: &Mock) -> Value {
    let at = |format: &str, clauses: &str, path: &str| {
        let price = json!({ "input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75 });
        json!({
            "format": format,
            "base_url": mock.base_url(clauses, path),
            "api_key": "$HOUSE_KEY",
            "operations": ["embeddings", "rerank", "moderations", "images", "speech", "transcriptions"],
            "prices": { "m": price, "mock-embedding": { "input": 0.02, "output": 0 } },
        })
    };
    let provider = |format: &str, id: &str| at(format, &format!("id={id}"), "/v1");
    let once = json!({ "attempts": 1 });
    // Scenarios fail the same few targets over and over: no retry may be wanting, no breaker open.
    let quick = |attempts: u32| json!({ "attempts": attempts, "backoff": "10ms..2s", "budget": 10 });
    let watched = json!({
        "model": "primary/m", "timeout": "3s", "headers_timeout": "1500ms", "first_token_timeout": "2s",
        "idle_timeout": "1500ms",
    });
    let mut config = json!({
        "providers": {
            // Of their own, for scenarios that look at a target's health.
            "priced": provider("openai_chat", "priced"),
            "shaky": provider("openai_chat", "shaky"),
            "flaky": provider("openai_chat", "flaky"),
            "drainable": provider("openai_chat", "drainable"),
            "responses-mock": at("openai_responses", "id=responses", "/v1"),
            "gemini-mock": at("gemini", "id=gemini", "/v1beta"),
            "cohere-mock": at("cohere_chat", "id=cohere", "/v2"),
            "bedrock-mock": at("bedrock_converse", "id=bedrock", ""),
            "ollama-mock": at("ollama_chat", "id=ollama", ""),
            "workers-ai-mock": at("workers_ai", "id=workers-ai", "/client/v4/accounts/a/ai"),
            "workers-ai-bound": {
                "format": "workers_ai", "binding": "AI", "operations": ["embeddings"],
                "prices": { "@cf/meta/m": { "input": 3, "output": 15 }, "@cf/baai/bge": { "input": 0.02, "output": 0 } },
            },
            "openai-mock": provider("openai_chat", "openai"),
            "anthropic-mock": provider("anthropic_messages", "anthropic"),
            "primary": provider("openai_chat", "primary"),
            "primary-anthropic": provider("anthropic_messages", "primary"),
            "secondary": provider("openai_chat", "secondary"),
            "secondary-anthropic": provider("anthropic_messages", "secondary"),
            // Nothing listens on port 1.
            "nowhere": { "format": "openai_chat", "base_url": "http://127.0.0.1:1/v1", "api_key": "$HOUSE_KEY" },
            "keyless": { "format": "openai_chat", "base_url": mock.base_url("id=keyless", "/v1"), "api_key": "$XAI_API_KEY" },
        },
        "models": {
            "chat-openai": { "targets": ["openai-mock/m"], "retry": once },
            "chat-responses": { "targets": ["responses-mock/m"], "retry": once },
            "chat-gemini": { "targets": ["gemini-mock/m"], "retry": once },
            "chat-cohere": { "targets": ["cohere-mock/m"], "retry": once },
            "chat-bedrock": { "targets": ["bedrock-mock/m"], "retry": once },
            "chat-ollama": { "targets": ["ollama-mock/m"], "retry": once },
            "chat-workers-ai": { "targets": ["workers-ai-mock/m"], "retry": once },
            "chat-bound": { "targets": ["workers-ai-bound/@cf/meta/m"], "retry": once },
            "embed-bound": { "targets": ["workers-ai-bound/@cf/baai/bge"], "retry": once },
            "rerank": { "targets": ["cohere-mock/m"], "retry": once },
            "chat-anthropic": { "targets": ["anthropic-mock/m"], "retry": once },
            "unpriced": { "targets": ["openai-mock/unpriced"], "retry": once },
            "fallback": { "targets": ["primary/m", "secondary/m"], "retry": once },
            "fallback-crossing": { "targets": ["primary-anthropic/m", "secondary/m"], "retry": once },
            "fallback-anthropic": { "targets": ["primary-anthropic/m", "secondary-anthropic/m"], "retry": once },
            "last-resort": { "targets": ["primary/m", "builtin/extractive"], "retry": once },
            "persistent": { "targets": ["primary/m"], "retry": quick(3) },
            "persistent-fallback": { "targets": ["primary/m", "secondary/m"], "retry": quick(2) },
            "impatient": { "targets": [{ "model": "primary/m", "timeout": "600ms" }, "secondary/m"], "retry": once },
            "impatient-alone": { "targets": [{ "model": "primary/m", "timeout": "600ms" }], "retry": once },
            "eager": {
                "targets": [{ "model": "primary/m", "first_token_timeout": "500ms", "timeout": "10s" }, "secondary/m"],
                "retry": once,
            },
            "eager-anthropic": {
                "targets": [
                    { "model": "primary-anthropic/m", "first_token_timeout": "500ms", "timeout": "10s" },
                    "secondary/m",
                ],
                "retry": once,
            },
            "unreachable": { "targets": ["nowhere/m", "secondary/m"], "retry": once },
            "unreachable-alone": { "targets": ["nowhere/m"], "retry": once },
            "keyless": { "targets": ["keyless/m", "secondary/m"], "retry": once },
            "keyless-alone": { "targets": ["keyless/m"], "retry": once },
            "matrix": { "targets": [watched, "secondary/m"], "retry": once },
            "matrix-alone": { "targets": [watched], "retry": once },
            "by-cost": { "strategy": "least_cost", "targets": ["priced/unpriced", "priced/m"], "retry": once },
            "by-hardness": { "strategy": "complexity", "targets": ["primary/m", "secondary/m"], "retry": once },
            "arms": { "strategy": "split", "targets": ["primary/m", "secondary/m"], "retry": once },
            "raced": { "targets": ["primary/m", "secondary/m"], "hedge": { "after": "300ms" }, "retry": once },
            "copied": { "targets": ["primary/m"], "mirror": { "target": "secondary/m" }, "retry": once },
            "drained": { "targets": ["drainable/m", "secondary/m"], "retry": once },
            "guarded": {
                "targets": ["shaky/m", "secondary/m"],
                "breaker": { "failures": 2, "open": "1500ms" },
                "retry": once,
            },
            "guarded-by-all": {
                "targets": ["flaky/m", "secondary/m"],
                "breaker": { "failures": 2, "open": "2500ms", "shared": true },
                "retry": once,
            },
            "meant": { "targets": ["openai-mock/m"], "cache": { "mode": "semantic" }, "retry": once },
            "by-example": by_example(),
            "kept": { "targets": ["openai-mock/m"], "cache": { "mode": "exact" }, "retry": once },
            "embed": { "targets": ["openai-mock/mock-embedding"], "retry": once },
            "embed-fallback": { "targets": ["primary/mock-embedding", "secondary/mock-embedding"], "retry": once },
        },
        "limits": { "max_body": "1MB", "body_timeout": "2s" },
        "cors": { "origins": ["http://app.test", "http://localhost:5173"], "max_age": "1h" },
    });
    config["guardrails"] = json!({
        "standard": {
            "input": ["injection", { "pii": "redact" }, "secrets"],
            "tool_result": ["injection", { "pii": "redact" }],
        },
        "quiet": { "output": ["secrets"] },
        "trial": { "dry_run": true, "input": ["injection", { "pii": "redact" }] },
    });
    let moderator = |timeout: &str, on_error: &str| {
        json!({ "check": "hook", "hook": {
            "name": "moderator", "url": mock.base_url("id=moderator", "/v1/moderations"),
            "format": "openai_moderation", "model": "omni-moderation-latest", "api_key": "$HOUSE_KEY",
            "timeout": timeout, "on_error": on_error,
        } })
    };
    let webhook = |before: bool| {
        json!({ "check": "hook", "hook": {
            "url": mock.base_url("id=webhook", "/check"), "secret": "$HOUSE_KEY", "timeout": "10s", "before": before,
        } })
    };
    config["guardrails"]["moderated"] = json!({ "input": [moderator("10s", "closed")] });
    config["guardrails"]["moderated-closed"] = json!({ "input": [moderator("300ms", "closed")] });
    config["guardrails"]["moderated-open"] = json!({ "input": [moderator("300ms", "open")] });
    config["guardrails"]["asked-first"] = json!({ "input": [webhook(true)] });
    config["guardrails"]["asked-last"] = json!({ "output": [webhook(false)] });
    for (model, target, guardrail) in [
        ("guarded-openai", "openai-mock/m", "standard"),
        ("guarded-anthropic", "anthropic-mock/m", "standard"),
        ("talkative-openai", "openai-mock/m", "quiet"),
        ("talkative-anthropic", "anthropic-mock/m", "quiet"),
        ("tried", "openai-mock/m", "trial"),
        ("moderated", "openai-mock/m", "moderated"),
        ("moderated-closed", "openai-mock/m", "moderated-closed"),
        ("moderated-open", "openai-mock/m", "moderated-open"),
        ("asked-first", "openai-mock/m", "asked-first"),
        ("asked-last", "openai-mock/m", "asked-last"),
    ] {
        config["models"][model] =
            json!({ "targets": [target], "guardrails": [guardrail], "retry": { "attempts": 1 } });
    }
    for model in config["models"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if model.get("breaker").is_none() {
            model["breaker"] = json!({ "enabled": false });
        }
    }
    config
}
