//! REFER (RFC 3515) and what its sender is told: NOTIFY in the dialog of the REFER (RFC 3515 section 2.4.4), unless it wants none (RFC 4488).

use super::{
    Call, Office, Transfer,
    machine::{Input, State},
};
use crate::{
    call::{PRODUCT, Purpose, Signal, redirect::is_ours},
    dialog::Ask,
    message::{Header, Message, Method, Scheme, escaped, reason},
    settings::Settings,
    transaction::{Answer, ServerId},
};
use std::sync::Arc;

/// How long a subscription to a transfer may last, in seconds: longer than any phone rings.
const SUBSCRIPTION_SECONDS: u32 = 180;

/// Who gave a REFER wants to know how it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription {
    /// CSeq number of the REFER: tells several apart (RFC 3515 section 2.4.6).
    pub(super) id: u32,
    /// It is told at all (RFC 4488).
    pub(super) is_told: bool,
    /// The last status it was told.
    last: u16,
}

/// What a REFER wants, as far as it can be understood.
#[derive(Clone, Debug)]
pub(crate) struct Referral {
    /// The number to be called.
    pub(crate) to: String,
    /// Its CSeq number.
    pub(crate) id: u32,
    /// RFC 4488: no NOTIFY is wanted.
    pub(crate) quiet: bool,
    /// Referred-By, if it can be used (RFC 3892).
    pub(crate) referred_by: Option<String>,
}

impl Referral {
    /// Reads a REFER. `Err`: the status of the refusal.
    ///
    /// # Errors
    /// A status of RFC 3515 section 2.4.2.
    pub(crate) fn read(settings: &Settings, request: &Message<'_>) -> Result<Self, u16> {
        let refer_to = request.refer_to().map_err(|_| 400_u16)?;
        let uri = refer_to.address.uri;
        // RFC 3515 section 2.1: another method may be meant. Only calls are transferred here.
        if refer_to.method.is_some() {
            return Err(501);
        }
        match uri.scheme() {
            Scheme::Sip | Scheme::Sips | Scheme::Tel => {}
            Scheme::Other => return Err(416),
        }
        // A number of ours, or what our routes make of a number: nobody is sent to an address that a phone names.
        if uri.scheme() != Scheme::Tel && !is_ours(settings, &uri) {
            return Err(403);
        }
        let user = uri.user_decoded().filter(|user| !user.is_empty()).ok_or(404_u16)?;
        let id = request.cseq().map_err(|_| 400_u16)?.number;
        let quiet = request.header(Header::ReferSub).is_some_and(|value| {
            value
                .split(|byte| *byte == b';')
                .next()
                .is_some_and(|word| crate::message::trim(word).eq_ignore_ascii_case(b"false"))
        });
        // RFC 3892 section 2.1: one address. A token for it (cid) has no body that could be passed on.
        let referred_by = request.address(Header::ReferredBy).map_err(|_| 400_u16)?;
        Ok(Self {
            to: user.into_owned(),
            id,
            quiet,
            referred_by: referred_by.map(|address| format!("<{}>", address.uri.as_str())),
        })
    }
}

impl Call {
    /// A REFER without Replaces came within a leg's dialog: the other party is handed over.
    pub(crate) fn on_refer(&mut self, office: &mut Office<'_>, by: u16, server: ServerId, referral: &Referral) {
        let settings = Arc::clone(&self.settings);
        let of = match self.may_transfer(by) {
            Ok(of) => of,
            Err(status) => return office.refuse(server, status, None),
        };
        let requester = self.leg(by).map(|leg| leg.party.clone()).unwrap_or_default();
        if let Err(status) = self.may_ring(office, &settings, &requester, &referral.to) {
            return office.refuse(server, status, None);
        }
        self.begin_transfer(office, (by, of), State::DiallingBlind, true, &referral.to);
        self.accept_refer(office, by, server, referral);
        self.step(office, Input::Dialled);
    }

    /// RFC 3515 section 2.4.2: 202, and the first NOTIFY at once (section 2.4.4).
    pub(super) fn accept_refer(&mut self, office: &mut Office<'_>, by: u16, server: ServerId, referral: &Referral) {
        let number = self.leg(by).map(|leg| leg.party.clone()).unwrap_or_default();
        let own = format!("<sip:{}@{}>", escaped(&number), self.settings.domain);
        if let Some(transfer) = &mut self.transfer {
            // RFC 3892 section 2.1: who referred is told to who is called.
            transfer.referred_by = Some(referral.referred_by.clone().unwrap_or(own).into());
            transfer.subscription = Some(Subscription { id: referral.id, is_told: !referral.quiet, last: 0 });
        }
        let contact = self.leg(by).and_then(|leg| leg.dialog.as_ref()).map(|dialog| dialog.contact().to_owned());
        let contact = contact.unwrap_or_default();
        let mut headers = vec![("Contact", &*contact), ("Server", PRODUCT)];
        if referral.quiet {
            // RFC 4488 section 4: said again, so that the sender knows.
            headers.push(("Refer-Sub", "false"));
        }
        office.respond(server, &Answer { headers: &headers, ..Answer::new(202) });
        self.notify(office, 100);
    }

    /// Tells who gave the REFER how the target's phones answer.
    pub(in crate::call) fn notify(&mut self, office: &mut Office<'_>, status: u16) {
        let Some(transfer) = &mut self.transfer else { return };
        let by = transfer.by;
        let Some(subscription) = &mut transfer.subscription else { return };
        if subscription.last == status || status > 199 {
            return;
        }
        subscription.last = status;
        let subscription = *subscription;
        self.send_notify(office, by, subscription, status, false);
    }

    /// Tells how it ended.
    pub(super) fn notify_last(&mut self, office: &mut Office<'_>, transfer: &Transfer, status: u16) {
        let Some(subscription) = transfer.subscription else { return };
        self.send_notify(office, transfer.by, subscription, status, true);
    }

    fn send_notify(&mut self, office: &mut Office<'_>, by: u16, told: Subscription, status: u16, last: bool) {
        let id = self.leg_id(by);
        // Deviates: RFC 5057 section 5.1 lets the subscription outlive the call's part of the dialog. Who hung up is told nothing more.
        let Some(leg) = self.leg_mut(by).filter(|leg| matches!(leg.signal, Signal::Confirmed)) else { return };
        let Some(dialog) = leg.dialog.as_mut().filter(|_| told.is_told) else { return };
        let event = format!("refer;id={}", told.id);
        let state = match last {
            // RFC 3515 section 2.4.7.
            true => "terminated;reason=noresource".to_owned(),
            false => format!("active;expires={SUBSCRIPTION_SECONDS}"),
        };
        let body = format!("SIP/2.0 {status} {}\r\n", reason(status));
        let headers = [("Event", &*event), ("Subscription-State", &*state), ("User-Agent", PRODUCT)];
        let ask = Ask {
            method: Method::Notify,
            max_forwards: 70,
            headers: &headers,
            // RFC 3515 section 2.4.5.
            body: Some(("message/sipfrag;version=2.0", body.as_bytes())),
        };
        match dialog.send(office.now, office.stack, office.out, &ask) {
            Ok(client) => {
                office.books.clients.insert(client, Purpose::Notify { leg: id, last });
            }
            Err(_) => self.notified(office, by, last),
        }
    }

    /// The NOTIFY to a leg has its answer, whatever that is: one that was let go has heard so, and is hung up on.
    pub(crate) fn notified(&mut self, office: &mut Office<'_>, number: u16, last: bool) {
        let is_party = number == self.caller || self.partner == super::Partner::Leg(number);
        let transfers = self.transfer.as_ref().is_some_and(|transfer| transfer.by == number);
        if last && !is_party && !transfers && !self.is_over() {
            self.let_go(office, number);
        }
    }
}
