//! Many at once: a thousand calls on one budget, fifty tenants at their limits, and the provider's own bill.

use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::gateway::Gateway;
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;
use sluice_tests::seed::{self, ADMIN_KEY};

/// Enough for a caller, so that a thousand of them are little.
const STACK: usize = 256 << 10;

/// Runs `count` callers that all start at once; what each returns, in their order.
fn at_once<T: Send>(count: usize, call: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..count)
            .map(|number| {
                let (start, call) = (&start, &call);
                let run = move || {
                    start.wait();
                    call(number)
                };
                thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).unwrap()
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    })
}

fn ask(gateway: &Gateway, tenant: &str, body: &Value) -> Answer {
    gateway.request("POST", "/v1/chat/completions").key(&seed::key(tenant)).json(body).send()
}

fn a_thousand_calls_at_once_on_a_dollar(gateway: &Gateway) {
    let id = gateway.unique("dollar");
    // Each reserves 400 tokens at $15 a million, 0.6 cents, and uses 300 of them: a dollar lets 166 in at once.
    let text = format!("hi [[id {id}]] [[tokens 300]]");
    let body =
        json!({"model": "chat-openai", "max_tokens": 400, "messages": [{"role": "user", "content": text}]});
    let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key("load-dollar")).json(&body);
    // A server's queue of connections may be shorter than a thousand: who is turned away there comes again. Had such a
    // request been let in all the same, the provider would have been asked more often than there are answers.
    let statuses = at_once(1_000, |_| {
        let mut tries = (0..100).map(|_| request.try_open());
        let answered =
            tries.find_map(|tried| tried.inspect_err(|_| thread::sleep(Duration::from_millis(50))).ok());
        answered.expect("a connection").rest().status
    });
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count() as u64;
    let granted = count(200);
    assert_eq!(granted + count(429), 1_000, "{statuses:?}");
    assert!(0 < granted);

    // The provider was asked for those that were let in and no other.
    assert_eq!(gateway.mock().settled_log(&id).len() as u64, granted);
    let sum = gateway.costs("load-dollar", granted);
    let spent = sum["cost_nano_usd"].as_u64().unwrap();
    assert_eq!(spent, charged(&gateway.mock().log(&id)).2, "{sum}");
    assert!(spent <= 1_000_000_000, "{spent} of 1,000,000,000 nano-dollars spent");
    assert!(150 < granted, "only {granted} were let in");
    let path = "/admin/v1/tenants/load-dollar/budgets";
    let standing = gateway.request("GET", path).key(ADMIN_KEY).send().expect(200).json();
    assert_eq!((&standing["data"][0]["used"], &standing["data"][0]["reserved"]), (&json!(spent), &json!(0)));
}

fn fifty_tenants_at_their_limits_leave_others_alone(gateway: &Gateway) {
    let id = gateway.unique("busy");
    let body = Protocol::Chat.ask("chat-openai", &format!("hi [[id {id}]]"), false);
    const EACH: usize = 6;
    const CALM: usize = 50;
    // Callers by turns of fifty-one: one of each busy tenant, one of the calm one.
    let answers = at_once(seed::BUSY * EACH + CALM, |number| {
        let tenant = number
            .checked_sub(CALM)
            .map_or_else(|| "calm".to_owned(), |number| seed::busy(number % seed::BUSY));
        let status = ask(gateway, &tenant, &body).status;
        (tenant, status)
    });
    let of = |tenant: &str, wanted: u16| {
        answers.iter().filter(|(of, status)| of == tenant && *status == wanted).count()
    };
    assert_eq!(of("calm", 200), CALM, "{answers:?}");
    for tenant in (0..seed::BUSY).map(seed::busy) {
        assert_eq!((of(&tenant, 200), of(&tenant, 429)), (3, EACH - 3), "{tenant}");
    }
    assert_eq!(gateway.mock().settled_log(&id).len(), seed::BUSY * 3 + CALM);
}

/// What the provider has answered to the end: requests, tokens and their price in nano-dollars by `tests/src/seed.rs`.
fn charged(log: &[Value]) -> (u64, u64, u64) {
    let whole = log.iter().filter(|entry| entry["status"] == 200 && entry["outcome"] == "finished");
    whole.fold((0, 0, 0), |(requests, tokens, price), entry| {
        let count = |name: &str| entry["usage"][name].as_u64().unwrap();
        let (input, cached, output) = (count("input"), count("cache_read"), count("output"));
        let cost = (input - cached) * 3_000 + cached * 300 + output * 15_000;
        (requests + 1, tokens + input + output, price + cost)
    })
}

/// Half of the requests fail at first, some for good; some callers hang up. What is left is what the provider charges.
fn the_log_adds_up_to_the_providers_bill(gateway: &Gateway) {
    // Rows of the one ride on its settlements, those of the other are written by the instance.
    for tenant in ["ledgered", "unledgered"] {
        let id = gateway.unique(tenant);
        let (failed, left) = (Mutex::new(0_u64), Mutex::new(0_u64));
        at_once(48, |number| {
            let stream = number % 2 == 0;
            let fault = match number % 6 {
                0 | 1 => String::new(),
                // The first attempt fails, the second target or the second try answers.
                2 | 3 => "[[fault@primary status=503]]".to_owned(),
                4 => format!("[[fault@primary id={id}-{number},times=1,reset]]"),
                _ => "[[fault status=500]]".to_owned(),
            };
            let text = format!("number {number} [[id {id}]] [[tokens {}]] {fault}", 20 + number);
            let model = if number % 6 == 4 { "persistent" } else { "fallback" };
            let mut body = Protocol::Chat.ask(model, &text, stream);
            body["max_tokens"] = json!(200);
            let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key(tenant)).json(&body);
            let answer = request.header("sluice-tags", "end=whole").send();
            if number % 6 == 5 {
                assert!(500 <= answer.status, "{}", answer.text());
                *failed.lock().unwrap() += 1;
            } else {
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        });
        at_once(6, |_| {
            let text = format!("[[id {id}-left]] [[tokens 400]] [[fault between=20]]");
            let mut body = Protocol::Chat.ask("fallback", &text, true);
            body["max_tokens"] = json!(500);
            let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key(tenant)).json(&body);
            let mut live = request.header("sluice-tags", "end=left").open();
            live.wait_for("w3");
            live.hang_up();
            *left.lock().unwrap() += 1;
        });
        let (failed, left) = (failed.into_inner().unwrap(), left.into_inner().unwrap());
        let log = gateway.mock().settled_log(&id);
        let (answered, tokens, price) = charged(&log);
        assert_eq!(answered + failed, 48);
        gateway.costs(tenant, 48 + left);

        let path = format!("/admin/v1/usage?tenant={tenant}&by=tag:end");
        let usage = gateway.request("GET", &path).key(ADMIN_KEY).send().expect(200).json();
        let of = |end: &str| {
            let data = usage["data"].as_array().unwrap();
            data.iter().find(|row| row["tag:end"] == end).unwrap()["sum"].clone()
        };
        let (whole, broken) = (of("whole"), of("left"));
        let number = |sum: &Value, name: &str| sum[name].as_u64().unwrap();
        assert_eq!((number(&whole, "requests"), number(&whole, "errors")), (48, failed), "{whole}");
        assert_eq!(number(&whole, "cost_nano_usd"), price, "{whole}");
        assert_eq!(number(&whole, "input_tokens") + number(&whole, "output_tokens"), tokens, "{whole}");
        // Every failed attempt is told: as many as the provider was asked beyond what it answered.
        assert_eq!(number(&whole, "failed_attempts"), log.len() as u64 - answered, "{whole}");
        // Who hangs up pays for what had come, by estimate, and the provider has seen each of them go.
        assert_eq!((number(&broken, "requests"), number(&broken, "estimated")), (left, left), "{broken}");
        let gone = gateway.mock().settled_log(&format!("{id}-left"));
        assert_eq!(gone.iter().filter(|entry| entry["outcome"] == "hung_up").count() as u64, left);
        let most = left * (charged_whole(&gone[0]) + 1);
        assert!((1..most).contains(&number(&broken, "cost_nano_usd")), "{broken}");
    }
}

/// What the provider would have charged for an answer to its end.
fn charged_whole(entry: &Value) -> u64 {
    let mut entry = entry.clone();
    entry["outcome"] = json!("finished");
    charged(&[entry]).2
}

on_every_host!(
    a_thousand_calls_at_once_on_a_dollar,
    fifty_tenants_at_their_limits_leave_others_alone,
    the_log_adds_up_to_the_providers_bill,
);
