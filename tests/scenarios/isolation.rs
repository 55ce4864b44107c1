//! One tenant's credentials never reach another's data.

use serde_json::json;
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;
use sluice_tests::seed::{self, ADMIN_KEY};

fn no_tenants_key_opens_the_operators_routes(gateway: &Gateway) {
    // Every one that is described, and a unit test has the description whole; with something of a tenant's in it.
    let described = gateway.request("GET", "/openapi.json").send().expect(200).json();
    let paths = described["paths"].as_object().unwrap();
    let tenants = || seed::TENANTS.iter().chain(seed::LIMITED.iter().map(|(tenant, _)| tenant));
    let mut asked = 0;
    for (path, item) in paths.iter().filter(|(path, _)| path.starts_with("/admin/")) {
        let path = path.replace("{tenant}", seed::TENANT).replace("{key}", "key_test");
        let path = path.replace("{target}", "drainable/m");
        for method in item.as_object().unwrap().keys().filter(|name| *name != "parameters") {
            for tenant in tenants() {
                let request = gateway.request(&method.to_uppercase(), &path).key(&seed::key(tenant));
                request.json(&json!({"id": "intruder"})).send().expect(401);
            }
            asked += 1;
        }
    }
    assert!(20 < asked, "{asked}");
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

fn a_stored_response_is_its_tenants(gateway: &Gateway) {
    let send = |tenant: &str, method: &str, path: &str, body: Option<serde_json::Value>| {
        let request = gateway.request(method, path).key(&seed::key(tenant));
        match body {
            Some(body) => request.json(&body).send(),
            None => request.send(),
        }
    };
    let body = json!({"model": "chat-openai", "input": "a secret of owner's", "store": true});
    let made = send("owner", "POST", "/v1/responses", Some(body)).expect(200).json();
    let id = made["id"].as_str().unwrap();
    let (path, items) = (format!("/v1/responses/{id}"), format!("/v1/responses/{id}/input_items"));
    for (method, path) in [("GET", &path), ("GET", &items), ("DELETE", &path)] {
        let answer = send("stranger", method, path, None).expect(404);
        assert!(!answer.text().contains("a secret"), "{}", answer.text());
    }
    let on = json!({"model": "chat-openai", "input": "go on [[messages]]", "previous_response_id": id});
    let refused = send("stranger", "POST", "/v1/responses", Some(on));
    assert!([400, 404].contains(&refused.status), "{}", refused.status);
    assert!(send("owner", "GET", &items, None).expect(200).text().contains("a secret"));
}

fn users_and_tags_of_one_name_are_counted_by_tenant(gateway: &Gateway) {
    // Two tenants that call their users and tags the same.
    let limits = json!({"rates": [{"requests": 1, "per": "1h", "of": "user"}],
        "budgets": [{"requests": 1, "per": "total", "tag": "team=x"}]});
    let make = |name: &str| {
        let id = gateway.unique(name);
        let body = json!({"id": id, "limits": limits});
        gateway.request("POST", "/admin/v1/tenants").key(ADMIN_KEY).json(&body).send().expect(201);
        let path = format!("/admin/v1/tenants/{id}/keys");
        let key = gateway.request("POST", &path).key(ADMIN_KEY).send().expect(201).json();
        (id, key["key"].as_str().unwrap().to_owned())
    };
    let ((first, first_key), (second, second_key)) = (make("one"), make("two"));
    let ask = |key: &str| {
        let body = Protocol::Chat.ask("chat-openai", "hi", false);
        let request = gateway.request("POST", "/v1/chat/completions").key(key).json(&body);
        request.header("sluice-user", "ann").header("sluice-tags", "team=x").send().status
    };
    assert_eq!([ask(&first_key), ask(&first_key), ask(&second_key)], [200, 429, 200]);
    for tenant in [&first, &second] {
        gateway.costs(tenant, 1);
        let path = format!("/admin/v1/tenants/{tenant}/budgets?user=ann&tag=team%3Dx");
        let standing = gateway.request("GET", &path).key(ADMIN_KEY).send().expect(200).json();
        let used: Vec<_> = standing["data"].as_array().unwrap().iter().map(|one| &one["used"]).collect();
        assert_eq!(used, [&json!(1), &json!(1)], "{standing}");
        let path = format!("/admin/v1/usage?tenant={tenant}&by=tenant,user,tag:team");
        let usage = gateway.request("GET", &path).key(ADMIN_KEY).send().expect(200).json();
        assert_eq!((usage["data"].as_array().unwrap().len(), &usage["sum"]["requests"]), (1, &json!(1)));
        assert_eq!(usage["data"][0]["tenant"], json!(tenant));
    }
}

on_every_host!(
    a_stored_response_is_its_tenants,
    users_and_tags_of_one_name_are_counted_by_tenant,
    no_tenants_key_opens_the_operators_routes,
    naming_another_tenant_charges_oneself,
    a_key_finds_nothing_under_another_tenants_name,
);
