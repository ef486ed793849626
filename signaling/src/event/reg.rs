//! The contacts of an account as a document, RFC 3680.

use super::{state::Telling, xml::escaped};
use core::fmt::Write as _;

/// A contact of a watched account. How long it still lives is left out, because that changes all the time and nothing would come to rest.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ObservedContact {
    /// Its URI.
    pub uri: Box<str>,
}

/// The document. Contacts of `since` that are not there any more are told as terminated; everything else is told in full (section 5.1 leaves it to us).
pub(super) fn document(contacts: &[ObservedContact], since: &[ObservedContact], telling: &Telling<'_>) -> String {
    let mut text = String::with_capacity(300 + (contacts.len() + since.len()) * 160);
    let Telling { entity, version, .. } = telling;
    let state = if contacts.is_empty() { "terminated" } else { "active" };
    let entity = escaped(entity);
    // Writing to a String cannot fail; the same holds below.
    let _ = write!(
        text,
        "<?xml version=\"1.0\"?>\r\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{version}\" state=\"full\">\r\n\
         <registration aor=\"{entity}\" id=\"a\" state=\"{state}\">\r\n"
    );
    for contact in contacts {
        element(&mut text, contact, ("active", "registered"));
    }
    for gone in since.iter().filter(|gone| !contacts.contains(gone)) {
        element(&mut text, gone, ("terminated", "unregistered"));
    }
    text.push_str("</registration>\r\n</reginfo>\r\n");
    text
}

fn element(text: &mut String, contact: &ObservedContact, (state, event): (&str, &str)) {
    let (id, uri) = (name_of(&contact.uri), escaped(&contact.uri));
    let _ =
        write!(text, "<contact id=\"{id:016x}\" state=\"{state}\" event=\"{event}\"><uri>{uri}</uri></contact>\r\n");
}

/// A contact's `id`: the same as long as the contact is (FNV-1a of its URI). Ten contacts do not collide in 64 bits.
fn name_of(uri: &str) -> u64 {
    uri.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
