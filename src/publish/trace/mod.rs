//! The trace: every SIP message and every decision of calls, in a bounded ring on disk and on the way to HOMER.
//!
//! The signaling thread hands each turn of the exchange, input and effects as they are, to a queue and goes on ([`Tracer`]). A thread of its own (`keeper`)
//! reads the messages, masks their secrets (`mask`), words the decisions (`words`), appends records (`record`) to files (`ring`) and sends packets (`hep`).
//! Who asks for a call reads the files ([`Traces`], `gather`) and shows what is found as a ladder, as text, as a capture file or as a scenario of the
//! simulator. A full queue, a full disk and a HOMER that is away are counted and cost a part of the trace, never a call.

mod counts;
mod gather;
mod hep;
mod keeper;
mod known;
mod ladder;
mod mask;
pub mod pcap;
mod record;
mod ring;
pub mod scenario;
mod turn;
mod words;

pub use self::{
    gather::{Leg, Trace, Wanted},
    ladder::{ladder, text},
    record::{Content, Note, Passed, Record, Stamp},
    scenario::Stage,
};

use self::{
    counts::{Counts, Figures},
    hep::Exporter,
    keeper::{Keeper, Order, Writer},
    ring::{Bounds, Ring},
    turn::{Came, Turn, Went},
};
use crate::config;
use bytes::Bytes;
use contract::{Instant, MediaCommand, MediaEvent};
use crossbeam::channel::{Sender, TrySendError, bounded};
use jiff::Timestamp;
use prometheus::core::Collector;
use signaling::{
    fact::{Decision, Fact},
    flow::Flow,
    input::Input,
};
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio::runtime::Handle;

/// Turns on the way to the keeper: those of some seconds of a busy exchange. One more is dropped and counted.
const TURNS_MAX: usize = 16_384;

/// Effects of one turn that are told; of a turn that ends every call at once the rest is left out.
const EFFECTS_MAX: usize = 65_536;

/// Shorter inputs are keep-alives, RFC 5626 section 4.4.1.
const KEEP_ALIVE_MAX: usize = 4;

/// How long who asks waits for the keeper to write what it has. What is not written by then is not in the answer.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// How long the end of the process waits for the keeper.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// The signaling thread's end: takes turns, never waits.
pub struct Tracer {
    turns: Sender<Turn>,
    counts: Arc<Counts>,
    turn: Option<Turn>,
}

impl Tracer {
    /// A turn begins.
    pub fn begin(&mut self, at: Instant, input: &Input<'_>) {
        let came = match input {
            Input::Received { flow, bytes } if bytes.len() > KEEP_ALIVE_MAX => {
                Came::Bytes { flow: *flow, bytes: (*bytes).into() }
            }
            Input::FlowOpened { connection } => Came::Opened(*connection),
            Input::FlowLost { connection, why } => Came::Lost(*connection, *why),
            // Figures of running legs are many, and the last of them come with the leg's end.
            Input::Media(MediaEvent::LegMeasured { .. }) => Came::Other,
            Input::Media(event) => Came::Media(Box::new(event.clone())),
            Input::Received { .. }
            | Input::Resolved { .. }
            | Input::Stored { .. }
            | Input::Restored(_)
            | Input::RestoredMessages(_)
            | Input::MailboxChanged { .. }
            | Input::Asked { .. }
            | Input::Configured(_)
            | Input::ClockRead(_)
            | Input::Tick => Came::Other,
        };
        self.turn = Some(Turn { at, came, went: Vec::new() });
    }

    /// Bytes went out.
    pub fn sent(&mut self, flow: Flow, bytes: Bytes) {
        if bytes.len() > KEEP_ALIVE_MAX {
            self.went(Went::Bytes { flow, bytes });
        }
    }

    /// A stream is closed by us.
    pub fn closed(&mut self, connection: signaling::flow::ConnectionId) {
        self.went(Went::Closed(connection));
    }

    /// Something was decided.
    pub fn decided(&mut self, decision: Box<Decision>) {
        self.went(Went::Decided(decision));
    }

    /// A shard was told something.
    pub fn ordered(&mut self, command: &MediaCommand) {
        if let Some(order) = turn::Order::of(command) {
            self.went(Went::Ordered(command.session(), order));
        }
    }

    /// Something happened. What concerns no call, and what decisions say better, is not for the trace.
    pub fn fact(&mut self, fact: &Fact) {
        if matches!(
            fact,
            Fact::CallChanged { .. }
                | Fact::MediaRefused { .. }
                | Fact::QualityMissed { .. }
                | Fact::RecordingBegan(_)
                | Fact::RecordingChanged { .. }
                | Fact::RecordingEnded { .. }
        ) {
            self.went(Went::Fact(Box::new(fact.clone())));
        }
    }

    fn went(&mut self, went: Went) {
        if let Some(turn) = &mut self.turn
            && turn.went.len() < EFFECTS_MAX
        {
            turn.went.push(went);
        }
    }

    /// The turn is over.
    pub fn end(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        if matches!(turn.came, Came::Other) && turn.went.is_empty() {
            return;
        }
        let octets = turn.octets();
        if !self.counts.admit(octets) {
            return;
        }
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.turns.try_send(turn) {
            self.counts.refused(octets);
        }
    }
}

/// For who asks.
#[derive(Clone)]
pub struct Traces {
    dir: Option<PathBuf>,
    orders: Sender<Order>,
    stage: Arc<Stage>,
    /// One question at a time: each reads the whole ring.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl Traces {
    /// The trace of a call with everything until now; `None`: the ring holds nothing of it, or there is no ring.
    ///
    /// # Errors
    /// The ring cannot be read.
    pub async fn of(&self, wanted: Wanted) -> io::Result<Option<Trace>> {
        let Some(dir) = self.dir.clone() else { return Ok(None) };
        let _alone = self.asking.lock().await;
        let orders = self.orders.clone();
        let read = move || {
            let (done, is_done) = bounded(1);
            if orders.try_send(Order::Flush(done)).is_ok() {
                // A keeper that is late costs the last moments of the trace only.
                let _ = is_done.recv_timeout(FLUSH_WITHIN);
            }
            gather::gather(&dir, &wanted)
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|fault| Err(io::Error::other(fault)))
    }

    /// The exchange, for scenarios.
    #[must_use]
    pub fn stage(&self) -> &Stage {
        &self.stage
    }
}

/// The running trace.
pub struct Running {
    orders: Sender<Order>,
    thread: JoinHandle<()>,
    counts: Arc<Counts>,
}

impl Running {
    /// The figures, for who scrapes them.
    #[must_use]
    pub fn figures(&self) -> Box<dyn Collector> {
        Box::new(Figures(Arc::clone(&self.counts)))
    }

    /// Writes what is left, after nobody traces any more.
    pub fn finish(self) {
        let Self { orders, thread, .. } = self;
        if orders.send_timeout(Order::Stop, STOP_WITHIN).is_ok() {
            // It has but one queue to empty; were it stuck in a disk, the end of the process would not wait for it.
            let until = crate::clock::now() + STOP_WITHIN;
            while !thread.is_finished() && crate::clock::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Begins to trace as `settings` say; `None`: nothing is to be traced.
///
/// # Errors
/// The folder of the ring cannot be made, or the thread cannot be started.
pub fn start(
    settings: &config::Trace,
    data_dir: &Path,
    listeners: &[SocketAddr],
    stage: Stage,
    services: &Handle,
) -> io::Result<Option<(Tracer, Traces, Running)>> {
    if !settings.enabled && settings.hep.is_none() {
        return Ok(None);
    }
    let counts = Arc::new(Counts::new().map_err(io::Error::other)?);
    let dir = data_dir.join(&settings.dir);
    let run = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
    let ring = settings
        .enabled
        .then(|| Ring::open(Bounds { dir: dir.clone(), max_size: settings.max_size, keep: settings.keep }, run));
    let hep = settings.hep.as_ref().map(|hep| Exporter::new(hep, services, Arc::clone(&counts)));
    // A wildcard is no address that a capture could show.
    let listeners = listeners.iter().map(|bound| SocketAddr::new(config::local_address(bound.ip()), bound.port()));
    let writer = Writer::new(listeners.collect(), ring.transpose()?, hep, settings.message_bodies, Arc::clone(&counts));
    let (turns, turn_queue) = bounded(TURNS_MAX);
    let (orders, order_queue) = bounded(16);
    let keeper = Keeper { turns: turn_queue, orders: order_queue, writer };
    let thread = std::thread::Builder::new().name("trace".to_owned()).spawn(move || keeper.run())?;
    let tracer = Tracer { turns, counts: Arc::clone(&counts), turn: None };
    let traces = Traces {
        dir: settings.enabled.then_some(dir),
        orders: orders.clone(),
        stage: Arc::new(stage),
        asking: Arc::default(),
    };
    Ok(Some((tracer, traces, Running { orders, thread, counts })))
}
