//! A stop that loses nothing: no new calls, time for the running ones, then BYE and a record for each.

use super::serving::Signals;
use crate::{api::Api, clock, wire::Exchange};
use signaling::{
    effect::{Reply, StatusView},
    input::Command,
};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::time::{sleep, timeout};

/// How long the exchange has for each answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How often it is asked whether it is empty.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// After the last BYE: how long its answers and the shards' last reports are waited for. A phone that does not answer by then is not waited for.
const GOODBYE_MAX: Duration = Duration::from_secs(3);

/// Stops taking calls, waits for those that run, at most `patience` or until a second signal, and ends what is left.
pub(super) async fn drain(api: &Api, exchange: &Exchange, signals: &mut Signals, patience: Duration) {
    api.leaving.store(true, Ordering::Relaxed);
    let began = clock::now();
    let _ = exchange.ask(Command::Drain, ANSWER_WITHIN).await;
    let calls = status(exchange).await.map_or(0, |status| status.calls);
    tracing::info!(
        component = "boot",
        calls,
        patience_seconds = patience.as_secs(),
        "stopping: no new calls are taken"
    );
    tokio::select! {
        _ = timeout(patience, until(exchange, |status| status.calls == 0)) => {}
        () = signals.stop(|| tracing::warn!(component = "boot", "SIGHUP: nothing is read again while the exchange stops")) => tracing::warn!(component = "boot", "a second signal: the calls end now"),
    }
    let left = status(exchange).await.map_or(0, |status| status.calls);
    if left > 0 {
        tracing::warn!(component = "boot", calls = left, "calls are ended by BYE");
        let _ = exchange.ask(Command::HangUpAll, ANSWER_WITHIN).await;
    }
    let empty = |status: &StatusView| status.calls == 0 && status.sessions == 0 && status.queries == 0;
    if timeout(GOODBYE_MAX, until(exchange, empty)).await.is_err() {
        tracing::warn!(component = "boot", "not everything was returned in time");
    }
    if left > 0 {
        // The BYEs are under way; a moment more for their answers spares the phones a retransmission into nothing.
        let _ = timeout(Duration::from_millis(500), until(exchange, |status| status.dialogs == 0)).await;
    }
    tracing::info!(component = "boot", "drained in {:.1} s", (clock::now() - began).as_secs_f64());
}

async fn until(exchange: &Exchange, reached: impl Fn(&StatusView) -> bool) {
    loop {
        match status(exchange).await {
            Some(status) if !reached(&status) => sleep(ASK_EVERY).await,
            Some(_) | None => return,
        }
    }
}

async fn status(exchange: &Exchange) -> Option<StatusView> {
    match exchange.ask(Command::Status, ANSWER_WITHIN).await {
        Ok(Reply::Status(status)) => Some(status),
        Ok(_) | Err(_) => None,
    }
}
