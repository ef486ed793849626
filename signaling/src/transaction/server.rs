//! Server transactions: what is kept of each, and how [`Stack`] carries out a step of one.

use super::{
    Answer, ServerId, Stack,
    clock::{Clock, Due},
    machine::{Do, Timer, server_invite, server_other},
};
use crate::{
    effect::Effects,
    flow::Flow,
    transport::echo::{Echo, Said},
};
use bytes::Bytes;
use contract::Instant;

/// A request that came, as long as copies of it are recognised. Kept small: most only wait for their end (32 s after the answer).
#[derive(Debug)]
pub(super) struct Server {
    pub(super) key: u64,
    /// [`super::key::Keys::merge`]; 0 when there is none, or copies by other ways are no more refused.
    pub(super) merge: u64,
    /// Where the request came from.
    pub(super) flow: Flow,
    /// The port that answers go to (datagrams), or that a new stream for them is opened to (streams).
    pub(super) reply_port: u16,
    pub(super) machine: Machine,
    /// Until the final answer is given.
    pub(super) echo: Option<Box<Echo>>,
    /// The last answer, as long as it may have to be sent again.
    pub(super) last: Bytes,
    pub(super) clock: Clock,
}

// At 1,000 calls a second some 100,000 wait for their end.
const _: () = assert!(size_of::<Server>() <= 160, "what waits is small");

/// Which machine, and where it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Machine {
    Invite(server_invite::State),
    Other(server_other::State),
}

/// What can happen to a server transaction of either kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    /// The request came again.
    Again,
    /// The ACK came.
    Ack,
    /// The user answers with this status.
    Answer(u16),
    Fired(Timer),
    TransportError,
}

/// What the user is to be told after a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tell {
    Ack,
    Unacknowledged,
}

impl Machine {
    /// Whether no final answer was given.
    pub(super) const fn is_open(self) -> bool {
        match self {
            Self::Invite(state) => matches!(state, server_invite::State::Proceeding),
            Self::Other(state) => matches!(state, server_other::State::Trying | server_other::State::Proceeding),
        }
    }

    fn next(self, input: Input, reliable: bool) -> (Self, &'static [Do]) {
        match self {
            Self::Invite(state) => {
                use server_invite::Input as To;
                let input = match input {
                    Input::Again => To::Invite,
                    Input::Ack => To::Ack,
                    Input::Answer(..200) => To::Provisional,
                    Input::Answer(..300) => To::Success,
                    Input::Answer(_) => To::Failure,
                    Input::Fired(timer) => To::Fired(timer),
                    Input::TransportError => To::TransportError,
                };
                let step = server_invite::next(state, input, reliable);
                (Self::Invite(step.state), step.effects)
            }
            Self::Other(state) => {
                use server_other::Input as To;
                let input = match input {
                    Input::Again => To::Request,
                    // An ACK matches INVITE transactions only.
                    Input::Ack => return (self, &[]),
                    Input::Answer(..200) => To::Provisional,
                    Input::Answer(_) => To::Final,
                    Input::Fired(timer) => To::Fired(timer),
                    Input::TransportError => To::TransportError,
                };
                let step = server_other::next(state, input, reliable);
                (Self::Other(step.state), step.effects)
            }
        }
    }
}

impl Stack {
    /// One step of a server transaction. `answer` is what the user just gave.
    pub(super) fn step_server(
        &mut self,
        now: Instant,
        id: ServerId,
        input: Input,
        answer: Option<Bytes>,
        out: &mut Effects,
    ) -> Option<Tell> {
        let Self { servers, wheel, .. } = self;
        let server = servers.get_mut(id.0)?;
        let (machine, effects) = server.machine.next(input, server.flow.transport.is_reliable());
        server.machine = machine;
        if let (Some(answer), [Do::SendResponse, ..]) = (answer, effects) {
            server.last = answer;
        }
        let mut tell = None;
        let mut send = false;
        for effect in effects {
            match *effect {
                Do::SendResponse | Do::ResendResponse => send = true,
                Do::PassAck => tell = Some(Tell::Ack),
                Do::TellUnacknowledged => tell = Some(Tell::Unacknowledged),
                Do::Arm(timer) => server.clock.arm(wheel, now, timer, Due::Server(id, timer)),
                Do::ArmAgain(timer) => server.clock.arm_again(wheel, now, timer, Due::Server(id, timer)),
                Do::Disarm(timer) => server.clock.disarm(wheel, timer),
                // The loss of a stream is told once, by `on_flow_lost`. The others are effects of client machines.
                Do::TellTransportError
                | Do::ArmSlow(_)
                | Do::SendRequest
                | Do::SendAck
                | Do::PassResponse
                | Do::TellTimeout => {}
            }
        }
        if send && !self.send_last(id, out) {
            self.step_server(now, id, Input::TransportError, None, out);
        }
        self.settle_server(id);
        tell
    }

    /// Sends the last answer; `false` when there is no way to.
    fn send_last(&mut self, id: ServerId, out: &mut Effects) -> bool {
        let Some(server) = self.servers.get(id.0) else { return true };
        if server.last.is_empty() {
            return true;
        }
        let (bytes, flow, port) = (server.last.clone(), server.flow, server.reply_port);
        match self.reply(flow, port, bytes, out) {
            Ok(flow) => {
                if let Some(server) = self.servers.get_mut(id.0) {
                    server.flow = flow;
                }
                true
            }
            Err(_) => false,
        }
    }

    /// Lets go of what the state reached does not need any more.
    fn settle_server(&mut self, id: ServerId) {
        let Some(server) = self.servers.get_mut(id.0) else { return };
        if !server.machine.is_open() && server.echo.is_some() {
            server.echo = None;
            // Written with room to spare; what stays for half a minute is kept without.
            server.last = Bytes::copy_from_slice(&server.last);
            // RFC 3261 section 22.2 wants a new CSeq number with the credentials. Phones that keep the old one are no merged requests.
            if matches!(status_of(&server.last), Some(401 | 407)) {
                self.merged.remove(&core::mem::take(&mut server.merge));
            }
        }
        match server.machine {
            Machine::Invite(server_invite::State::Confirmed) => server.last = Bytes::new(),
            Machine::Invite(server_invite::State::Terminated) | Machine::Other(server_other::State::Terminated) => {
                if let Some(mut server) = self.servers.remove(id.0) {
                    server.clock.stop(&mut self.wheel);
                    self.by_key.remove(&server.key);
                    if server.merge != 0 {
                        self.merged.remove(&server.merge);
                    }
                }
            }
            Machine::Invite(_) | Machine::Other(_) => {}
        }
    }

    /// Answers a request. Nothing happens when the transaction is over or has its final answer (RFC 3261 sections 17.2.1 and 17.2.2).
    pub fn respond(&mut self, now: Instant, id: ServerId, answer: &Answer<'_>, out: &mut Effects) {
        let Some(server) = self.servers.get(id.0) else { return };
        let Some(echo) = server.echo.as_deref().filter(|_| server.machine.is_open()) else { return };
        let said = Said {
            status: answer.status,
            reason: answer.reason,
            to_tag: answer.to_tag,
            headers: answer.headers,
            body: answer.body,
            record_route: answer.record_route,
        };
        let bytes = echo.answer(&said);
        self.step_server(now, id, Input::Answer(answer.status), Some(bytes), out);
        if answer.once
            && let Some(server) = self.servers.get_mut(id.0)
        {
            // Deviates: RFC 3261 section 17.2.1 repeats it by timer G. An INVITE with a forged source would make us send eleven answers to who never
            // asked. Who did ask has had no 100, so timer A repeats his INVITE, and each copy is answered (section 8.2.7 does the same without state).
            server.clock.disarm(&mut self.wheel, Timer::G);
        }
    }

    /// Sends the 2xx of an INVITE again (RFC 3261 section 13.3.1.4); the user doubles the time between. Nothing happens after
    /// [`Stack::acknowledged`], or 64*T1 after the first 2xx.
    pub fn retransmit(&mut self, now: Instant, id: ServerId, out: &mut Effects) {
        let accepted = Machine::Invite(server_invite::State::Accepted);
        if self.servers.get(id.0).is_some_and(|server| server.machine == accepted) {
            self.step_server(now, id, Input::Answer(200), None, out);
        }
    }

    /// The 2xx of an INVITE was acknowledged: its bytes are not needed any more.
    pub fn acknowledged(&mut self, id: ServerId) {
        let accepted = Machine::Invite(server_invite::State::Accepted);
        if let Some(server) = self.servers.get_mut(id.0).filter(|server| server.machine == accepted) {
            server.last = Bytes::new();
        }
    }

    /// Sends answers to this request to the address it came from, whether it asked for that (`rport`) or not: for phones behind a NAT.
    pub fn answer_to_source(&mut self, id: ServerId) {
        if let Some(server) = self.servers.get_mut(id.0) {
            server.reply_port = server.flow.remote.port();
        }
    }
}

/// The status of a response that we wrote.
pub(super) fn status_of(response: &[u8]) -> Option<u16> {
    let digits = response.get(8..11)?;
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit.wrapping_sub(b'0') % 10)))
}
