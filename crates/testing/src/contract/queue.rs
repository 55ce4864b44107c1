//! What the gateway's own queue must keep on every host.

use std::time::Duration;

use futures::future::join_all;
use sluice_core::{
    gateway::queue,
    knowledge::message::Dead,
    port::{Clock, Counters},
};

/// Hidden for longer than the contract takes, and for a moment, in milliseconds.
const LONG: u64 = 600_000;
const SHORT: u64 = 50;

async fn taken(counters: &impl Counters, most: u32, hidden: u64) -> Vec<queue::Taken> {
    match queue::ask(counters, queue::Call::Take { most, hidden }).await.unwrap() {
        queue::Answer::Taken(taken) => taken,
        other => panic!("not messages: {other:?}"),
    }
}

/// The gateway's own queue hides what is taken, brings back what nobody speaks of again, counts how often, and forgets
/// what is done with; however many take at once, each gets others.
///
/// # Panics
///
/// If the contract is broken, or something is in the queue beforehand.
pub async fn the_own_queue_loses_nothing(host: &(impl Counters + Clock)) {
    let messages = (0..20).map(|number| format!("message {number}")).collect();
    queue::ask(host, queue::Call::Put { messages, delay: 0 }).await.unwrap();
    let late = queue::Call::Put { messages: vec!["late".to_owned()], delay: LONG };
    queue::ask(host, late).await.unwrap();
    let all = join_all((0..5).map(|_| taken(host, 4, LONG))).await.concat();
    let mut texts: Vec<&String> = all.iter().map(|one| &one.message).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 20);
    assert!(all.iter().all(|one| one.attempts == 1));
    assert_eq!(taken(host, 10, LONG).await, Vec::new(), "what is taken is hidden");
    let (done, rest) = all.split_at(10);
    queue::ask(host, queue::Call::Done(receipts(done))).await.unwrap();
    let back = queue::Call::Back { receipt: rest[0].receipt.clone(), delay: 0 };
    queue::ask(host, back).await.unwrap();
    let again = taken(host, 10, SHORT).await;
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].message, again[0].attempts), (&rest[0].message, 2));
    host.sleep(Duration::from_millis(SHORT * 2)).await;
    let lapsed = taken(host, 10, LONG).await;
    assert_eq!(lapsed.len(), 1, "nobody spoke of it again");
    assert_eq!((&lapsed[0].message, lapsed[0].attempts), (&rest[0].message, 3));
    // Its earlier receipts are good no more: it is done with by whoever has it now.
    let kept = queue::Call::Keep { receipt: again[0].receipt.clone(), hidden: LONG };
    assert_eq!(queue::ask(host, kept).await.unwrap(), queue::Answer::Kept(None));
    queue::ask(host, queue::Call::Done(receipts(&again))).await.unwrap();
    let back = queue::Call::Back { receipt: lapsed[0].receipt.clone(), delay: 0 };
    queue::ask(host, back).await.unwrap();
    let last = taken(host, 10, LONG).await;
    assert_eq!(last.len(), 1);
    queue::ask(host, queue::Call::Done([receipts(&rest[1..]), receipts(&last)].concat())).await.unwrap();
    assert_eq!(taken(host, 10, LONG).await, Vec::new());
}

/// Of a document there is one dead letter, that of its last death: who forgets an earlier one leaves it.
///
/// # Panics
///
/// If the contract is broken, or there are dead letters beforehand.
pub async fn a_later_death_is_not_forgotten(host: &impl Counters) {
    for died_at in [1, 2] {
        let [id, message, reason] = ["document", "note", "unreadable"].map(str::to_owned);
        let dead = Dead { id, message, reason, attempts: 1, died_at };
        queue::ask(host, queue::Call::Bury(dead)).await.unwrap();
    }
    for (died_at, left) in [(1, vec![2]), (2, vec![])] {
        let forget = queue::Call::Forget { id: "document".to_owned(), died_at };
        queue::ask(host, forget).await.unwrap();
        let all = queue::Call::Dead { after: String::new(), most: 10 };
        let queue::Answer::Dead(dead) = queue::ask(host, all).await.unwrap() else { panic!("no letters") };
        assert_eq!(dead.iter().map(|dead| dead.died_at).collect::<Vec<_>>(), left);
    }
}

fn receipts(taken: &[queue::Taken]) -> Vec<String> {
    taken.iter().map(|one| one.receipt.clone()).collect()
}
