//! Requests passed from one party to the other as they are: INFO (RFC 6086).

use super::{Call, End, Office, PRODUCT, Phase, Purpose, digits};
use crate::{
    dialog::Ask,
    fact::HangupCause,
    id::LegId,
    limits::RELAYS_PER_CALL_MAX,
    message::{Header, Message, Method},
    transaction::{Answer, ClientId, NotSent, ServerId},
};

/// A request that was passed on and is not answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relay {
    /// The request that was passed on; `None`: ours from the start.
    server: Option<ServerId>,
    pub(super) client: ClientId,
}

impl Call {
    /// An INFO came within a leg's dialog.
    pub(crate) fn on_info(&mut self, office: &mut Office<'_>, number: u16, server: ServerId, request: &Message<'_>) {
        if self.phase != Phase::Connected && self.transfer.is_none() {
            // RFC 6086 section 4.2.3 ties it to an INVITE usage that is answered or early; before the answer nobody is there to take it.
            return office.refuse(server, 480, None);
        }
        // Keys that the media plane cannot make for the other party pass as they are.
        if self.settings.media.transcode
            && let Some(keypress) = digits::read(request)
        {
            return self.info_digit(office, number, server, keypress);
        }
        let Some(other) = self.other(number) else { return office.refuse(server, 200, None) };
        if self.relays.len() >= RELAYS_PER_CALL_MAX {
            return office.refuse(server, 503, None);
        }
        let text = |name: Header| request.header(name).and_then(|value| core::str::from_utf8(value).ok());
        let package = request.named("Info-Package").next().and_then(|value| core::str::from_utf8(value).ok());
        let mut headers = vec![("User-Agent", PRODUCT)];
        headers.extend(package.map(|package| ("Info-Package", package)));
        let kind = text(Header::ContentType).unwrap_or("application/octet-stream");
        let body = request.body();
        let forwards = request.max_forwards().ok().flatten().unwrap_or(70);
        let ask = Ask {
            method: Method::Info,
            max_forwards: forwards.saturating_sub(1),
            headers: &headers,
            body: (!body.is_empty()).then_some((kind, body)),
        };
        self.pass_info(office, other, Some(server), &ask);
    }

    /// Sends an INFO to a leg, on behalf of `server` or by ourselves.
    pub(super) fn pass_info(&mut self, office: &mut Office<'_>, to: u16, server: Option<ServerId>, ask: &Ask<'_>) {
        let refuse = |office: &mut Office<'_>, status: u16| {
            if let Some(server) = server {
                office.refuse(server, status, None);
            }
        };
        let Some(dialog) = self.leg_mut(to).and_then(|leg| leg.dialog.as_mut()) else { return refuse(office, 481) };
        match dialog.send(office.now, office.stack, office.out, ask) {
            Ok(client) => {
                let id: LegId = self.leg_id(to);
                office.books.clients.insert(client, Purpose::Relay(id));
                self.relays.push(Relay { server, client });
            }
            Err(NotSent::Exhausted) => refuse(office, 503),
            Err(NotSent::Unreachable) => {
                refuse(office, 480);
                self.lost(office, to, End::by_us(HangupCause::PeerGone));
            }
        }
    }

    /// A request that was passed on has a final answer; `None`: it will have none.
    pub(crate) fn relay_answered(
        &mut self,
        office: &mut Office<'_>,
        number: u16,
        client: ClientId,
        response: Option<&Message<'_>>,
    ) {
        let status = response.map_or(408, |response| response.status().unwrap_or(500));
        if status < 200 {
            return;
        }
        let Some(at) = self.relays.iter().position(|relay| relay.client == client) else { return };
        let relay = self.relays.remove(at);
        let told = match status {
            300..=399 | 401 | 407 => 488,
            // RFC 4320 section 4.2: no 408 to a request other than INVITE.
            408 => 480,
            status => status,
        };
        let body = response.map(|response| (response.header(Header::ContentType), response.body()));
        let body = body.and_then(|(kind, body)| {
            let kind = core::str::from_utf8(kind?).ok()?;
            (!body.is_empty()).then_some((kind, body))
        });
        if let Some(server) = relay.server {
            office.respond(server, &Answer { headers: &[("Server", PRODUCT)], body, ..Answer::new(told) });
        }
        // RFC 3261 section 12.2.1.2.
        if matches!(status, 408 | 481) {
            self.lost(office, number, End::by_us(HangupCause::PeerGone));
        }
    }

    /// RFC 3261 section 15.1.2: what is pending when the dialog ends is answered 487.
    pub(super) fn end_relays(&mut self, office: &mut Office<'_>) {
        for relay in core::mem::take(&mut self.relays) {
            if let Some(server) = relay.server {
                office.refuse(server, 487, None);
            }
        }
    }
}
