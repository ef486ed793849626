//! The little XML that event documents need: written with everything escaped, and read without trust.
//!
//! The reader knows elements, text and the five entities. It refuses document types, so that no entity can be declared and none can grow, and has
//! neither recursion nor an allocation that grows faster than its input. It does not check that elements nest.

use std::borrow::Cow;

/// `text` as the content of an element or an attribute in double quotes. What XML 1.0 section 2.2 has no characters for is left out.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    let plain = |letter: char| !matches!(letter, '<' | '>' | '&' | '"' | '\'') && is_char(letter);
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars().filter(|letter| is_char(*letter)) {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            _ => out.push(letter),
        }
    }
    Cow::Owned(out)
}

const fn is_char(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A part of a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part<'a> {
    /// An element begins: its name without prefix. One that is empty begins and ends.
    Begin(&'a str),
    /// An element ends.
    End(&'a str),
    /// Text, entities resolved.
    Text(Cow<'a, str>),
}

/// What it read is no document we take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unreadable;

/// Reads a document part by part.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a str,
    /// The element that is to end, because it was written as empty.
    empty: Option<&'a str>,
}

impl<'a> Reader<'a> {
    /// Of this document.
    #[must_use]
    pub const fn new(document: &'a str) -> Self {
        Self { rest: document, empty: None }
    }

    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// It is not XML, or has a document type.
    pub fn part(&mut self) -> Result<Option<Part<'a>>, Unreadable> {
        if let Some(name) = self.empty.take() {
            return Ok(Some(Part::End(name)));
        }
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            if let Some(rest) = self.rest.strip_prefix("<!--") {
                self.rest = after(rest, "-->")?;
            } else if let Some(rest) = self.rest.strip_prefix("<?") {
                self.rest = after(rest, "?>")?;
            } else if let Some(rest) = self.rest.strip_prefix("<![CDATA[") {
                let end = rest.find("]]>").ok_or(Unreadable)?;
                let text = &rest[..end];
                self.rest = &rest[end + 3..];
                return Ok(Some(Part::Text(Cow::Borrowed(text))));
            } else if self.rest.starts_with("<!") {
                return Err(Unreadable);
            } else if let Some(rest) = self.rest.strip_prefix("</") {
                let end = rest.find('>').ok_or(Unreadable)?;
                let name = local(rest[..end].trim())?;
                self.rest = &rest[end + 1..];
                return Ok(Some(Part::End(name)));
            } else if let Some(rest) = self.rest.strip_prefix('<') {
                return self.begin(rest).map(Some);
            } else {
                let end = self.rest.find('<').unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Ok(Some(Part::Text(resolved(text))));
            }
        }
    }

    fn begin(&mut self, rest: &'a str) -> Result<Part<'a>, Unreadable> {
        // A `>` within an attribute's quotes does not end the tag.
        let mut quote = None;
        let end = rest.char_indices().find_map(|(at, letter)| {
            match (quote, letter) {
                (None, '"' | '\'') => quote = Some(letter),
                (Some(open), _) if open == letter => quote = None,
                (None, '>') => return Some(at),
                _ => {}
            }
            None
        });
        let end = end.ok_or(Unreadable)?;
        let (tag, rest) = (&rest[..end], &rest[end + 1..]);
        self.rest = rest;
        let (tag, empty) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let name = local(tag.split(|letter: char| letter.is_ascii_whitespace()).next().unwrap_or_default())?;
        self.empty = empty.then_some(name);
        Ok(Part::Begin(name))
    }
}

fn after<'a>(text: &'a str, end: &str) -> Result<&'a str, Unreadable> {
    let at = text.find(end).ok_or(Unreadable)?;
    Ok(&text[at + end.len()..])
}

/// A name without its prefix.
fn local(name: &str) -> Result<&str, Unreadable> {
    let local = name.rsplit(':').next().unwrap_or_default();
    if local.is_empty() || local.contains(['<', '&', '"', '\'']) { Err(Unreadable) } else { Ok(local) }
}

/// Text with the five entities resolved; others, and characters by number, stay as they are written.
fn resolved(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"'), ("&apos;", '\'')];
        match known.iter().find(|(entity, _)| rest.starts_with(entity)) {
            Some((entity, letter)) => {
                out.push(*letter);
                rest = &rest[entity.len()..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(document: &str) -> Result<Vec<String>, Unreadable> {
        let mut reader = Reader::new(document);
        let mut parts = Vec::new();
        while let Some(part) = reader.part()? {
            parts.push(match part {
                Part::Begin(name) => format!("<{name}"),
                Part::End(name) => format!("/{name}"),
                Part::Text(text) if text.trim().is_empty() => continue,
                Part::Text(text) => text.trim().to_owned(),
            });
        }
        Ok(parts)
    }

    #[test]
    fn what_is_written_is_escaped() {
        assert_eq!(escaped("Alice \"Al\" <Ames> & Co's\u{1}"), "Alice &quot;Al&quot; &lt;Ames&gt; &amp; Co&apos;s");
        assert_eq!(escaped("Борис"), "Борис");
    }

    #[test]
    fn documents_are_read_part_by_part() {
        let document = "<?xml version=\"1.0\"?>\n<!-- a > b -->\n<p:presence entity=\"a>b\"><p:basic >open</p:basic ><note>a &lt;b&gt; &amp;amp; &#65;</note>\
                        <busy/><![CDATA[<x>]]></p:presence>";
        let wanted = [
            "<presence",
            "<basic",
            "open",
            "/basic",
            "<note",
            "a <b> &amp; &#65;",
            "/note",
            "<busy",
            "/busy",
            "<x>",
            "/presence",
        ];
        assert_eq!(parts(document), Ok(wanted.map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_could_grow_or_does_not_end_is_refused() {
        for document in [
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>",
            "<a",
            "<a b=\">",
            "<!-- a",
            "<?xml",
            "</a",
            "<>",
            "< a>",
            "<a:>",
            "<![CDATA[",
        ] {
            assert_eq!(parts(document), Err(Unreadable), "{document}");
        }
    }
}
