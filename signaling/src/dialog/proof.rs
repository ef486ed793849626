//! Requests of ours that a provider challenges: sent again with our proof, and later ones with it at once (RFC 3261 sections 8.1.3.5 and 22).

use super::{Ask, Dialog, State};
use crate::{
    auth::Authority,
    effect::Effects,
    message::{Message, Method},
    settings::Credentials,
    transaction::{ClientId, Stack},
};
use contract::Instant;

/// What a dialog's requests prove themselves with.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    authority: Authority,
    /// Our last request, until it is known that it was not challenged.
    last: Option<Sent>,
    /// The proof of our last INVITE, for its ACK.
    invite: Vec<(&'static str, String)>,
}

/// A request that may have to be sent again.
#[derive(Clone, Debug)]
struct Sent {
    method: Method<'static>,
    cseq: u32,
    max_forwards: u8,
    headers: Vec<(Box<str>, Box<str>)>,
    body: Option<(Box<str>, Box<[u8]>)>,
}

impl Proof {
    /// A request begins. It is kept, unless its method is one we have no name for.
    pub(super) fn begin(&mut self, ask: &Ask<'_>) {
        self.authority.begin();
        self.last = ask.method.known().map(|method| Sent {
            method,
            cseq: 0,
            max_forwards: ask.max_forwards,
            headers: ask.headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: ask.body.map(|(kind, body)| (kind.into(), body.into())),
        });
    }

    /// The header fields that prove a request.
    pub(super) fn headers(&mut self, method: Method<'_>, uri: &str, cseq: u32) -> Vec<(&'static str, String)> {
        if let Some(last) = &mut self.last {
            last.cseq = cseq;
        }
        let proofs = self.authority.headers(method, uri);
        if method == Method::Invite {
            self.invite.clone_from(&proofs);
        }
        proofs
    }

    /// RFC 3261 section 13.2.2.4: the ACK has the credentials of its INVITE.
    pub(super) fn of_ack(&self) -> &[(&'static str, String)] {
        &self.invite
    }

    /// The last request was accepted.
    pub(super) fn settled(&mut self) {
        self.last = None;
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let last = self.last.as_ref().map_or(0, |last| {
            let headers: usize = last.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            headers + last.body.as_ref().map_or(0, |(_, body)| body.len())
        });
        let invite: usize = self.invite.iter().map(|(_, value)| value.len()).sum();
        size_of::<Self>() + self.authority.heap_bytes() + last + invite
    }
}

impl Dialog {
    /// From now on challenges in this dialog are answered with these credentials.
    pub fn prove_with(&mut self, credentials: Credentials) {
        let authority = Authority::new(credentials);
        self.proof = Some(Box::new(Proof { authority, last: None, invite: Vec::new() }));
    }

    /// Our last request was challenged (401, 407): it is sent again with our proof. `None`: the challenge stands, because we have no credentials, they were
    /// wrong, or another request has been sent since.
    pub fn challenged(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        response: &Message<'_>,
    ) -> Option<ClientId> {
        let cnonce = stack.random();
        let proof = self.proof.as_mut()?;
        let last = proof.last.as_ref().filter(|last| response.cseq().is_ok_and(|cseq| cseq.number == last.cseq))?;
        let Sent { method, max_forwards, headers, body, .. } = last.clone();
        proof.authority.challenged(response, cnonce).ok()?;
        if method == Method::Invite && self.state != State::Confirmed {
            // RFC 3261 section 8.1.3.5: the same Call-ID and From; a tag in To would name a dialog that the refusal has ended.
            self.forget_peer();
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let body = body.as_ref().map(|(kind, body)| (&**kind, &**body));
        self.dispatch(now, stack, out, &Ask { method, max_forwards, headers: &headers, body }).ok()
    }

    fn forget_peer(&mut self) {
        if let Some(tag) = self.remote_tag.take() {
            let bare = self.remote.strip_suffix(&format!(";tag={tag}")).unwrap_or(&self.remote).to_owned();
            self.remote = bare.into();
        }
        self.state = State::Asked;
    }
}
