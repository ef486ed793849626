//! SIP's sockets, and the thread that owns the exchange.
//!
//! One OS thread runs a single-threaded runtime. Its tasks read sockets, timers and the mailbox, lend the exchange what they have
//! (`core`) and never hold it across a wait. Deliberately ignorant of SIP: bytes go in, bytes come out.

mod core;
pub mod gate;
pub(crate) mod limits;
pub mod listen;
mod mailbox;
mod outbound;
mod streams;
mod tcp;
mod tls;
mod udp;
mod upgrade;
mod websocket;

pub use self::{
    core::StoreOrder,
    limits::STREAMS_MAX,
    mailbox::{Exchange, Unanswered},
    tls::Security,
};

use self::{core::Core, gate::Gate, listen::Opened, mailbox::Mailbox};
use crate::{
    clock,
    media::Plane,
    publish::{Publisher, trace::Tracer},
    resolve::Lookup,
    store::StoredBan,
};
use arc_swap::ArcSwap;
use signaling::{
    flow::ListenerId,
    input::{StoredBinding, StoredMessage},
    pbx::Pbx,
    settings::Settings,
};
use std::{future::pending, io, net::SocketAddr, rc::Rc, sync::Arc, thread::JoinHandle};
use tokio::{
    sync::{mpsc, oneshot},
    task::{LocalSet, spawn_local},
    time::{MissedTickBehavior, interval, sleep_until},
};

/// Everything the signaling thread is given when it starts.
pub struct Signaling {
    /// The configuration; its listeners are in the order of `sockets`.
    pub settings: Arc<Settings>,
    /// The seed of everything random in the exchange.
    pub seed: [u8; 32],
    /// The listening sockets.
    pub sockets: Vec<Opened>,
    /// How TLS is spoken, by connections made from now on; there when a socket is for it.
    pub tls: Option<Arc<ArcSwap<Security>>>,
    /// Pages that may connect by WebSocket; empty: all.
    pub origins: Arc<ArcSwap<Vec<String>>>,
    /// Streams at once.
    pub streams_max: usize,
    /// Who may send, and how much.
    pub rules: gate::Rules,
    /// The bans of before.
    pub bans: Vec<StoredBan>,
    /// The bindings of before.
    pub bindings: Vec<StoredBinding>,
    /// The messages that were kept before.
    pub messages: Vec<StoredMessage>,
    /// The media shards.
    pub plane: Plane,
    /// Where facts go.
    pub publisher: Publisher,
    /// Where messages and decisions go; `None`: nobody wants them.
    pub tracer: Option<Tracer>,
    /// Where questions to name servers go.
    pub lookups: mpsc::Sender<Lookup>,
    /// Where questions to the store go.
    pub store: mpsc::Sender<StoreOrder>,
    /// The core the thread is pinned to.
    pub pinned: Option<core_affinity::CoreId>,
}

/// The door of a signaling thread that is not running yet, so that shards and the store can be given it first.
#[must_use]
pub fn door() -> Exchange {
    Exchange { mailbox: Mailbox::new() }
}

/// Starts the signaling thread behind `door`; returns once the sockets are read.
///
/// # Errors
/// When the thread or its sockets cannot be set up.
pub fn spawn(door: &Exchange, signaling: Signaling) -> io::Result<JoinHandle<()>> {
    let mailbox = Arc::clone(&door.mailbox);
    let (ready, is_ready) = oneshot::channel();
    let thread = std::thread::Builder::new().name("signaling".to_owned()).spawn(move || {
        if let Some(core) = signaling.pinned {
            // An unpinned thread works as well, only less evenly.
            let _ = core_affinity::set_for_current(core);
        }
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().event_interval(31).build() {
            Ok(runtime) => runtime,
            Err(fault) => {
                let _ = ready.send(Err(fault));
                return;
            }
        };
        LocalSet::new().block_on(&runtime, run(mailbox, signaling, ready));
    })?;
    match is_ready.blocking_recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err(io::Error::other("the signaling thread ended before it was ready")),
    }
}

async fn run(mailbox: Arc<Mailbox>, signaling: Signaling, ready: oneshot::Sender<io::Result<()>>) {
    let Signaling {
        settings,
        seed,
        sockets,
        tls,
        origins,
        streams_max,
        rules,
        bans,
        bindings,
        messages,
        plane,
        publisher,
        tracer,
        lookups,
        store,
        pinned: _,
    } = signaling;
    let sockets =
        match sockets.into_iter().map(|opened| Socket::new(opened, tls.as_ref())).collect::<io::Result<Vec<_>>>() {
            Ok(sockets) => sockets,
            Err(fault) => {
                let _ = ready.send(Err(fault));
                return;
            }
        };
    let bound: Vec<SocketAddr> = settings.listeners.iter().map(|listener| listener.bound).collect();
    let datagrams = udp::Datagrams::new(sockets.iter().map(Socket::datagrams).collect());
    let streams = streams::Streams::new(bound, streams_max, tls);
    let mut pbx = Pbx::new(settings, seed);
    pbx.tell_decisions(tracer.is_some());
    let mut gate = Gate::new(rules);
    gate.restore(clock::now(), &bans);
    let core = Core::new((pbx, gate), datagrams, streams, plane, (publisher, tracer), lookups, store);
    core.tell_time();
    core.restore(bindings, messages);
    for (listener, socket) in (0..).map(ListenerId).zip(sockets) {
        let core = Rc::clone(&core);
        match socket {
            Socket::Udp(socket) => spawn_local(udp::serve(core, socket, listener)),
            Socket::Tcp(socket) => spawn_local(tcp::serve(core, socket, listener)),
            Socket::Tls(socket, tls) => spawn_local(tls::serve(core, socket, listener, tls)),
            Socket::Web(socket, tls) => {
                let door = websocket::Door { listener, tls, origins: Arc::clone(&origins) };
                spawn_local(websocket::serve(core, socket, door))
            }
        };
    }
    spawn_local(keep_time(Rc::clone(&core)));
    spawn_local(keep_checking(Rc::clone(&core)));
    let _ = ready.send(Ok(()));
    read_mail(&core, &mailbox).await;
}

enum Socket {
    Udp(Rc<tokio::net::UdpSocket>),
    Tcp(tokio::net::TcpListener),
    Tls(tokio::net::TcpListener, Arc<ArcSwap<Security>>),
    Web(tokio::net::TcpListener, Option<Arc<ArcSwap<Security>>>),
}

impl Socket {
    fn new(opened: Opened, tls: Option<&Arc<ArcSwap<Security>>>) -> io::Result<Self> {
        let secure = || tls.cloned().ok_or_else(|| io::Error::other("there is no certificate for TLS"));
        Ok(match opened {
            Opened::Udp(socket) => Self::Udp(Rc::new(tokio::net::UdpSocket::from_std(socket)?)),
            Opened::Tcp(socket) => Self::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Opened::Tls(socket) => Self::Tls(tokio::net::TcpListener::from_std(socket)?, secure()?),
            Opened::Ws(socket) => Self::Web(tokio::net::TcpListener::from_std(socket)?, None),
            Opened::Wss(socket) => Self::Web(tokio::net::TcpListener::from_std(socket)?, Some(secure()?)),
        })
    }

    fn datagrams(&self) -> Option<Rc<tokio::net::UdpSocket>> {
        match self {
            Self::Udp(socket) => Some(Rc::clone(socket)),
            Self::Tcp(_) | Self::Tls(..) | Self::Web(..) => None,
        }
    }
}

/// Letters and media events, until the order to leave.
async fn read_mail(core: &Rc<Core>, mailbox: &Mailbox) {
    while !mailbox.quits() {
        let mut taken = 0;
        while taken < limits::MESSAGES_PER_TURN {
            // The shards first: an answered call waits for them.
            if let Some(event) = core.media_event() {
                core.handle(signaling::input::Input::Media(event));
            } else if let Some(letter) = mailbox.take() {
                core.open(letter);
            } else {
                break;
            }
            taken += 1;
        }
        if taken < limits::MESSAGES_PER_TURN {
            mailbox.woken().await;
        } else {
            tokio::task::yield_now().await;
        }
    }
}

async fn keep_time(core: Rc<Core>) {
    loop {
        let deadline = core.arm();
        tokio::select! {
            () = async {
                match deadline {
                    Some(at) => sleep_until(clock::timer(at)).await,
                    None => pending().await,
                }
            } => core.tick(),
            () = core.deadline_moved.notified() => {}
        }
    }
}

async fn keep_checking(core: Rc<Core>) {
    let mut every = interval(limits::CHECK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        core.check();
        // A wall clock that was set is followed from the next check on.
        core.tell_time();
    }
}
