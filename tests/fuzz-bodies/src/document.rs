//! Documents that phones publish.

use core::str;
use signaling::event::{
    presence,
    xml::{Part, Reader, escaped},
};

/// Reads `bytes` as a document, and as the presence of who publishes it.
///
/// # Panics
/// If the reader turns in a circle, or text does not survive being escaped and read again.
pub fn document(bytes: &[u8]) {
    _ = presence::read(bytes);
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut reader = Reader::new(text);
    let mut parts = 0;
    while let Ok(Some(_)) = reader.part() {
        parts += 1;
        assert!(parts <= bytes.len() + 1, "each part takes a character at the least");
    }
    let plain: String = text.chars().filter(|character| !character.is_control()).collect();
    if plain.trim().is_empty() {
        return;
    }
    let document = format!("<a>{}</a>", escaped(&plain));
    let mut reader = Reader::new(&document);
    let mut read = String::new();
    loop {
        match reader.part() {
            Ok(Some(Part::Text(text))) => read.push_str(&text),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_) => panic!("what we write can be read: {document:?}"),
        }
    }
    assert_eq!(read.trim(), plain.trim());
}
