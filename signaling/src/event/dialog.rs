//! The dialogs of an account as a document, RFC 4235: what makes the lamp of another phone blink and burn, and shows who calls.
//!
//! The first document of a subscription tells everything, the next ones what has changed since (section 3.9). A dialog that is gone is told once as
//! terminated.

use super::{
    state::{Telling, address},
    xml::escaped,
};
use core::fmt::Write as _;

/// How far a dialog is, RFC 4235 section 3.7.1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Progress {
    /// The INVITE is out, and nobody has answered in any way.
    Trying,
    /// It rings.
    Early,
    /// Answered.
    Confirmed,
}

impl Progress {
    const fn token(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Early => "early",
            Self::Confirmed => "confirmed",
        }
    }
}

/// A party as it is shown.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Party {
    /// Its number.
    pub number: Box<str>,
    /// Its display name; empty: none.
    pub name: Box<str>,
}

/// What names a dialog on the wire, from the watched phone's side.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WireName {
    /// Call-ID.
    pub call_id: Box<str>,
    /// The watched phone's tag.
    pub local_tag: Box<str>,
    /// Ours.
    pub remote_tag: Box<str>,
}

/// A dialog of a watched account. All phones of an account that ring for one call are one dialog here: a lamp stands for the account.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ObservedDialog {
    /// Unique among the dialogs of the account, and never used twice.
    pub id: Box<str>,
    /// The account called; else it is called.
    pub initiator: bool,
    /// How far it is.
    pub progress: Progress,
    /// The account's side.
    pub local: Party,
    /// The other side.
    pub remote: Party,
    /// Its name on the wire, when it has exactly one.
    pub name: Option<WireName>,
}

/// The document; with `since` only what has changed from there.
pub(super) fn document(dialogs: &[ObservedDialog], since: Option<&[ObservedDialog]>, telling: &Telling<'_>) -> String {
    let mut text = String::with_capacity(400 + dialogs.len() * 400);
    let completeness = if since.is_some() { "partial" } else { "full" };
    let Telling { entity, version, .. } = telling;
    // Writing to a String cannot fail; the same holds below.
    let _ = write!(
        text,
        "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"{completeness}\" entity=\"{}\">\r\n",
        escaped(entity)
    );
    let held = since.unwrap_or_default();
    for dialog in dialogs.iter().filter(|dialog| !held.contains(dialog)) {
        element(&mut text, dialog, Some(dialog.progress), telling);
    }
    // RFC 4235 section 3.7.2: a watcher keeps a dialog until it hears that it is terminated.
    for gone in held.iter().filter(|gone| dialogs.iter().all(|dialog| dialog.id != gone.id)) {
        element(&mut text, gone, None, telling);
    }
    text.push_str("</dialog-info>\r\n");
    text
}

/// One dialog; without `progress` it is over.
fn element(text: &mut String, dialog: &ObservedDialog, progress: Option<Progress>, telling: &Telling<'_>) {
    let direction = if dialog.initiator { "initiator" } else { "recipient" };
    let _ = write!(text, "<dialog id=\"{}\"", escaped(&dialog.id));
    if let Some(name) = dialog.name.as_ref().filter(|_| telling.sight.names) {
        let (call_id, local, remote) = (escaped(&name.call_id), escaped(&name.local_tag), escaped(&name.remote_tag));
        let _ = write!(text, " call-id=\"{call_id}\" local-tag=\"{local}\" remote-tag=\"{remote}\"");
    }
    let state = progress.map_or("terminated", Progress::token);
    let _ = write!(text, " direction=\"{direction}\">\r\n<state>{state}</state>\r\n");
    if telling.sight.parties {
        for (side, party) in [("local", &dialog.local), ("remote", &dialog.remote)] {
            let uri = address(&party.number, telling.domain);
            let uri = escaped(&uri);
            let display =
                if party.name.is_empty() { String::new() } else { format!(" display=\"{}\"", escaped(&party.name)) };
            let _ = write!(text, "<{side}><identity{display}>{uri}</identity><target uri=\"{uri}\"/></{side}>\r\n");
        }
    }
    text.push_str("</dialog>\r\n");
}
