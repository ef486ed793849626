//! One party of a call: how far its signaling is, its dialog, and its last agreed description.

use super::{
    describe::View,
    reliable::Reliably,
    seed::Seed,
    timer::{SessionTimer, Wish},
};
use crate::{
    dialog::{Course, Dialog},
    fact::Protection,
    id::CallId,
    message::Uri,
    settings::Trunk,
    transaction::{ClientId, ServerId},
};
use contract::{Digit, DtlsRole, IceCredentials, Instant, MemberId};
use core::{fmt, time::Duration};
use std::sync::Arc;

/// How far a leg's signaling is.
#[derive(Clone, Debug)]
pub enum Signal {
    /// The party asked us; it has no final answer yet.
    Invited {
        /// Its INVITE.
        server: ServerId,
    },
    /// The party shall be asked once its ports are open.
    Opening(Box<Target>),
    /// Our INVITE is out.
    Inviting {
        /// It.
        client: ClientId,
        /// A provisional response came.
        rang: bool,
    },
    /// Our CANCEL is out; the INVITE's final answer is awaited.
    Cancelling {
        /// The INVITE.
        client: ClientId,
    },
    /// The dialog is confirmed.
    Confirmed,
    /// Nothing is left of it.
    Gone,
}

/// Where a leg's INVITE is to go.
#[derive(Clone, Debug)]
pub struct Target {
    /// Request-URI.
    pub uri: String,
    /// Route, of a Path (RFC 3327).
    pub routes: Vec<String>,
    /// Which way.
    pub course: Course,
}

impl Target {
    /// Whether the phone is reached by IPv6, as far as that can be told: by the flow if it is taken, else by the address in the URI.
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        let uri = Uri::parse(self.uri.as_bytes()).ok();
        let named = uri.and_then(|uri| uri.host()).and_then(|host| host.ip()).map(|ip| ip.is_ipv6());
        let flow = self.course.flow().map(|flow| flow.remote.is_ipv6());
        let (first, second) = if self.course.is_sticky() { (flow, named) } else { (named, flow) };
        first.or(second).unwrap_or(false)
    }
}

/// One party of a call.
#[derive(Clone, Debug)]
pub struct Leg {
    /// Number within the call; also its member's in the media session.
    pub number: u16,
    /// The party's number.
    pub party: Box<str>,
    /// The trunk it is reached by, or called by.
    pub trunk: Option<Arc<Trunk>>,
    /// Where it is reached, or where it called from.
    pub contact: Box<str>,
    /// Its User-Agent or Server header.
    pub user_agent: Box<str>,
    /// How far it is.
    pub signal: Signal,
    /// Its dialog, from the first INVITE until BYE.
    pub dialog: Option<Dialog>,
    /// What it and we told each other about media.
    pub talk: Talk,
    /// It takes UPDATE (RFC 3311 section 4: it says so in Allow).
    pub allows_update: bool,
    /// It takes INFO (RFC 6086: it says so in Allow).
    pub allows_info: bool,
    /// Whether its INVITE takes provisional responses that are acknowledged.
    pub reliably: Reliably,
    /// The last reliable response of each early dialog of our INVITE to it, by tag (RFC 3262 section 4).
    pub progress: Vec<(Box<str>, u32)>,
    /// One of those held a description.
    pub described_early: bool,
    /// What is agreed about the life of its session (RFC 4028).
    pub timer: Option<SessionTimer>,
    /// What its request that is being answered says of that.
    pub wish: Option<Wish>,
    /// The least interval that it, or a proxy before it, takes.
    pub interval_min: Option<Duration>,
    /// The call it was taken over from.
    pub came_from: Option<CallId>,
    /// The call it went on in.
    pub went_to: Option<CallId>,
    /// The last key pressed at it.
    pub pressed: Option<Pressed>,
    /// Its media source is learned rather than believed.
    pub behind_nat: bool,
    /// It is a browser.
    pub web: bool,
    /// How its media is protected, once there are keys.
    pub protection: Option<Protection>,
    /// When all its packets stopped, and how many had come by then.
    pub silent: Option<Silent>,
    /// When it began.
    pub started_at: Instant,
    /// When it was answered.
    pub answered_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// The last status of its INVITE.
    pub status: u16,
}

/// A party that sends nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Silent {
    /// When that was reported.
    pub since: Instant,
    /// Packets that had come when it was measured first afterwards.
    pub packets: Option<u64>,
}

/// A key that was pressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pressed {
    /// Which.
    pub digit: Digit,
    /// When it was told.
    pub at: Instant,
    /// By INFO rather than by the media plane.
    pub by_info: bool,
}

/// What a party and we told each other about media. Our description holds keys and does not print itself.
#[derive(Clone)]
pub struct Talk {
    /// Session id of our `o=` line towards the party.
    pub session: u64,
    /// Its version; one more with every description that differs from the last.
    pub version: u64,
    /// Our last description.
    pub sent: Option<Box<[u8]>>,
    /// The party's last agreed description.
    pub remote: Option<View>,
    /// From which our keys and credentials are made.
    pub seed: Seed,
    /// How often the connectivity checks began anew.
    pub restarts: u32,
    /// The party's credentials in the checks that ours belong to.
    pub checked: Option<Box<IceCredentials>>,
    /// Our part in the DTLS handshake.
    pub role: Option<DtlsRole>,
}

impl Talk {
    /// Nothing is told yet.
    #[must_use]
    pub const fn new(session: u64, seed: Seed) -> Self {
        Self { session, version: 0, sent: None, remote: None, seed, restarts: 0, checked: None, role: None }
    }
}

impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, version, remote, .. } = self;
        let talk = &mut f.debug_struct("Talk");
        talk.field("session", session).field("version", version).field("remote", remote).finish_non_exhaustive()
    }
}

impl Leg {
    /// A leg that begins.
    #[must_use]
    pub fn new(number: u16, party: &str, signal: Signal, now: Instant, talk: Talk) -> Self {
        Self {
            number,
            party: party.into(),
            trunk: None,
            contact: Box::default(),
            user_agent: Box::default(),
            signal,
            dialog: None,
            talk,
            allows_update: false,
            allows_info: false,
            reliably: Reliably::No,
            progress: Vec::new(),
            described_early: false,
            timer: None,
            wish: None,
            interval_min: None,
            came_from: None,
            went_to: None,
            pressed: None,
            behind_nat: false,
            web: false,
            protection: None,
            silent: None,
            started_at: now,
            answered_at: None,
            ended_at: None,
            status: 0,
        }
    }

    /// Its member in the media session.
    #[must_use]
    pub const fn member(&self) -> MemberId {
        MemberId(self.number)
    }

    /// Whether it may still answer: asked or about to be asked, and not given up.
    #[must_use]
    pub const fn is_hoped_for(&self) -> bool {
        matches!(self.signal, Signal::Opening(_) | Signal::Inviting { .. })
    }

    /// Whether its dialog is confirmed.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        matches!(self.signal, Signal::Confirmed)
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self.signal, Signal::Gone)
    }

    /// Heap octets held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let target = match &self.signal {
            Signal::Opening(target) => size_of::<Target>() + target.uri.capacity(),
            Signal::Invited { .. }
            | Signal::Inviting { .. }
            | Signal::Cancelling { .. }
            | Signal::Confirmed
            | Signal::Gone => 0,
        };
        self.party.len()
            + self.contact.len()
            + self.user_agent.len()
            + self.dialog.as_ref().map_or(0, Dialog::heap_bytes)
            + self.talk.sent.as_ref().map_or(0, |sent| sent.len())
            + self.talk.remote.as_ref().map_or(0, View::heap_bytes)
            + self.progress.iter().map(|(tag, _)| tag.len()).sum::<usize>()
            + self.progress.capacity() * size_of::<(Box<str>, u32)>()
            + target
    }
}
