//! Presence as a document: PIDF (RFC 3863) with the activities of RPID (RFC 4480), written for watchers and read from phones that publish.

use super::xml::{Part, Reader, Unreadable, escaped};
use crate::{fact::PresenceStatus, limits::PRESENCE_NOTE_LETTERS_MAX};

/// Whether and in what mood somebody can be reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Presence {
    /// The state.
    pub status: PresenceStatus,
    /// Words of the person's own; empty: none.
    pub note: Box<str>,
}

impl Presence {
    /// A state, with a note cut at [`PRESENCE_NOTE_LETTERS_MAX`] and without control letters.
    #[must_use]
    pub fn new(status: PresenceStatus, note: &str) -> Self {
        let note: String =
            note.trim().chars().filter(|letter| !letter.is_control()).take(PRESENCE_NOTE_LETTERS_MAX).collect();
        Self { status, note: note.into() }
    }
}

/// RFC 4480 section 3.2: what the person is doing. RPID has no word for "do not disturb"; the note says it.
const fn activity(status: PresenceStatus) -> Option<&'static str> {
    match status {
        PresenceStatus::Available | PresenceStatus::Offline => None,
        PresenceStatus::Busy | PresenceStatus::DoNotDisturb => Some("busy"),
        PresenceStatus::Away => Some("away"),
        PresenceStatus::InCall => Some("on-the-phone"),
        PresenceStatus::InMeeting => Some("meeting"),
    }
}

/// The document.
pub(super) fn document(presence: &Presence, entity: &str) -> String {
    let Presence { status, note } = presence;
    // RFC 3863 section 4.1.4: `closed` means that nothing reaches the person.
    let basic = if *status == PresenceStatus::Offline { "closed" } else { "open" };
    let said = if note.is_empty() { status.words() } else { note };
    let (entity, said) = (escaped(entity), escaped(said));
    let activities = match activity(*status) {
        Some(activity) => format!("<rpid:activities><rpid:{activity}/></rpid:activities>"),
        None => String::new(),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{entity}\">\r\n\
         <tuple id=\"exchange\"><status><basic>{basic}</basic></status><contact>{entity}</contact><note>{said}</note></tuple>\r\n\
         <dm:person id=\"person\">{activities}<dm:note>{said}</dm:note></dm:person>\r\n</presence>\r\n"
    )
}

/// Reads what a phone publishes: the first basic status, the first activity we have a state for, the first note.
///
/// # Errors
/// It is not XML, or no presence document.
pub fn read(document: &[u8]) -> Result<Presence, Unreadable> {
    let text = core::str::from_utf8(document).map_err(|_| Unreadable)?;
    let mut reader = Reader::new(text.trim_start_matches('\u{feff}'));
    let (mut begun, mut within, mut activities) = (false, "", false);
    let (mut open, mut doing, mut note) = (None, None, None);
    while let Some(part) = reader.part()? {
        match part {
            Part::Begin("presence") if !begun => begun = true,
            Part::Begin(_) if !begun => return Err(Unreadable),
            Part::Begin("activities") => activities = true,
            Part::End("activities") => activities = false,
            Part::Begin(name) if activities => doing = doing.or_else(|| done(name)),
            Part::Begin(name) => within = name,
            Part::End(_) => within = "",
            Part::Text(text) if within == "basic" && open.is_none() => open = Some(text.trim() != "closed"),
            Part::Text(text) if within == "note" && note.is_none() && !text.trim().is_empty() => note = Some(text),
            Part::Text(_) => {}
        }
    }
    if !begun {
        return Err(Unreadable);
    }
    let note = note.unwrap_or_default();
    let status = match (open.unwrap_or(true), doing) {
        (false, _) => PresenceStatus::Offline,
        (true, Some(PresenceStatus::Busy)) if is_do_not_disturb(&note) => PresenceStatus::DoNotDisturb,
        (true, doing) => doing.unwrap_or(PresenceStatus::Available),
    };
    // The words of a state alone are no note of the person's own.
    let own = if note.trim().eq_ignore_ascii_case(status.words()) { "" } else { &*note };
    Ok(Presence::new(status, own))
}

/// The state that an activity of RFC 4480 section 3.2 amounts to.
fn done(activity: &str) -> Option<PresenceStatus> {
    Some(match activity {
        "on-the-phone" => PresenceStatus::InCall,
        "meeting" | "presentation" => PresenceStatus::InMeeting,
        "busy" | "appointment" | "performance" | "working" => PresenceStatus::Busy,
        "away" | "breakfast" | "dinner" | "holiday" | "in-transit" | "lunch" | "meal" | "permanent-absence"
        | "shopping" | "sleeping" | "steering" | "travel" | "vacation" | "worship" => PresenceStatus::Away,
        _ => return None,
    })
}

fn is_do_not_disturb(note: &str) -> bool {
    ["do not disturb", "dnd"].iter().any(|words| note.trim().eq_ignore_ascii_case(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_back() {
        for status in PresenceStatus::ALL {
            for note in ["", "Back at 3 <soon> & \"rested\""] {
                let presence = Presence::new(status, note);
                let document = document(&presence, "sip:1001@pbx.test");
                let wanted = match (status, note) {
                    // RPID cannot tell it from busy once the note says something else.
                    (PresenceStatus::DoNotDisturb, "Back at 3 <soon> & \"rested\"") => {
                        Presence::new(PresenceStatus::Busy, note)
                    }
                    _ => presence,
                };
                assert_eq!(read(document.as_bytes()), Ok(wanted), "{document}");
            }
        }
    }

    #[test]
    fn documents_of_phones_are_read() {
        let read = |inner: &str| {
            let presence = read(format!("<presence>{inner}</presence>").as_bytes()).expect("a presence document");
            (presence.status, presence.note.to_string())
        };
        for (inner, status, note) in [
            ("<tuple id='a'><status><basic>open</basic></status></tuple>", PresenceStatus::Available, ""),
            ("<tuple id='a'><status><basic> closed </basic></status></tuple>", PresenceStatus::Offline, ""),
            (
                "<tuple id='a'><status><basic>open</basic></status><note>Lunch</note></tuple><person><activities><x:meal/></activities></person>",
                PresenceStatus::Away,
                "Lunch",
            ),
            (
                "<note>DND</note><person><activities><r:busy/></activities></person>",
                PresenceStatus::DoNotDisturb,
                "DND",
            ),
            ("<person><activities><unknown/><working/></activities></person>", PresenceStatus::Busy, ""),
            ("", PresenceStatus::Available, ""),
        ] {
            assert_eq!(read(inner), (status, note.to_owned()), "{inner}");
        }
    }

    #[test]
    fn what_is_no_presence_is_refused() {
        for document in [&b""[..], b"hello", b"<a/>", b"<!DOCTYPE presence><presence/>", b"<presence", b"\xff\xfe"] {
            assert_eq!(read(document), Err(Unreadable));
        }
    }

    #[test]
    fn a_note_is_cut() {
        let long = "ж".repeat(PRESENCE_NOTE_LETTERS_MAX + 5);
        let presence = Presence::new(PresenceStatus::Busy, &format!(" a\r\nb{long}"));
        assert_eq!(presence.note.chars().count(), PRESENCE_NOTE_LETTERS_MAX);
        assert!(presence.note.starts_with("abж"));
    }
}
