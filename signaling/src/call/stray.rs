//! A 2xx that no leg waits for: of a branch given up, of a call that is over, of a second phone behind a forking proxy. Its sender believes in a dialog, so
//! that is acknowledged and ended (RFC 3261 sections 9.1, 13.2.2.4).

use super::{Office, describe};
use crate::{
    dialog::{Course, Dialog},
    message::Message,
};

/// What an ACK says to an offer in such a 2xx.
pub(crate) fn declined(response: &Message<'_>) -> Option<Box<[u8]>> {
    describe::declined(response.body())
}

/// Treats a 2xx to an INVITE of ours. `invite` is the way the INVITE went and whether it held an offer, if
/// that is still known.
pub(crate) fn answer_stray(office: &mut Office<'_>, response: &Message<'_>, invite: Option<(Course, bool)>) {
    #[cfg(feature = "faults")]
    if office.books.has(super::Fault::CancelRace) {
        return;
    }
    let Ok(cseq) = response.cseq() else { return };
    let Ok(dialog) = Dialog::stray(office.stack, response, invite.map(|(course, _)| course)) else { return };
    let is_offer = matches!(invite, Some((_, false)));
    let declined = if is_offer { describe::declined(response.body()) } else { None };
    office.acknowledge_and_end(dialog, cseq.number, declined.as_deref());
}
