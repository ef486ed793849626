//! A simulated telephone: its own small SIP, polite or rude as the swarm says.
//!
//! It reads and writes text ([`crate::text`]) and shares no line of protocol with `signaling`. It knows nothing of the network (bytes
//! come and go), of the clock (time is an argument) or of the exchange's inside. What it believes is what the reference compares.

mod ask;
mod call;
mod caller;
mod in_dialog;
mod registration;
mod reliable;
mod serve;
#[cfg(test)]
mod tests;
mod transfer;
mod watch;

pub(crate) use call::{Call, Stage};
pub(crate) use registration::Registration;

use crate::{
    digest::Challenge,
    rng::Rng,
    swarm::Manners,
    text::{self, Sip},
};
use ask::Ask;
use contract::Instant;
use core::{net::SocketAddr, time::Duration};
use serve::Served;
use signaling::flow::{ConnectionId, Transport};
use std::collections::BTreeMap;
use watch::Watch;

/// RFC 3261 section 17.1.1.1.
const T1_MS: u64 = 500;
/// RFC 3261 section 17.1.2.2.
const T2_MS: u64 = 4_000;
/// 64 times T1.
const LIFE_MS: u64 = 32_000;

/// What a phone does of its own will.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Register,
    Unregister,
    Dial(String),
    Options,
    Garbage,
    /// Whose dialogs, or presence, for so many seconds.
    Watch(String, &'static str, u32),
    /// It restarts and has forgotten everything.
    Vanish,
}

/// What a phone reminds itself of; stale ones are ignored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Timer {
    /// Timers A and E.
    Resend {
        key: AskKey,
        interval_ms: u64,
    },
    /// Timers B and F.
    AskOver {
        key: AskKey,
    },
    /// The user picks up, or does not.
    Decide {
        call: u32,
    },
    /// RFC 3261 section 13.3.1.4.
    Repeat2xx {
        call: u32,
        cseq: u32,
        interval_ms: u64,
    },
    /// Timer G.
    RepeatFinal {
        key: AskKey,
        interval_ms: u64,
    },
    /// A late ACK.
    Acknowledge {
        call: u32,
    },
    GiveUp {
        call: u32,
    },
    HangUp {
        call: u32,
    },
    Modify {
        call: u32,
        how: Modification,
    },
    Refer {
        call: u32,
    },
    /// A session that this phone promised to refresh.
    RefreshSession {
        call: u32,
    },
    /// A reliable response that is not acknowledged, RFC 3262 section 3.
    RepeatProgress {
        call: u32,
        interval_ms: u64,
    },
    Refresh {
        generation: u32,
    },
    KeepAlive,
    /// A subscription is given up or prolonged.
    WatchOn {
        watch: u32,
    },
}

/// What is changed in mid-call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Modification {
    Hold,
    Resume,
    HoldByUpdate,
    ResumeByUpdate,
    /// A re-INVITE without an offer.
    Offerless,
    Info,
}

/// Branch and method.
pub(crate) type AskKey = (String, String);

/// What a phone wants done.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) sends: Vec<Vec<u8>>,
    pub(crate) timers: Vec<(Duration, Timer)>,
}

impl Out {
    fn after(&mut self, ms: u64, timer: Timer) {
        self.timers.push((Duration::from_millis(ms), timer));
    }
}

/// What is fixed for a phone's life.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) number: String,
    pub(crate) auth_user: String,
    pub(crate) password: String,
    pub(crate) domain: String,
    /// The address the phone believes to have; behind a NAT not the one others see.
    pub(crate) home: SocketAddr,
    pub(crate) transport: Transport,
    /// Numbers it knows to call and to redirect to.
    pub(crate) others: Vec<String>,
    pub(crate) formats: Vec<u8>,
}

/// A telephone.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) identity: Identity,
    pub(crate) manners: Manners,
    pub(crate) beat: Duration,
    pub(crate) talk_max: Duration,
    /// The user takes less than this to decide about a ringing call.
    pub(crate) rings_ms: u64,
    rng: Rng,
    /// For what was added later, so that it does not shift the draws of what was there before.
    own_rng: Rng,
    challenge: Option<Challenge>,
    pub(crate) registration: Registration,
    asks: BTreeMap<AskKey, Ask>,
    served: BTreeMap<AskKey, Served>,
    pub(crate) calls: BTreeMap<u32, Call>,
    calls_made: u32,
    pub(crate) watches: BTreeMap<u32, Watch>,
    watches_made: u32,
    /// How often it asked again for what it had just been told.
    stormed: u32,
    /// What of a message has come, by stream.
    inboxes: BTreeMap<ConnectionId, Vec<u8>>,
    /// What the exchange did against the rules, as seen here.
    pub(crate) complaints: Vec<String>,
    /// Calls answered at this end or for this end, for the report.
    pub(crate) answered: u64,
}

impl Phone {
    pub(crate) fn new(identity: Identity, manners: Manners, beat: Duration, talk_max: Duration, mut rng: Rng) -> Self {
        let own_rng = rng.clone().fork();
        let registration = Registration::new(&mut rng);
        Self {
            identity,
            manners,
            beat,
            talk_max,
            rings_ms: 9_000,
            rng,
            own_rng,
            challenge: None,
            registration,
            asks: BTreeMap::new(),
            served: BTreeMap::new(),
            calls: BTreeMap::new(),
            calls_made: 0,
            watches: BTreeMap::new(),
            watches_made: 0,
            stormed: 0,
            inboxes: BTreeMap::new(),
            complaints: Vec::new(),
            answered: 0,
        }
    }

    /// The Contact URI.
    pub(crate) fn contact(&self) -> String {
        match self.identity.transport {
            Transport::Udp => format!("sip:{}@{}", self.identity.number, self.identity.home),
            other @ (Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss) => {
                format!("sip:{}@{};transport={}", self.identity.number, self.identity.home, other.uri_parameter())
            }
        }
    }

    fn via(&self, branch: &str) -> String {
        let Identity { home, transport, .. } = &self.identity;
        format!("Via: SIP/2.0/{} {home};branch={branch};rport", transport.token())
    }

    /// A datagram, or the next piece of a stream.
    pub(crate) fn receive(&mut self, now: Instant, stream: Option<ConnectionId>, bytes: &[u8], out: &mut Out) {
        let Some(stream) = stream else { return self.receive_message(now, bytes, out) };
        self.inboxes.entry(stream).or_default().extend_from_slice(bytes);
        while let Some(message) = self.inboxes.get_mut(&stream).and_then(text::unframe) {
            self.receive_message(now, &message, out);
        }
    }

    /// A stream is gone, and with it the half of a message.
    pub(crate) fn stream_lost(&mut self, stream: ConnectionId) {
        self.inboxes.remove(&stream);
    }

    fn receive_message(&mut self, now: Instant, bytes: &[u8], out: &mut Out) {
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) {
            return;
        }
        let Some(message) = Sip::parse(bytes) else {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.complaints.push(format!("unreadable message: {text}"));
            return;
        };
        if message.status().is_some() {
            self.on_response(now, &message, out);
        } else {
            self.on_request(now, &message, out);
        }
    }

    /// The phone does something of its own will.
    pub(crate) fn act(&mut self, now: Instant, act: &Act, out: &mut Out) {
        match act {
            Act::Register => self.register(now, None, out),
            Act::Unregister => self.register(now, Some(0), out),
            Act::Dial(number) => self.dial(now, number, out),
            Act::Options => self.options(now, out),
            Act::Garbage => {
                let garbage = self.garbage();
                out.sends.push(garbage);
            }
            Act::Watch(number, package, expires_s) => {
                self.plan_watch(out);
                self.watch(number, package, *expires_s, out);
            }
            Act::Vanish => self.vanish(now, out),
        }
    }

    /// A reminder is due.
    pub(crate) fn fire(&mut self, now: Instant, timer: Timer, out: &mut Out) {
        match timer {
            Timer::Resend { key, interval_ms } => self.resend(&key, interval_ms, out),
            Timer::AskOver { key } => self.ask_over(now, &key, out),
            Timer::Decide { call } => self.decide(now, call, out),
            Timer::Repeat2xx { call, cseq, interval_ms } => self.repeat_2xx(now, call, cseq, interval_ms, out),
            Timer::RepeatFinal { key, interval_ms } => self.repeat_final(&key, interval_ms, out),
            Timer::Acknowledge { call } => self.acknowledge(call, out),
            Timer::GiveUp { call } => self.give_up(now, call, out),
            Timer::HangUp { call } => self.hang_up(now, call, out),
            Timer::Modify { call, how } => self.modify(now, call, how, out),
            Timer::Refer { call } => self.refer(now, call, out),
            Timer::RefreshSession { call } => self.refresh_session(now, call, out),
            Timer::RepeatProgress { call, interval_ms } => self.repeat_progress(now, call, interval_ms, out),
            Timer::Refresh { generation } => {
                if self.registration.generation == generation {
                    self.register(now, None, out);
                }
            }
            Timer::WatchOn { watch } => self.watch_on(watch, out),
            Timer::KeepAlive => {
                out.sends.push(b"\r\n\r\n".to_vec());
                out.after(25_000, Timer::KeepAlive);
            }
        }
    }

    fn vanish(&mut self, now: Instant, out: &mut Out) {
        self.asks.clear();
        self.served.clear();
        self.calls.clear();
        self.watches.clear();
        self.challenge = None;
        self.inboxes.clear();
        self.registration = Registration::new(&mut self.rng);
        self.register(now, None, out);
    }

    /// Every call known here is hung up politely, as when a user puts everything down.
    pub(crate) fn hang_up_everything(&mut self, now: Instant, out: &mut Out) {
        let calls: Vec<u32> = self.calls.keys().copied().collect();
        for call in calls {
            self.give_up(now, call, out);
            self.hang_up(now, call, out);
        }
    }

    /// The delay in milliseconds after which an act of about `ms` from now falls on the beat.
    fn on_beat(&self, now: Instant, ms: u64) -> u64 {
        let beat = u64::try_from(self.beat.as_millis()).unwrap_or(1).max(1);
        let then = now.as_nanos() / 1_000_000 + ms;
        then.div_ceil(beat) * beat - now.as_nanos() / 1_000_000
    }

    /// Whether the phone has a call up or in the making, and lives.
    pub(crate) fn up_calls(&self) -> impl Iterator<Item = (u32, &Call)> {
        self.calls.iter().filter(|(_, c)| c.is_up()).map(|(id, c)| (*id, c))
    }
}

const fn next_interval(interval_ms: u64) -> u64 {
    if interval_ms * 2 < T2_MS { interval_ms * 2 } else { T2_MS }
}
