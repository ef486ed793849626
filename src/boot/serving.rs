//! The time between ready and stop: signals, the watch over the parts, the store's queue.

use super::{Running, drain};
use crate::{
    api,
    media::library::{Folders, Sounds},
    publish::{Kept, shards::SAMPLE_EVERY},
    reload::Reloads,
    store::Store,
    wire::{Exchange, StoreOrder},
};
use anyhow::{Context as _, Result, bail};
use sd_notify::NotifyState;
use signaling::{
    effect::{Ask, Reply},
    fact::Fact,
    input::Command,
};
use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};
use tokio::{
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// How long the exchange has for the watchdog's question.
const WATCH_WITHIN: Duration = Duration::from_secs(5);

/// Samples in a row at rest with media left over before that is called a leak.
const LEFT_OVER_SAMPLES: u32 = 5;

/// The signals that mean something.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Until the process is asked to stop.
    pub(super) async fn stop(&mut self, mut reload: impl FnMut()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => reload(),
            }
        }
    }
}

impl Running {
    /// Serves until stopped.
    pub(super) fn serve(self) -> Result<()> {
        let Self {
            services,
            signaling,
            exchange,
            api,
            http,
            journal,
            trace,
            store,
            shards,
            reloads,
            recordings,
            drain,
            _data_dir,
            _log,
        } = self;
        let outcome = services.block_on(async {
            let mut signals = Signals::new().context("signals cannot be waited for")?;
            let (stop_http, http_stopped) = tokio::sync::oneshot::channel::<()>();
            let router = api::router(Arc::clone(&api));
            let http = tokio::spawn(api::serve(http, router, async {
                let _ = http_stopped.await;
            }));
            // Not under systemd this does nothing.
            let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status("ready")]);
            let watch = watch(&api);
            let alive = async {
                while !signaling.is_finished() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            };
            tokio::select! {
                () = signals.stop(|| reload(services.handle(), &reloads)) => {}
                () = watch => {}
                () = alive => bail!("the signaling thread has ended; the process ends so that its supervisor starts it anew"),
            }
            let _ = sd_notify::notify(&[NotifyState::Stopping]);
            let patience = drain.unwrap_or_else(|| reloads.running().server.drain);
            drain::drain(&api, &exchange, &mut signals, patience).await;
            exchange.quit();
            // The thread returns between two messages.
            while !signaling.is_finished() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            drop(shards);
            recordings.finish().await;
            journal.finish().await;
            if let Some(trace) = trace {
                let _ = tokio::task::spawn_blocking(|| trace.finish()).await;
            }
            drop(store);
            let _ = stop_http.send(());
            // A client that reads slowly does not hold up the end.
            let _ = tokio::time::timeout(Duration::from_secs(1), http).await;
            Ok(())
        });
        tracing::info!(component = "boot", "stopped");
        services.shutdown_timeout(Duration::from_secs(1));
        outcome
    }
}

/// Reads prompts and music without waiting for them, from other folders than before if they are named. Until they are read, players say a beep.
pub(super) fn read_sounds(services: &Handle, sounds: &Arc<Sounds>, folders: Option<Folders>) {
    let sounds = Arc::clone(sounds);
    services.spawn_blocking(move || {
        if let Some(folders) = folders {
            sounds.move_to(folders);
        }
        for warning in sounds.scan() {
            tracing::warn!(component = "media", "{warning}");
        }
        let library = sounds.library();
        tracing::info!(component = "media", sounds = library.len(), octets = library.octets(), "sounds are read");
    });
}

/// What SIGHUP does: the configuration, certificates, prompts and music are read again. systemd is told that it is going on, and that it is over whatever came
/// of it, because the exchange runs on in either case.
fn reload(services: &Handle, reloads: &Arc<Reloads>) {
    let reloads = Arc::clone(reloads);
    services.spawn(async move {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            let _ = sd_notify::notify(&[NotifyState::Reloading, now]);
        }
        let status = match reloads.reload("SIGHUP").await {
            Ok(applied) => {
                applied.number.map_or_else(|| "ready".to_owned(), |number| format!("ready, configuration {number}"))
            }
            Err(refused) => format!("ready; {refused}"),
        };
        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    });
}

/// Takes the shards' rates, tells the watchdog that the exchange answers, and looks whether what was opened is returned.
async fn watch(api: &api::Api) {
    let mut every = interval(SAMPLE_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watched = sd_notify::watchdog_enabled().is_some();
    let mut left_over = 0;
    loop {
        every.tick().await;
        api.shards.sample();
        let Ok(Reply::Status(status)) = api.exchange.ask(Command::Status, WATCH_WITHIN).await else {
            tracing::error!(component = "boot", "the exchange does not answer");
            continue;
        };
        if watched {
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
        // What is created is counted and returned: without calls and sessions in signaling the shards hold none.
        let at_rest = status.calls == 0 && status.sessions == 0;
        left_over = if at_rest && api.shards.sessions() > 0 { left_over + 1 } else { 0 };
        if left_over == LEFT_OVER_SAMPLES {
            tracing::error!(
                component = "boot",
                sessions = api.shards.sessions(),
                "media sessions are left over; this is a defect of the exchange"
            );
            api.metrics.observe(&Fact::InvariantViolated { invariant: "balance" });
        }
    }
}

/// Writes bans, each in its order. What the store does not take is in force until the exchange ends.
pub(super) async fn keep_bans(store: Store, mut bans: mpsc::Receiver<Kept>) {
    while let Some((source, ban)) = bans.recv().await {
        if store.keep_ban(source, ban).await.is_err() {
            tracing::warn!(component = "gate", %source, "the store did not take a ban: a restart will not know of it");
        }
    }
}

/// Writes what the exchange wants stored, many at once, each account's in its order, and tells it what became of it.
pub(super) async fn write_for_exchange(store: Store, exchange: Exchange, mut orders: mpsc::Receiver<StoreOrder>) {
    // As many as the exchange has questions open, which it bounds.
    let mut writes = JoinSet::new();
    while let Some(StoreOrder { query, ask }) = orders.recv().await {
        let (store, exchange) = (store.clone(), exchange.clone());
        let mut write = Box::pin(async move {
            let outcome = match ask {
                Ask::SaveBindings { number, bindings } => store.save_bindings(number, bindings).await,
                Ask::KeepMessage(message) => store.keep_message(message).await,
                Ask::ForgetMessage { id } => store.forget_message(id).await,
            };
            exchange.stored(query, outcome);
        });
        // The first poll puts the write into the store's queue, in the order of the orders; only the wait for its commit is done aside.
        let first = poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await;
        if first.is_pending() {
            writes.spawn(write);
        }
        while writes.try_join_next().is_some() {}
    }
    while writes.join_next().await.is_some() {}
}
