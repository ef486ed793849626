//! Calls between pairs of phones: the even phone calls the odd one after it, they talk, one hangs up.
//!
//! RFC 3261 sections 13 (INVITE), 15 (BYE), 12 (dialogs). Both ends are watched: a call is complete only when both have
//! ended as planned.

mod callee;
mod caller;

pub(super) use caller::Final;

use super::{Pace, Station, Timer};
use crate::{
    clock, figures,
    limits::{CALLS_AT_ONCE_MAX, CALLS_MAX},
    message,
    stream::{StreamSpec, Streams},
    tone::{Law, Tone},
};
use anyhow::{Result, bail};
use core::{net::SocketAddr, time::Duration};
use rsip::{Method, Request, Uri};
use std::time::Instant;

/// Between the last packet said and the BYE: what is under way must arrive, so that a loss is a loss.
const QUIET_TIME: Duration = Duration::from_millis(200);

/// A call must be over this long after its end began.
const END_TIME_MAX: Duration = Duration::from_secs(34);

/// How to call.
#[derive(Clone, Copy, Debug)]
pub struct Calling {
    /// Calls to place.
    pub count: usize,
    /// Calls a second.
    pub rate: f64,
    /// How long both talk; `None`: until [`Station::hang_up`].
    pub talk: Option<Duration>,
    /// How long the callee lets it ring.
    pub ring: Duration,
    /// The first so many calls have RTP.
    pub with_rtp: usize,
    /// The last call with RTP has a silent callee, whose caller must notice.
    pub control: bool,
}

/// Whose ear a stream belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EarFor {
    /// The caller's.
    Caller,
    /// The callee's.
    Callee,
}

/// What both ends of a dialog agreed on, as one end writes it.
#[derive(Debug)]
struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: Uri,
    cseq: u32,
}

#[derive(Debug)]
enum CallerLeg {
    Inviting { call_id: String, from: String, cseq: u32 },
    Up { dialog: Box<Dialog>, ack: Vec<u8> },
    Leaving,
    Over,
}

#[derive(Debug)]
enum CalleeLeg {
    Waiting,
    Ringing { invite: Box<Request> },
    Answered { dialog: Box<Dialog>, ok: Vec<u8>, again: Duration, give_up: Instant },
    Up { dialog: Box<Dialog> },
    Leaving,
    Over,
}

/// One call with both its ends.
#[derive(Debug)]
pub(super) struct Call {
    pair: usize,
    began: Instant,
    rang: bool,
    answered_at: Option<Instant>,
    talk: Option<Duration>,
    ring: Duration,
    rtp: Option<Rtp>,
    caller: CallerLeg,
    callee: CalleeLeg,
    ending: bool,
    fault: Option<String>,
    over: bool,
}

/// The audio of a call.
#[derive(Clone, Copy, Debug)]
struct Rtp {
    /// The call's number; names its streams and its tones.
    index: usize,
    callee_silent: bool,
}

impl Station {
    /// Places the calls. Returns when all are over, or, without a talk time, when all are up or have failed.
    ///
    /// # Errors
    /// When a limit is passed or the socket fails.
    pub fn place(&mut self, wanted: &Calling, streams: Option<&Streams>) -> Result<()> {
        if wanted.count > CALLS_MAX {
            bail!("{} calls; the limit is {CALLS_MAX}", wanted.count);
        }
        if self.pairs.len() > CALLS_AT_ONCE_MAX || self.pairs.is_empty() {
            bail!("{} pairs of phones; allowed are 1 to {CALLS_AT_ONCE_MAX}", self.pairs.len());
        }
        if wanted.talk.is_none() && wanted.count > self.pairs.len() {
            bail!("{} calls at once need {} phones", wanted.count, wanted.count * 2);
        }
        let began = clock::now();
        let pace = Pace { began, rate: Some(wanted.rate) };
        let end = began + self.site.patience;
        let mut started = 0;
        loop {
            let settled = if wanted.talk.is_some() { self.running == 0 } else { self.running == self.up };
            if started == wanted.count && settled {
                return Ok(());
            }
            let now = clock::now();
            if now >= end {
                return self.abandon(streams);
            }
            let due = pace.due(now).min(wanted.count);
            while started < due {
                let Some(pair) = self.free_pairs.pop_front() else {
                    self.tally.postponed += 1;
                    break;
                };
                self.start_call(pair, started, wanted, streams, now)?;
                started += 1;
            }
            let wake = if started < wanted.count { pace.next(started, now) } else { now + Duration::from_millis(50) };
            self.turn(wake.min(end), streams)?;
        }
    }

    /// Ends all calls that are up, `rate` a second, and waits until they are over.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn hang_up(&mut self, rate: f64, streams: Option<&Streams>) -> Result<()> {
        let began = clock::now();
        let mut nth = 0_u32;
        for call in 0..self.calls.len() {
            if !self.calls[call].over {
                self.arm(began + Duration::from_secs_f64(f64::from(nth) / rate), Timer::HangUp(call));
                nth += 1;
            }
        }
        let end = began + self.site.patience;
        while self.running > 0 {
            let now = clock::now();
            if now >= end {
                return self.abandon(streams);
            }
            self.turn((now + Duration::from_millis(50)).min(end), streams)?;
        }
        Ok(())
    }

    /// The address each party of the call with RTP `index` signals, and the tones they say.
    fn audio_of(rtp: Rtp, streams: &Streams, ear: EarFor) -> (SocketAddr, usize, u32, u32, Tone, Tone) {
        let (caller, callee) = Tone::pair(rtp.index);
        let first = (rtp.index * 2) as u32;
        let (id, partner, own, other) =
            if ear == EarFor::Caller { (first, first + 1, caller, callee) } else { (first + 1, first, callee, caller) };
        let socket = id as usize % streams.addresses().len();
        (streams.addresses()[socket], socket, id, partner, own, other)
    }

    /// Where a party wants its audio: its stream's socket, or any socket for a call without RTP.
    fn rtp_address(&self, call: usize, streams: Option<&Streams>, ear: EarFor) -> SocketAddr {
        match (self.calls[call].rtp, streams) {
            (Some(rtp), Some(streams)) => Self::audio_of(rtp, streams, ear).0,
            (None, Some(streams)) => streams.addresses()[call % streams.addresses().len()],
            // Nobody listens there; the discard port says so (RFC 863).
            (_, None) => SocketAddr::new(self.local.ip(), 9),
        }
    }

    fn open_stream(
        &self,
        call: usize,
        to: SocketAddr,
        law: Law,
        ear: EarFor,
        speaking: bool,
        streams: Option<&Streams>,
    ) -> Result<()> {
        let (Some(rtp), Some(streams)) = (self.calls[call].rtp, streams) else { return Ok(()) };
        let (_, socket, id, partner, own, hears) = Self::audio_of(rtp, streams, ear);
        let silent = rtp.callee_silent && ear == EarFor::Callee;
        let says = (!silent).then_some(own);
        streams.open(StreamSpec { id, partner, socket, to, says, own, hears, law, speaking })
    }

    /// Talk time is over: both fall silent, then one says BYE.
    pub(super) fn begin_hang_up(&mut self, call: usize, now: Instant, streams: Option<&Streams>) -> Result<()> {
        let state = &mut self.calls[call];
        if state.over || state.ending {
            return Ok(());
        }
        state.ending = true;
        if let (Some(rtp), Some(streams)) = (state.rtp, streams) {
            let first = (rtp.index * 2) as u32;
            streams.quiet(first)?;
            streams.quiet(first + 1)?;
            self.arm(now + QUIET_TIME, Timer::Bye(call));
        } else {
            self.bye(call, now, streams)?;
        }
        self.arm(now + END_TIME_MAX, Timer::Overdue(call));
        Ok(())
    }

    /// BYE from the caller, every second call from the callee.
    pub(super) fn bye(&mut self, call: usize, now: Instant, streams: Option<&Streams>) -> Result<()> {
        self.close_streams(call, streams)?;
        if call.is_multiple_of(2) { self.caller_bye(call, now) } else { self.callee_bye(call, now) }
    }

    fn close_streams(&self, call: usize, streams: Option<&Streams>) -> Result<()> {
        if let (Some(rtp), Some(streams)) = (self.calls[call].rtp, streams) {
            let first = (rtp.index * 2) as u32;
            streams.close(first)?;
            streams.close(first + 1)?;
        }
        Ok(())
    }

    fn bye_request(&self, dialog: &Dialog, id: u64) -> Vec<u8> {
        message::request(&message::Asked {
            method: Method::Bye,
            uri: &dialog.target,
            local: self.local,
            transaction: id,
            from: &dialog.local,
            to: &dialog.remote,
            call_id: &dialog.call_id,
            cseq: dialog.cseq + 1,
            contact: None,
            authorization: None,
            extra: &[],
            sdp: None,
        })
    }

    /// One leg has ended; with both the call is over.
    pub(super) fn leg_over(
        &mut self,
        call: usize,
        caller: bool,
        fault: Option<&str>,
        streams: Option<&Streams>,
    ) -> Result<()> {
        let state = &mut self.calls[call];
        if state.over {
            return Ok(());
        }
        if let Some(fault) = fault {
            state.fault.get_or_insert_with(|| fault.to_owned());
        }
        if caller {
            if matches!(state.caller, CallerLeg::Up { .. }) {
                self.up -= 1;
            }
            self.calls[call].caller = CallerLeg::Over;
        } else {
            state.callee = CalleeLeg::Over;
        }
        let state = &self.calls[call];
        if matches!(state.caller, CallerLeg::Over) && matches!(state.callee, CalleeLeg::Over) {
            self.call_over(call, streams)?;
        }
        Ok(())
    }

    /// The books of one call are closed.
    fn call_over(&mut self, call: usize, streams: Option<&Streams>) -> Result<()> {
        self.close_streams(call, streams)?;
        let state = &mut self.calls[call];
        state.over = true;
        self.running -= 1;
        self.pairs[state.pair] = None;
        self.free_pairs.push_back(state.pair);
        if let Some(fault) = state.fault.take() {
            *self.tally.session_failures.entry(fault).or_default() += 1;
        } else {
            self.tally.completed += 1;
            if let Some(answered) = state.answered_at {
                figures::note(&mut self.tally.session_duration, clock::now() - answered);
            }
        }
        Ok(())
    }

    /// An end that never came.
    pub(super) fn overdue(&mut self, call: usize, streams: Option<&Streams>) -> Result<()> {
        if self.calls[call].over {
            return Ok(());
        }
        self.leg_over(call, true, Some("one side never learned of the end"), streams)?;
        self.leg_over(call, false, None, streams)
    }

    /// Time is up: what runs has failed.
    fn abandon(&mut self, streams: Option<&Streams>) -> Result<()> {
        for call in 0..self.calls.len() {
            if !self.calls[call].over {
                self.leg_over(call, true, Some("not finished in time"), streams)?;
                self.leg_over(call, false, None, streams)?;
            }
        }
        Ok(())
    }
}
