//! What reaches the exchange, and how it is seen from outside on its way.

use super::{Event, Order, PATROL, World};
use crate::{
    net::Net,
    network::Delivery,
    phone::Out,
    reference::{disagreement, forgotten_port},
    text::{self, Sip},
};
use bytes::Bytes;
use contract::MediaEvent;
use signaling::{
    flow::Flow,
    id::{CallId, Ticket},
    input::{Command, Input},
};
use std::{collections::BTreeSet, sync::Arc};

impl World {
    /// Hands one input to the exchange and performs its effects.
    pub(super) fn input(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.trace.event(self.now, &core::mem::discriminant(&input));
        let caller = self.handling.take();
        let session = match &input {
            Input::Media(event) => Some(CallId::of(event.session())),
            Input::Received { .. }
            | Input::FlowOpened { .. }
            | Input::FlowLost { .. }
            | Input::Resolved { .. }
            | Input::Stored { .. }
            | Input::Restored(_)
            | Input::RestoredMessages(_)
            | Input::MailboxChanged { .. }
            | Input::Asked { .. }
            | Input::Configured(_)
            | Input::ClockRead(_)
            | Input::Tick => None,
        };
        self.pbx.handle(self.now, input, &mut out);
        if let Err(broken) = self.pbx.check_invariants() {
            self.found.add(Net::Invariant, broken);
        }
        self.perform_all(out, caller.as_ref(), session);
        let status = self.pbx.status();
        if status.sessions != self.sessions.len() {
            let ours = self.sessions.len();
            self.found.add(Net::Balance, format!("{} media sessions counted inside, {ours} outside", status.sessions));
        }
    }

    pub(super) fn deliver(&mut self, delivery: Delivery) {
        if !self.network.arrives(&delivery) {
            return;
        }
        match delivery {
            Delivery::ToExchange { flow, bytes } => self.arrive(flow, &bytes),
            Delivery::ToPhone { phone, connection, bytes } => {
                let mut out = Out::default();
                self.phones[phone].receive(self.now, connection, &bytes, &mut out);
                self.phone_wants(phone, out);
            }
            Delivery::Opened(connection) => self.input(Input::FlowOpened { connection }),
            Delivery::Lost { connection, why } => {
                self.inbound.remove(&connection.0);
                self.wire.stream_lost(connection);
                self.input(Input::FlowLost { connection, why });
            }
        }
    }

    fn arrive(&mut self, flow: Flow, bytes: &[u8]) {
        let whole: Vec<Vec<u8>> = match flow.connection {
            None => vec![bytes.to_vec()],
            Some(connection) => {
                let buffer = self.inbound.entry(connection.0).or_default();
                buffer.extend_from_slice(bytes);
                core::iter::from_fn(|| text::unframe(buffer)).collect()
            }
        };
        let messages: Vec<Sip> = whole.iter().filter_map(|m| Sip::parse(m)).collect();
        for message in &messages {
            self.see(message);
        }
        // Of several INVITEs in one piece of a stream it cannot be told which one began a call.
        let mut invites =
            messages.iter().filter(|m| m.method() == "INVITE" && m.status().is_none() && m.to_tag().is_none());
        self.handling = invites.next().cloned().filter(|_| invites.next().is_none());
        self.input(Input::Received { flow, bytes });
    }

    fn see(&mut self, message: &Sip) {
        self.activity.insert(message.text("call-id").to_owned(), self.now);
        self.wire.delivered(self.now, message);
        if message.status().is_none() {
            self.records.delivered(message);
            if message.method() == "REGISTER" {
                self.registrations.asked(message);
            }
        }
    }

    pub(super) fn media_event(&mut self, event: MediaEvent) {
        self.trace.event(self.now, &event);
        match &event {
            MediaEvent::SessionClosed { session } => {
                self.sessions.remove(session);
            }
            MediaEvent::LegSilent { session, .. } => self.records.silent(CallId::of(*session)),
            MediaEvent::LegOpened { .. }
            | MediaEvent::LegRefused { .. }
            | MediaEvent::SourceLearned { .. }
            | MediaEvent::DigitPressed { .. }
            | MediaEvent::TalkChanged { .. }
            | MediaEvent::PlayerEnded { .. }
            | MediaEvent::RecorderEnded { .. }
            | MediaEvent::LegSecured { .. }
            | MediaEvent::LegUnsecured { .. }
            | MediaEvent::LegMeasured { .. }
            | MediaEvent::LegClosed { .. } => {}
        }
        self.input(Input::Media(event));
    }

    pub(super) fn operate(&mut self, order: Order) {
        self.trace.event(self.now, &order);
        let command = match order {
            Order::Originate { from, to } => Command::Originate { from, to },
            Order::HangUpOne => {
                let calls: Vec<CallId> = self.media.sessions.keys().map(|s| CallId::of(*s)).collect();
                let call = if calls.is_empty() || self.rng.chance(10) {
                    CallId::new(self.settings.node, 1 << 40)
                } else {
                    *self.rng.pick(&calls)
                };
                self.records.operator(Some(call));
                Command::HangUp { call }
            }
            Order::HangUpAll => {
                self.records.operator(None);
                Command::HangUpAll
            }
            Order::ListCalls => Command::ListCalls,
            Order::ListExtensions => Command::ListExtensions,
            Order::Status => Command::Status,
            Order::Drain => {
                self.draining = true;
                self.records.drained();
                Command::Drain
            }
            Order::Configure { changed } => {
                self.configure(changed);
                return;
            }
        };
        self.tickets += 1;
        self.unanswered.insert(self.tickets);
        self.input(Input::Asked { ticket: Ticket(self.tickets), command });
    }

    fn configure(&mut self, changed: bool) {
        if changed {
            let mut settings = (*self.settings).clone();
            settings.calls.ring_max = core::time::Duration::from_secs(self.rng.between(8, 60));
            self.settings = Arc::new(settings);
        }
        self.input(Input::Configured(Arc::clone(&self.settings)));
    }

    /// The world looks around: overdue duties, ears, registrations, silent legs.
    pub(super) fn patrol(&mut self) {
        self.wire.overdue(self.now, &mut self.found);
        if let Some(wrong) = disagreement(
            self.now,
            &self.phones,
            &self.media,
            &self.activity,
            self.settings.media.transcode,
            &self.transferring,
        ) {
            self.found.add(Net::Hearing, wrong);
        }
        if let Some(wrong) = forgotten_port(self.now, &self.phones, &self.media, &self.activity, &self.transferring) {
            self.found.add(Net::Balance, wrong);
        }
        self.registrations.counted(self.now, self.pbx.status().bindings, &mut self.found);
        let mut spoken = BTreeSet::new();
        for (at, phone) in self.phones.iter().enumerate().filter(|(at, _)| !self.network.hosts[*at].cut) {
            let _ = at;
            spoken.extend(phone.up_calls().filter_map(|(_, c)| c.media.speaking_to()).map(|a| a.port()));
        }
        for event in self.media.patrol(self.now, &spoken) {
            self.media_event(event);
        }
        if self.patrols {
            self.after(PATROL, Event::Patrol);
        }
    }

    /// One keep-alive or SIP message leaves the exchange.
    pub(super) fn transmit(&mut self, flow: Flow, bytes: &Bytes, session: Option<CallId>) {
        let who = self.network.hosts.iter().position(|h| h.home.ip() == flow.remote.ip());
        let who = who.map_or_else(|| flow.remote.to_string(), |at| self.label(at));
        self.trace.message(self.now, &who, false, bytes);
        if bytes.iter().any(|b| !matches!(b, b'\r' | b'\n'))
            && let Some(sip) = self.wire.transmitted(self.now, flow, bytes, &mut self.found)
        {
            self.activity.insert(sip.text("call-id").to_owned(), self.now);
            self.judge(&sip, session);
        }
        for (at, delivery) in self.network.exchange_sends(self.now, flow, bytes) {
            self.agenda.plan(at, Event::Net(delivery));
        }
    }

    fn judge(&mut self, sip: &Sip, session: Option<CallId>) {
        if sip.has_sdp() {
            self.judge_description(sip);
        }
        if sip.status().is_some() {
            let first = sip.method() == "INVITE" && self.wire.was_first_invite(sip.branch());
            self.records.told(sip, first);
            if sip.method() == "REGISTER" {
                self.registrations.told(self.now, sip, &mut self.found);
            }
        } else if sip.method() == "INVITE" && sip.to_tag().is_none() {
            let by_port = crate::sdp::Description::parse(&sip.body)
                .and_then(|d| self.media.owner(d.rtp?.port()))
                .map(|(session, _)| CallId::of(session));
            if let Some(call) = by_port.or(session) {
                self.records.link(sip.text("call-id"), call);
            }
        }
    }

    /// A description that leaves names an open port of ours.
    fn judge_description(&mut self, sip: &Sip) {
        let Some(description) = crate::sdp::Description::parse(&sip.body) else {
            self.found.add(Net::Wire, format!("an unreadable description: {}", sip.body));
            return;
        };
        let Some(rtp) = description.rtp else { return };
        let ours = [core::net::IpAddr::from(crate::settings::MEDIA_V4), crate::settings::MEDIA_V6.into()];
        if !ours.contains(&rtp.ip()) {
            self.found.add(Net::Wire, format!("a description names {rtp}, which is not ours"));
        } else if self.media.owner(rtp.port()).is_none() && !self.wire.repeated {
            self.found
                .add(Net::Wire, format!("a description names port {}, which is not open: {}", rtp.port(), sip.start));
        }
    }
}
