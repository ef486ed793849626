//! A 2xx that no leg waits for: of a branch given up, of a call that is over, of a second phone behind a forking proxy. Its sender believes in a dialog, so
//! that is acknowledged and ended (RFC 3261 sections 9.1, 13.2.2.4).

use super::Office;
use crate::{
    dialog::{Course, Dialog},
    message::Message,
};

/// Treats a 2xx to an INVITE of ours. `course` is the way the INVITE went, if that is still known.
pub(crate) fn answer_stray(office: &mut Office<'_>, response: &Message<'_>, course: Option<Course>) {
    #[cfg(feature = "faults")]
    if office.books.has(super::Fault::CancelRace) {
        return;
    }
    let Ok(cseq) = response.cseq() else { return };
    let Ok(dialog) = Dialog::stray(office.stack, response, course) else { return };
    office.acknowledge_and_end(dialog, cseq.number);
}
