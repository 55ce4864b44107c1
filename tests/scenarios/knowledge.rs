//! Files and stores in OpenAI's shape: from an upload to what is found in it, and away again.

use serde_json::{Value, json};
use sluice_tests::documents::Documents;
use sluice_tests::gateway::Gateway;
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::seed;

const HANDBOOK: &str = "# Travel\n\nA trip by train is booked by the office.\n\n# Leave\n\nEverybody has thirty days of \
                        holiday a year, and ten more for a wedding.\n";

const STATIC: &str = "builtin/static";

fn ask(gateway: &Gateway, tenant: &str, method: &str, path: &str, body: &Value) -> Answer {
    let request = gateway.request(method, path).key(&seed::key(tenant));
    if body.is_null() { request.send() } else { request.json(body).send() }
}

fn a_file_goes_away_with_all_that_was_made_of_it(gateway: &Gateway) {
    let tenant = seed::TENANT;
    let documents = Documents::of(gateway, tenant);
    let (store, file) = (documents.store(STATIC), documents.upload("handbook.md", HANDBOOK.as_bytes()));
    documents.attach(&store, &file);
    assert_eq!(documents.settled(&store, &file, || {})["status"], "completed");
    let content = ask(gateway, tenant, "GET", &format!("/v1/files/{file}/content"), &Value::Null).expect(200);
    assert_eq!(content.text(), HANDBOOK);
    let found = documents.search(&store, "How many days of holiday are there?");
    assert!(found.first().is_some_and(|text| text.contains("thirty days")), "{found:?}");
    let path = format!("/v1/vector_stores/{store}/files?limit=1&order=asc&filter=completed");
    let listed = ask(gateway, tenant, "GET", &path, &Value::Null).expect(200).json();
    assert_eq!((&listed["data"][0]["id"], &listed["has_more"]), (&json!(file), &json!(false)));
    let shown = ask(gateway, tenant, "GET", &format!("/v1/vector_stores/{store}"), &Value::Null);
    assert_eq!(shown.expect(200).json()["file_counts"]["completed"], 1);

    let gone = ask(gateway, tenant, "DELETE", &format!("/v1/files/{file}"), &Value::Null).expect(200).json();
    assert_eq!(gone, json!({"id": file, "object": "file", "deleted": true}));
    assert!(documents.search(&store, "holiday").is_empty());
    for path in [
        format!("/v1/files/{file}"),
        format!("/v1/files/{file}/content"),
        format!("/v1/vector_stores/{store}/files/{file}"),
    ] {
        ask(gateway, tenant, "GET", &path, &Value::Null).expect(404);
    }
    let gone = ask(gateway, tenant, "DELETE", &format!("/v1/vector_stores/{store}"), &Value::Null);
    assert_eq!(gone.expect(200).json()["object"], "vector_store.deleted");
    let body = json!({"query": "holiday"});
    ask(gateway, tenant, "POST", &format!("/v1/vector_stores/{store}/search"), &body).expect(404);
}

fn two_tenants_with_the_same_file_do_not_see_each_other(gateway: &Gateway) {
    let (one, other) = (Documents::of(gateway, "shelf-one"), Documents::of(gateway, "shelf-two"));
    let mut made = Vec::new();
    for documents in [&one, &other] {
        let (store, file) = (documents.store(STATIC), documents.upload("handbook.md", HANDBOOK.as_bytes()));
        documents.attach(&store, &file);
        assert_eq!(documents.settled(&store, &file, || {})["status"], "completed");
        made.push((store, file));
    }
    let [(own_store, own_file), (store, file)] = &made[..] else { panic!("two stores were made") };
    assert_ne!(own_file, file);
    for (method, path) in [
        ("GET", format!("/v1/files/{file}")),
        ("GET", format!("/v1/files/{file}/content")),
        ("DELETE", format!("/v1/files/{file}")),
        ("GET", format!("/v1/vector_stores/{store}")),
        ("DELETE", format!("/v1/vector_stores/{store}")),
        ("GET", format!("/v1/vector_stores/{store}/files")),
        ("GET", format!("/v1/vector_stores/{store}/files/{file}/content")),
        ("DELETE", format!("/v1/vector_stores/{own_store}/files/{file}")),
    ] {
        ask(gateway, "shelf-one", method, &path, &Value::Null).expect(404);
    }
    let body = json!({"query": "holiday"});
    ask(gateway, "shelf-one", "POST", &format!("/v1/vector_stores/{store}/search"), &body).expect(404);
    let body = json!({"file_id": file});
    ask(gateway, "shelf-one", "POST", &format!("/v1/vector_stores/{own_store}/files"), &body).expect(404);
    ask(gateway, "shelf-one", "DELETE", &format!("/v1/files/{own_file}"), &Value::Null).expect(200);
    assert!(!other.search(store, "holiday").is_empty());
}

fn what_cannot_be_read_says_why(gateway: &Gateway) {
    let documents = Documents::of(gateway, seed::TENANT);
    let store = documents.store(STATIC);
    let cases: [(&str, &[u8], &str); 3] = [
        ("empty.txt", b"", "invalid_file"),
        ("broken.pdf", b"%PDF-1.7\n1 0 obj\n<<", "invalid_file"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "unsupported_file"),
    ];
    for (name, bytes, code) in cases {
        let file = documents.upload(name, bytes);
        documents.attach(&store, &file);
        let member = documents.settled(&store, &file, || {});
        assert_eq!(
            (&member["status"], &member["last_error"]["code"]),
            (&json!("failed"), &json!(code)),
            "{member}"
        );
        assert!(
            member["last_error"]["message"].as_str().is_some_and(|message| 10 < message.len()),
            "{member}"
        );
    }
}

fn a_large_document_goes_in_whole(gateway: &Gateway) {
    let documents = Documents::of(gateway, seed::TENANT);
    let text: String = (0..40_000)
        .map(|number| format!("Paragraph {number} is about subject{} and no other.\n\n", number % 977))
        .collect();
    let (store, file) = (documents.store(STATIC), documents.upload("large.txt", text.as_bytes()));
    documents.attach(&store, &file);
    let member = documents.settled(&store, &file, || {});
    assert_eq!(member["status"], "completed", "{member}");
    assert_eq!(member["sluice"]["chunks"], member["sluice"]["chunks_done"]);
    let found = documents.search(&store, "subject976");
    assert!(found.first().is_some_and(|text| text.contains("subject976")), "{found:?}");
}

on_every_host!(
    a_file_goes_away_with_all_that_was_made_of_it,
    two_tenants_with_the_same_file_do_not_see_each_other,
    what_cannot_be_read_says_why,
    a_large_document_goes_in_whole,
);
