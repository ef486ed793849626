//! One exchange of offer and answer at a time: who asked, who was asked, and what is still awaited (RFC 3261 section 14, RFC 3311, RFC 3264).
//!
//! The exchange of the first INVITE enters here with its 2xx; until then the fork owns it.

use super::describe::View;
use crate::transaction::{ClientId, ServerId};
use core::time::Duration;

/// Who began an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asker {
    /// This leg, by its request.
    Leg(u16),
    /// We.
    Ourselves,
}

/// An exchange that is not over.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// Who began it.
    pub(super) asker: Asker,
    /// The leg that was asked; `None`: we answer ourselves.
    pub(super) asked: Option<u16>,
    /// How far it is.
    pub(super) stage: Stage,
}

/// How far an exchange is.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// The other party was asked and has not answered.
    Asked {
        /// The asker's request, unless we ask.
        server: Option<ServerId>,
        /// Ours to the other party.
        client: ClientId,
        /// Ours is an INVITE, to be acknowledged.
        by_invite: bool,
        /// The asker's is an INVITE, to be answered with an acknowledged 2xx.
        from_invite: bool,
        /// What the asker offered; `None`: it asks for an offer.
        offer: Option<View>,
    },
    /// Our 2xx is out and repeated until its ACK.
    Answered {
        /// The asker's INVITE.
        server: ServerId,
        /// Time until the next repetition.
        interval: Duration,
        /// Our 2xx held an offer; the ACK holds the answer.
        late: Option<Late>,
    },
}

/// An offer in a 2xx, RFC 3261 section 13.2.1.
#[derive(Clone, Debug)]
pub(super) struct Late {
    /// What the asked party offered; `None` when the offer was our own.
    pub(super) offer: Option<View>,
    /// CSeq number of our INVITE to the asked party, whose ACK waits for the asker's.
    pub(super) cseq: u32,
    /// What that ACK says when no answer comes from the asker.
    pub(super) declined: Option<Box<[u8]>>,
}
