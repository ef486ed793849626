//! What comes from trunks: whose an INVITE is (SIP-16), which number it asks for, and challenges to requests of ours.

use super::{invite::dialled, switchboard::Switchboard};
use crate::{
    auth::digest::Credentials,
    call::{Purpose, is_ours},
    flow::{Flow, Source, Standing},
    message::{Header, Message, Uri},
    settings::Trunk,
    transaction::{ClientId, Turn},
};
use contract::Instant;
use core::net::SocketAddr;
use std::sync::Arc;

impl Switchboard {
    /// The trunk that an INVITE comes from: the one whose server sends it, or whose networks its source lies in. No proof is asked of it then.
    ///
    /// Who says that he is an account of ours has to prove it, from wherever he calls: an address that phones and a trunk share must not let phones in.
    pub(super) fn trunk_of(&self, now: Instant, request: &Message<'_>, flow: Flow) -> Option<Arc<Trunk>> {
        let trunks = &self.settings.trunks;
        if trunks.is_empty() || self.claims_account(request) {
            return None;
        }
        let by_server = self.books.trunks.at(now, flow.remote);
        by_server.or_else(|| trunks.of_source(flow.remote)).map(Arc::clone)
    }

    /// What is known of an address without asking it for a proof.
    pub(super) fn standing(&self, now: Instant, remote: SocketAddr) -> Standing {
        // By whatever port: over a stream a server comes from another one than it listens on.
        if self.settings.trunks.of_source(remote).is_some() || self.books.trunks.is_of_any(now, remote.ip()) {
            Standing::Trunk
        } else if self.registrar.is_registered_from(remote) {
            Standing::Registered
        } else if self.registrar.is_registered_near(Source::of(remote.ip())) {
            Standing::Neighbour
        } else {
            Standing::Stranger
        }
    }

    /// Whether a request brings credentials for our realm, or names an account of ours in From.
    fn claims_account(&self, request: &Message<'_>) -> bool {
        let ours = |value: &[u8]| {
            let credentials = Credentials::parse(value).ok().flatten();
            credentials.is_some_and(|credentials| credentials.realm == self.settings.domain)
        };
        let names = |uri: &Uri<'_>| {
            let number = uri.user_decoded();
            let known = number.is_some_and(|number| self.settings.directory.extension(&number).is_some());
            known && is_ours(&self.settings, uri)
        };
        request.headers(Header::Authorization).any(ours) || request.from().is_ok_and(|from| names(&from.uri))
    }

    /// The number that an INVITE from a trunk asks for: that of the Request-URI; where that is only our Contact's user part, as in calls by a registration, and To
    /// has another one, that of To.
    pub(super) fn called_by(&self, trunk: &Trunk, request: &Message<'_>) -> String {
        let asked = dialled(request).unwrap_or_default();
        if trunk.register.is_none() || asked != trunk.contact_user {
            return asked;
        }
        let to = request.to().ok().and_then(|to| to.uri.user_decoded()).map(|user| user.into_owned());
        let account = trunk.credentials.as_ref().map(|credentials| credentials.user.as_str());
        to.filter(|to| Some(to.as_str()) != account && !to.is_empty()).unwrap_or(asked)
    }

    /// A request of ours was challenged. `true`: it was sent again with our proof, and nobody needs to hear of the challenge.
    pub(super) fn answer_challenge(&mut self, turn: &mut Turn<'_>, id: ClientId, response: &Message<'_>) -> bool {
        let Some(purpose) = self.books.clients.get(&id).cloned() else { return false };
        let again = match &purpose {
            Purpose::Invite { leg, .. }
            | Purpose::Renegotiate { leg, .. }
            | Purpose::Notify { leg, .. }
            | Purpose::Refresh(leg)
            | Purpose::Prack(leg)
            | Purpose::Relay(leg) => {
                let leg = *leg;
                let mut again = None;
                self.tell(turn, leg.call, |call, office| again = call.challenged(office, leg.number, id, response));
                again
            }
            Purpose::Bye(tags) => {
                let dialog = self.books.mortal.get_mut(tags);
                dialog.and_then(|dialog| dialog.challenged(turn.now, turn.stack, turn.out, response))
            }
        };
        let Some(again) = again else { return false };
        self.books.clients.remove(&id);
        self.books.clients.insert(again, purpose);
        true
    }
}
