//! The exchange of a test, with a few accounts, and what it says of itself.

use crate::namespace::EXCHANGE;
use loadtest::{
    clock,
    configuration::Configuration,
    exchange::{BALANCED, Exchange},
};
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

/// RFC 3261 table 4: nothing of a finished call is left after this.
const LAST_TIMER: Duration = Duration::from_secs(45);

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the exchange with four accounts (1000 to 1003); unanswered calls ring for `ring_seconds`.
pub(crate) fn open(ring_seconds: u32) -> Exchange {
    open_with(ring_seconds, "")
}

/// The same with sections `trunks`, `routes` and `dids`.
pub(crate) fn open_with(ring_seconds: u32, outside: &str) -> Exchange {
    let binary = Path::new(env!("CARGO_BIN_EXE_ironbell"));
    Exchange::start(binary, None, |data| {
        let local = Configuration::local(IpAddr::V4(EXCHANGE), 4, data.to_owned())?;
        Ok(Configuration {
            sip: SocketAddr::from((EXCHANGE, 5060)),
            digest: vec!["md5".into()],
            ring_seconds: Some(ring_seconds),
            outside: outside.to_owned(),
            ..local
        })
    })
    .expect("the exchange starts")
}

/// Waits until `count` phones are registered.
pub(crate) fn wait_for_registrations(exchange: &Exchange, count: u32) {
    wait(
        || exchange.metrics().expect("metrics").get("ironbell_registrations").is_some_and(|n| *n == f64::from(count)),
        || format!("{count} phones are not registered:\n{}", exchange.log_end()),
    );
}

/// Waits until there is a record of one call, which must say `disposition`.
pub(crate) fn wait_for_record(exchange: &Exchange, disposition: &str) {
    wait(|| !dispositions(exchange).is_empty(), || "there is no call record".into());
    assert_eq!(dispositions(exchange), [disposition]);
}

fn wait(mut done: impl FnMut() -> bool, otherwise: impl FnOnce() -> String) {
    let until = clock::now() + PATIENCE;
    while !done() {
        if clock::now() > until {
            panic!("{}", otherwise());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Closes it: no call and no media are left, no invariant was violated, it ends with success.
pub(crate) fn close(exchange: Exchange) {
    let left = || {
        let metrics = exchange.metrics().expect("metrics");
        let of_calls = BALANCED.iter().filter(|gauge| **gauge != "ironbell_transactions_active");
        let left: Vec<_> = of_calls.filter(|gauge| metrics.get(**gauge) != Some(&0.0)).collect();
        format!("{left:?}")
    };
    wait(|| left() == "[]", || format!("something was not returned: {}\n{}", left(), exchange.log_end()));
    let metrics = exchange.metrics().expect("metrics");
    let violations = metrics.iter().filter(|(name, _)| name.starts_with("ironbell_invariant_violations_total"));
    assert_eq!(violations.map(|(_, count)| count).sum::<f64>(), 0.0, "{}", exchange.log_end());
    exchange.stop().expect("a clean end");
}

/// Closes it after the last transaction timer, when nothing at all may be left.
pub(crate) fn close_after_the_last_timer(exchange: Exchange) {
    let gauges = exchange.settle(LAST_TIMER).expect("metrics");
    let balanced = gauges.values().all(|value| *value == 0.0);
    assert!(balanced, "something was not returned: {gauges:?}\n{}", exchange.log_end());
    close(exchange);
}

/// Dispositions of all call records, newest first.
pub(crate) fn dispositions(exchange: &Exchange) -> Vec<String> {
    let page = exchange.get("/api/cdr").expect("call records");
    let page: serde_json::Value = serde_json::from_str(&page).expect("JSON");
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|item| item["disposition"].as_str().expect("a disposition").to_owned()).collect()
}
