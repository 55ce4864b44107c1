//! One tenant's credentials never reach another's data.

use serde_json::json;
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;
use sluice_tests::seed::{self, ADMIN_KEY};

/// Every route of the operator's, with something of a tenant's in it where there can be.
const OPERATORS: &[(&str, &str)] = &[
    ("GET", "/admin/v1/tenants"),
    ("POST", "/admin/v1/tenants"),
    ("GET", "/admin/v1/tenants/test"),
    ("PATCH", "/admin/v1/tenants/test"),
    ("DELETE", "/admin/v1/tenants/test"),
    ("GET", "/admin/v1/tenants/test/keys"),
    ("POST", "/admin/v1/tenants/test/keys"),
    ("GET", "/admin/v1/tenants/test/keys/key_test"),
    ("DELETE", "/admin/v1/tenants/test/keys/key_test"),
    ("POST", "/admin/v1/tenants/test/keys/key_test/rotate"),
    ("POST", "/admin/v1/tenants/test/keys/key_test/revoke"),
    ("GET", "/admin/v1/tenants/test/budgets"),
    ("GET", "/admin/v1/usage"),
    ("GET", "/admin/v1/costs?tenant=test"),
    ("GET", "/admin/v1/audit"),
    ("POST", "/admin/v1/rollup"),
];

fn no_tenants_key_opens_the_operators_routes(gateway: &Gateway) {
    for tenant in seed::TENANTS.iter().chain(seed::LIMITED.iter().map(|(tenant, _)| tenant)) {
        for (method, path) in OPERATORS {
            let request =
                gateway.request(method, path).key(&seed::key(tenant)).json(&json!({"id": "intruder"}));
            request.send().expect(401);
        }
    }
    gateway.request("GET", "/admin/v1/tenants/intruder").key(ADMIN_KEY).send().expect(404);
}

fn naming_another_tenant_charges_oneself(gateway: &Gateway) {
    // Whatever a caller says of users, tags and headers, the key alone says who pays.
    let body = Protocol::Chat.ask("chat-openai", "hi", false);
    let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key("payer")).json(&body);
    let request = request.header("sluice-user", "../victim/").header("sluice-tags", "tenant=victim");
    request.header("sluice-visitor", "victim").header("sluice-tenant", "victim").send().expect(200);
    gateway.costs("payer", 1);
    gateway.costs("victim", 0);
}

fn a_key_finds_nothing_under_another_tenants_name(gateway: &Gateway) {
    // A tenant's id that tries to be a path is no tenant.
    for id in ["..", "test%2F..%2Fvictim", "victim/keys/../..", "~audit", "%7Eaudit"] {
        let path = format!("/admin/v1/tenants/{id}");
        let status = gateway.request("GET", &path).key(ADMIN_KEY).send().status;
        assert!([400, 404].contains(&status), "{path}: {status}");
    }
    let made =
        gateway.request("POST", "/admin/v1/tenants/victim/keys").key(ADMIN_KEY).send().expect(201).json();
    let key = made["id"].as_str().unwrap();
    // The same key's id under another tenant is not there.
    let path = format!("/admin/v1/tenants/payer/keys/{key}");
    gateway.request("GET", &path).key(ADMIN_KEY).send().expect(404);
    gateway.request("DELETE", &path).key(ADMIN_KEY).send().expect(404);
}

on_every_host!(
    no_tenants_key_opens_the_operators_routes,
    naming_another_tenant_charges_oneself,
    a_key_finds_nothing_under_another_tenants_name,
);
