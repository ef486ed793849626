//! Requests of ours within a dialog, RFC 3261 section 12.2.1, and the ACK for a 2xx, which is kept (section 13.2.2.4).

use super::Dialog;
use crate::{
    effect::Effects,
    message::Method,
    transaction::{ClientId, NextHop, NotSent, OutRequest, Stack},
};
use contract::Instant;
use smallvec::SmallVec;

/// The largest CSeq number, RFC 3261 section 8.1.1.5.
pub(super) const CSEQ_MAX: u32 = (1 << 31) - 1;

/// A request within a dialog.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Its method.
    pub method: Method<'a>,
    /// Max-Forwards.
    pub max_forwards: u8,
    /// More headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// Content type and body.
    pub body: Option<(&'a str, &'a [u8])>,
}

impl Dialog {
    /// Sends a request within the dialog (or the INVITE that shall make it).
    ///
    /// # Errors
    /// [`NotSent`]; also when the sequence numbers are used up.
    pub fn send(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        ask: &Ask<'_>,
    ) -> Result<ClientId, NotSent> {
        if let Some(proof) = &mut self.proof {
            proof.begin(ask);
        }
        self.dispatch(now, stack, out, ask)
    }

    /// Sends a request with what proves it.
    pub(super) fn dispatch(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        ask: &Ask<'_>,
    ) -> Result<ClientId, NotSent> {
        // RFC 3261 section 8.1.1.5: CSeq stays below 2^31. It is never wrapped: the peer would take what follows for old (section 12.2.2).
        if self.local_cseq >= CSEQ_MAX {
            return Err(NotSent::Exhausted);
        }
        self.local_cseq += 1;
        let (uri, cseq) = (&self.request_uri, self.local_cseq);
        let proofs = self.proof.as_mut().map(|proof| proof.headers(ask.method, uri, cseq)).unwrap_or_default();
        let headers = proven(ask.headers, &proofs);
        let request = self.request(ask.method, self.local_cseq, &Ask { headers: &headers, ..*ask });
        let mut result = Err(NotSent::Unreachable);
        let mut gone = false;
        for hop in self.hops(stack).into_iter().flatten() {
            let by_stream = matches!(hop, NextHop::Flow(flow) if flow.connection.is_some());
            result = stack.request(now, hop, &request, out);
            if result != Err(NotSent::Unreachable) {
                break;
            }
            gone |= by_stream;
        }
        if gone {
            self.forget_stream();
        }
        result
    }

    /// The stream by which the peer was reached is gone: from now on its Contact counts. `false`: there was none.
    pub fn forget_stream(&mut self) -> bool {
        self.course.forget_stream()
    }

    /// Acknowledges the 2xx of our INVITE with this CSeq number and keeps the ACK, RFC 3261 section 13.2.2.4.
    ///
    /// # Errors
    /// [`NotSent`].
    pub fn acknowledge(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        cseq: u32,
        body: Option<(&str, &[u8])>,
    ) -> Result<(), NotSent> {
        let headers = proven(&[], self.proof.as_ref().map_or(&[], |proof| proof.of_ack()));
        let ask = Ask { method: Method::Ack, max_forwards: 70, headers: &headers, body };
        let request = self.request(Method::Ack, cseq, &ask);
        let mut result = Err(NotSent::Unreachable);
        for hop in self.hops(stack).into_iter().flatten() {
            result = stack.send_ack(now, hop, &request, out);
            if result != Err(NotSent::Unreachable) {
                break;
            }
        }
        let sent = result?;
        if self.acks[0].as_ref().is_some_and(|(number, _)| *number != cseq) {
            self.acks[1] = self.acks[0].take();
        }
        self.acks[0] = Some((cseq, sent));
        Ok(())
    }

    /// The peer repeats the 2xx of our INVITE with this CSeq number: the ACK goes out again. `false`: there was none yet.
    pub fn acknowledge_again(&self, stack: &mut Stack, out: &mut Effects, cseq: u32) -> bool {
        let known = self.acks.iter().flatten().find(|(number, _)| *number == cseq);
        if let Some((_, ack)) = known {
            stack.resend_ack(ack, out);
        }
        known.is_some()
    }

    fn request<'a>(&'a self, method: Method<'a>, cseq: u32, ask: &Ask<'a>) -> OutRequest<'a> {
        OutRequest {
            method,
            uri: &self.request_uri,
            from: &self.local,
            to: &self.remote,
            call_id: &self.call_id,
            cseq,
            max_forwards: ask.max_forwards,
            routes: &self.routes,
            contact: carries_contact(method).then_some(&*self.contact),
            headers: ask.headers,
            body: ask.body,
        }
    }

    fn hops(&self, stack: &Stack) -> [Option<NextHop>; 2] {
        self.course.hops(stack, self.route_set.first().map_or(&*self.target, String::as_str))
    }
}

/// Header fields with those that prove the request after them.
fn proven<'a>(
    headers: &[(&'a str, &'a str)],
    proofs: &'a [(&'static str, String)],
) -> SmallVec<[(&'a str, &'a str); 8]> {
    let proofs = proofs.iter().map(|(name, value)| (*name, value.as_str()));
    headers.iter().copied().chain(proofs).collect()
}

/// RFC 3261 table 3: requests that make a dialog or refresh its target carry Contact.
const fn carries_contact(method: Method<'_>) -> bool {
    match method {
        Method::Invite | Method::Update | Method::Refer | Method::Subscribe | Method::Notify => true,
        Method::Register
        | Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Prack
        | Method::Info
        | Method::Publish
        | Method::Message
        | Method::Other(_) => false,
    }
}
