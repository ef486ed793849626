//! What every request must be before anyone above sees it, and the answer where it is not: RFC 3261 sections 8.2 and 16.3 as far as they need
//! neither account nor dialog, and the faults of RFC 4475 section 3.
//!
//! | fault | request | ACK | response |
//! |---|---|---|---|
//! | not SIP at all, or no topmost Via that can be read | dropped | dropped | dropped |
//! | structure or grammar | 400 with the fault as reason phrase | dropped | dropped |
//! | SIP version other than 2.0 | 505 | dropped | dropped |
//! | Request-URI of a scheme we do not serve | 416 | dropped | |
//! | Request-URI too long | 414 | dropped | |
//! | Max-Forwards 0 outside a dialog, but not REGISTER | 483 | – | |
//!
//! Not judged here, because it takes knowledge of methods, dialogs and bodies: 405, 413 for bodies, 415, 420, 481, 501.

use crate::{
    limits::REQUEST_URI_BYTES_MAX,
    message::{Message, Method, reason},
};

/// How a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
}

/// Judges a request or a response as it stands.
pub(crate) fn check(message: &Message<'_>) -> Result<(), Fault> {
    message.check().map_err(|why| Fault { status: why.status(), reason: why.reason() })?;
    if message.request_uri().is_some_and(|uri| uri.len() > REQUEST_URI_BYTES_MAX) {
        // RFC 3261 section 21.4.12.
        return Err(Fault { status: 414, reason: reason(414) });
    }
    Ok(())
}

/// Judges whether a request that begins something may still travel. RFC 3261 section 16.3 step 3 refuses at Max-Forwards 0 what would be forwarded;
/// an end point does not care (RFC 4475 section 3.3.11). We are the end of every dialog we are in and of every registration.
pub(crate) fn may_travel(request: &Message<'_>, within_dialog: bool) -> Result<(), Fault> {
    let ends_here = within_dialog || request.method() == Some(Method::Register);
    match request.max_forwards() {
        Ok(Some(0)) if !ends_here => Err(Fault { status: 483, reason: reason(483) }),
        _ => Ok(()),
    }
}
