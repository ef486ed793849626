//! The messages that wait for an account as a document, RFC 3842: what makes a phone's message lamp burn.

use crate::fact::Mailbox;

/// The document, RFC 3842 section 5.2.
pub(super) fn document(mailbox: Mailbox, account: &str) -> String {
    let Mailbox { new, old, new_urgent, old_urgent } = mailbox;
    let waiting = if new > 0 { "yes" } else { "no" };
    format!(
        "Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\nVoice-Message: {new}/{old} ({new_urgent}/{old_urgent})\r\n"
    )
}
