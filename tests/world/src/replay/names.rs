//! What is drawn at random in a message, and what stands for it in another run.
//!
//! Two messages are the same when all else in them is the same, and each name of one stands for one name of the other, always the same one.

use std::collections::BTreeMap;

/// A name in the text, or text between names.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Part<'t> {
    /// Has to be the same.
    Plain(&'t str),
    /// Stands for something.
    Name(&'t str),
    /// May be anything: it is masked, or follows from the rest.
    Any,
}

/// Shorter names are not looked for in texts: they may stand there for something else.
const LENGTH_MIN: usize = 8;

/// What begins a name, and what ends it. Those of header fields are looked for in any case of letters.
const NAMES: [(&str, &str); 7] = [
    (";tag=", ";>, \t\""),
    (";branch=", ";, \t"),
    ("nonce=\"", "\""),
    ("opaque=\"", "\""),
    ("call-id: ", ""),
    ("a=ice-ufrag:", ""),
    ("o=- ", " "),
];

/// As [`NAMES`], for what is not compared.
const ANYTHING: [(&str, &str); 5] =
    [("response=\"", "\""), ("content-length: ", ""), ("inline:", "|; "), ("a=ice-pwd:", ""), ("a=fingerprint:", "")];

/// The parts of a line.
fn parts(line: &str) -> Vec<Part<'_>> {
    let lower = line.to_ascii_lowercase();
    let mut found: Vec<(usize, usize, bool)> = Vec::new();
    let all = NAMES.iter().map(|rule| (rule, true)).chain(ANYTHING.iter().map(|rule| (rule, false)));
    for ((begins, ends), named) in all {
        for (at, _) in lower.match_indices(begins) {
            let start = at + begins.len();
            // What begins with a header's name begins the line.
            if (begins.ends_with(": ") || begins.starts_with("a=") || begins.starts_with("o=")) && at != 0 {
                continue;
            }
            let rest = line.get(start..).unwrap_or_default();
            let length = rest.find(|letter| ends.contains(letter)).unwrap_or(rest.len());
            found.push((start, start + length, named));
        }
    }
    found.sort_unstable();
    let (mut parts, mut from) = (Vec::new(), 0);
    for (start, end, named) in found {
        if start < from {
            continue;
        }
        parts.push(Part::Plain(line.get(from..start).unwrap_or_default()));
        let name = line.get(start..end).unwrap_or_default();
        parts.push(if named { Part::Name(name) } else { Part::Any });
        from = end;
    }
    parts.push(Part::Plain(line.get(from..).unwrap_or_default()));
    parts
}

/// What stands for what, both ways.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    now: BTreeMap<String, String>,
    then: BTreeMap<String, String>,
}

impl Names {
    /// Whether two messages are the same; names that were not known are known from then on.
    pub(super) fn same(&mut self, then: &[u8], now: &[u8]) -> Result<(), String> {
        let (then, now) = (String::from_utf8_lossy(then), String::from_utf8_lossy(now));
        let mut learned = self.clone();
        let (mut before, mut after) = (then.lines(), now.lines());
        loop {
            match (before.next(), after.next()) {
                (None, None) => break,
                (Some(then), Some(now)) => {
                    learned.same_line(then, now).map_err(|()| format!("then: {then}\n now: {now}"))?;
                }
                (Some(then), None) => return Err(format!("then: {then}\n now: nothing")),
                (None, Some(now)) => return Err(format!("then: nothing\n now: {now}")),
            }
        }
        *self = learned;
        Ok(())
    }

    fn same_line(&mut self, then: &str, now: &str) -> Result<(), ()> {
        let (then, now) = (parts(then), parts(now));
        if then.len() != now.len() {
            return Err(());
        }
        for pair in then.iter().zip(&now) {
            match pair {
                (Part::Plain(then), Part::Plain(now)) if then == now => {}
                (Part::Any, Part::Any) => {}
                (Part::Name(then), Part::Name(now)) => self.learn(then, now)?,
                (Part::Plain(_) | Part::Name(_) | Part::Any, _) => return Err(()),
            }
        }
        Ok(())
    }

    fn learn(&mut self, then: &str, now: &str) -> Result<(), ()> {
        let stands = self.now.entry(then.to_owned()).or_insert_with(|| now.to_owned());
        let stood = self.then.entry(now.to_owned()).or_insert_with(|| then.to_owned());
        if stands == now && stood == then { Ok(()) } else { Err(()) }
    }

    /// A text of then with the names of now.
    pub(super) fn renamed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let mut names: Vec<(&String, &String)> =
            self.now.iter().filter(|(then, now)| then != now && then.len() >= LENGTH_MIN).collect();
        // A name may be part of a longer one.
        names.sort_by_key(|(then, _)| core::cmp::Reverse(then.len()));
        for (then, now) in names {
            text = text.replace(then.as_str(), now);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_differ_and_nothing_else() {
        let mut names = Names::default();
        let then = b"SIP/2.0 180 Ringing\r\nTo: <sip:a@b>;tag=0123456789abcdef\r\nCall-ID: one@there\r\nContent-Length: 12\r\n\r\no=- 17 1 IN IP4 h\r\n";
        let now = b"SIP/2.0 180 Ringing\r\nTo: <sip:a@b>;tag=fedcba9876543210\r\nCall-ID: one@there\r\nContent-Length: 13\r\n\r\no=- 923 1 IN IP4 h\r\n";
        names.same(then, now).unwrap();
        assert_eq!(names.renamed("BYE;tag=0123456789abcdef"), "BYE;tag=fedcba9876543210");
        // The same name must stand for the same, and for nothing else.
        assert!(names.same(b"From: x;tag=0123456789abcdef", b"From: x;tag=another-tag").is_err());
        assert!(names.same(b"From: x;tag=another-tag", b"From: x;tag=fedcba9876543210").is_err());
        let difference = names.same(then, &now.map(|byte| if byte == b'R' { b'r' } else { byte })).unwrap_err();
        assert_eq!(difference, "then: SIP/2.0 180 Ringing\n now: SIP/2.0 180 ringing");
    }

    #[test]
    fn what_was_masked_is_not_compared() {
        let mut names = Names::default();
        let line = |answer: &str, nonce: &str| {
            format!("Authorization: Digest username=\"a\", nonce=\"{nonce}\", response=\"{answer}\", qop=auth")
                .into_bytes()
        };
        names.same(&line("****", "nonce-of-then"), &line("f00d", "nonce-of-now")).unwrap();
        names.same(b"a=crypto:1 X inline:****|2^20", b"a=crypto:1 X inline:AbCd|2^20").unwrap();
        assert!(names.same(b"a=crypto:1 X inline:****|2^20", b"a=crypto:1 X inline:AbCd|2^31").is_err());
        assert_eq!(names.renamed("nonce-of-then"), "nonce-of-now");
    }
}
