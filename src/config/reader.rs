//! Typed reading of the tree, gathering every fault instead of stopping at the first.
//!
//! A reader of a value returns `None` after it has told what is wrong; the section then goes on with the default, and the faults keep the
//! result from being used.

use super::{
    fault::{Fault, Position},
    yaml::{Entry, Node, Value},
};
use std::collections::BTreeMap;

/// Faults told in one run. More would not be read by anybody; the rest is counted.
const FAULTS_MAX: usize = 200;

/// Characters of one text value.
const TEXT_MAX: usize = 512;

/// Where an `env:` secret is looked up.
pub(super) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// One run over one file.
pub(super) struct Reader<'e> {
    file: String,
    pub(super) environment: Environment<'e>,
    /// The file is for this machine, so that the files it names are to be there.
    pub(super) is_here: bool,
    faults: Vec<Fault>,
    faults_untold: usize,
    warnings: Vec<Fault>,
    not_active: Vec<&'static str>,
    /// Who owns a number, and where he says so.
    pub(super) owners: BTreeMap<String, (&'static str, Position)>,
    /// Ranges of numbers with an owner.
    pub(super) ranges: Vec<(u32, u32, &'static str)>,
    /// Where things are written, by the path that [`super::Config::flat`] has for them.
    pub(super) places: BTreeMap<String, Position>,
    /// What was named and must exist; looked at when everything is read.
    pub(super) references: Vec<(Position, Reference)>,
}

/// A name that must exist elsewhere in the file.
pub(super) enum Reference {
    /// An extension's number.
    Extension(String),
    /// A trunk's name.
    Trunk(String),
    /// Music on hold.
    Music(String),
    /// A schedule.
    Schedule(String),
    /// A context.
    Context(String),
    /// Anything that can be called.
    Destination(String),
}

impl<'e> Reader<'e> {
    pub(super) fn new(file: &str, environment: Environment<'e>) -> Self {
        Self {
            file: file.to_owned(),
            environment,
            is_here: false,
            faults: Vec::new(),
            faults_untold: 0,
            warnings: Vec::new(),
            not_active: Vec::new(),
            owners: BTreeMap::new(),
            ranges: Vec::new(),
            places: BTreeMap::new(),
            references: Vec::new(),
        }
    }

    /// The file as it was named.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn fault(&mut self, at: Position, what: impl Into<String>, instead: impl Into<String>) {
        if self.faults.len() == FAULTS_MAX {
            self.faults_untold += 1;
            return;
        }
        self.faults.push(Fault { file: self.file.clone(), at, what: what.into(), instead: instead.into() });
    }

    pub(super) fn warn(&mut self, at: Position, what: impl Into<String>, instead: impl Into<String>) {
        if self.warnings.len() < FAULTS_MAX {
            self.warnings.push(Fault { file: self.file.clone(), at, what: what.into(), instead: instead.into() });
        }
    }

    /// The file sets something that this version accepts and does not act on.
    pub(super) fn not_active(&mut self, section: &'static str) {
        if !self.not_active.contains(&section) {
            self.not_active.push(section);
        }
    }

    /// The number belongs to `owner` alone.
    pub(super) fn own(&mut self, at: Position, number: &str, owner: &'static str) {
        if let Some((other, first)) = self.owners.get(number) {
            let what = format!("{number} is already the number of {other} in line {}", first.line);
            self.fault(at, what, "a number with one owner");
        } else {
            self.owners.insert(number.to_owned(), (owner, at));
        }
    }

    /// Remembers where something is written.
    pub(super) fn place(&mut self, at: Position, path: String) {
        self.places.entry(path).or_insert(at);
    }

    pub(super) fn refer(&mut self, at: Position, reference: Reference) {
        self.references.push((at, reference));
    }

    /// Ends the run: warnings and what is not active, or the faults in the order of the file.
    pub(super) fn finish(mut self) -> Result<(Vec<Fault>, Vec<&'static str>), Vec<Fault>> {
        if self.faults.is_empty() {
            self.warnings.sort_by_key(|fault| fault.at);
            return Ok((self.warnings, self.not_active));
        }
        self.faults.sort_by_key(|fault| fault.at);
        if self.faults_untold > 0
            && let Some(last) = self.faults.last_mut()
        {
            last.what.push_str(&format!(" (and {} more faults in this file)", self.faults_untold));
        }
        Err(self.faults)
    }
}

/// A mapping whose keys are taken one by one.
pub(super) struct Section<'n> {
    pub(super) at: Position,
    entries: &'n [Entry],
    known: Vec<&'static str>,
}

impl<'n> Section<'n> {
    /// `node` as a mapping; null is one without keys.
    pub(super) fn of(r: &mut Reader<'_>, node: &'n Node) -> Option<Self> {
        match &node.value {
            Value::Map(entries) => Some(Self { at: node.at, entries, known: Vec::new() }),
            Value::Null => Some(Self { at: node.at, entries: &[], known: Vec::new() }),
            Value::Scalar { .. } | Value::List(_) => {
                r.fault(node.at, format!("{} where keys with values are expected", kind(node)), "`key: value`");
                None
            }
        }
    }

    /// The value of `key`, unless absent or null.
    pub(super) fn node(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!matches!(entry.node.value, Value::Null)).then_some(&entry.node)
    }

    /// Remembers where `key` is written, if it is, as `path`.
    pub(super) fn mark(&self, r: &mut Reader<'_>, key: &str, path: &str) {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == key) {
            r.place(entry.node.at, path.to_owned());
        }
    }

    /// The value of `key` read by `read`; the default when absent, null or faulty.
    pub(super) fn get<T>(
        &mut self,
        r: &mut Reader<'_>,
        key: &'static str,
        default: T,
        read: impl FnOnce(&mut Reader<'_>, &'n Node) -> Option<T>,
    ) -> T {
        self.node(key).and_then(|node| read(r, node)).unwrap_or(default)
    }

    /// The value of `key`, or nothing.
    pub(super) fn optional<T>(
        &mut self,
        r: &mut Reader<'_>,
        key: &'static str,
        read: impl FnOnce(&mut Reader<'_>, &'n Node) -> Option<T>,
    ) -> Option<T> {
        self.node(key).and_then(|node| read(r, node))
    }

    /// The value of `key`, which must be there; `example` says what would be right.
    pub(super) fn required<T>(
        &mut self,
        r: &mut Reader<'_>,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&mut Reader<'_>, &'n Node) -> Option<T>,
    ) -> Option<T> {
        match self.node(key) {
            Some(node) => read(r, node),
            None => {
                r.fault(self.at, format!("`{key}` is missing"), example);
                None
            }
        }
    }

    /// A section within this one, by its own reader.
    pub(super) fn section<T: Default>(
        &mut self,
        r: &mut Reader<'_>,
        key: &'static str,
        read: impl FnOnce(&mut Reader<'_>, &mut Section<'n>) -> T,
    ) -> T {
        let Some(node) = self.node(key) else { return T::default() };
        let Some(mut section) = Section::of(r, node) else { return T::default() };
        let value = read(r, &mut section);
        section.finish(r);
        value
    }

    /// Accepts the key, which this version does not act on.
    pub(super) fn mark_not_active(&mut self, r: &mut Reader<'_>, key: &str, section: &'static str) {
        let set = self.entries.iter().find(|entry| entry.key == key).is_some_and(|entry| !is_empty(&entry.node));
        if set {
            r.not_active(section);
        }
    }

    /// Tells the keys nobody asked for.
    pub(super) fn finish(self, r: &mut Reader<'_>) {
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str())) {
            let instead = match nearest(&entry.key, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", self.known.join(", ")),
            };
            r.fault(entry.at, format!("unknown key `{}`", printable(&entry.key)), instead);
        }
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Scalar { text, .. } => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    }
}

/// The word most like `text`, if any is like it at all.
pub(super) fn nearest<'w>(text: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    words
        .map(|word| (strsim::damerau_levenshtein(text, word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Tells a second use of a name.
pub(super) fn unique(r: &mut Reader<'_>, seen: &mut BTreeMap<String, Position>, at: Position, name: &str, of: &str) {
    if let Some(first) = seen.get(name) {
        r.fault(at, format!("the {of} `{}` is already there in line {}", printable(name), first.line), "each once");
    } else {
        seen.insert(name.to_owned(), at);
    }
}

/// Text from a file as it may appear in a message: short and without control characters.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

fn kind(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "nothing",
        Value::Scalar { .. } => "a single value",
        Value::List(_) => "a list",
        Value::Map(_) => "a group of keys",
    }
}

/// The scalar's text; anything else is a fault.
pub(super) fn scalar<'n>(r: &mut Reader<'_>, node: &'n Node, expected: &str) -> Option<&'n str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        Value::Null | Value::List(_) | Value::Map(_) => {
            r.fault(node.at, format!("{} where a single value is expected", kind(node)), expected);
            None
        }
    }
}

/// Any printable text on one line.
pub(super) fn text(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = scalar(r, node, "text")?;
    if text.chars().count() > TEXT_MAX {
        r.fault(node.at, "this text is too long", format!("at most {TEXT_MAX} characters"));
        return None;
    }
    if text.chars().any(char::is_control) {
        r.fault(node.at, "this text holds a control character", "text on one line");
        return None;
    }
    Some(text.to_owned())
}

/// A name used as a label: letters, digits, `-`, `_`.
pub(super) fn name(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let found = text(r, node)?;
    let good = (1..=64).contains(&found.len())
        && found.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !good {
        r.fault(node.at, format!("`{}` is not a name", printable(&found)), "1 to 64 letters, digits, -, _ or .");
        return None;
    }
    Some(found)
}

/// `true` or `false`.
pub(super) fn boolean(r: &mut Reader<'_>, node: &Node) -> Option<bool> {
    match scalar(r, node, "true or false")? {
        "true" => Some(true),
        "false" => Some(false),
        other => {
            r.fault(node.at, format!("`{}` is neither true nor false", printable(other)), "true or false");
            None
        }
    }
}

/// A whole number within bounds.
pub(super) fn integer<T: TryFrom<u64>>(min: u64, max: u64) -> impl Fn(&mut Reader<'_>, &Node) -> Option<T> {
    move |r, node| {
        let expected = format!("a whole number from {min} to {max}");
        let text = scalar(r, node, &expected)?;
        let Ok(value) = text.parse::<i128>() else {
            r.fault(node.at, format!("`{}` is not a whole number", printable(text)), expected);
            return None;
        };
        let inside = u64::try_from(value).ok().filter(|value| (min..=max).contains(value));
        let Some(value) = inside.and_then(|value| T::try_from(value).ok()) else {
            r.fault(node.at, format!("{value} is out of range"), expected);
            return None;
        };
        Some(value)
    }
}

/// One of a few words.
pub(super) fn one_of<T: Copy + 'static>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&mut Reader<'_>, &Node) -> Option<T> {
    move |r, node| {
        let all = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let text = scalar(r, node, &format!("one of {all}"))?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let instead = match nearest(text, words.iter().map(|(word, _)| *word)) {
            Some(near) => format!("did you mean `{near}`? one of {all}"),
            None => format!("one of {all}"),
        };
        r.fault(node.at, format!("`{}` is not known here", printable(text)), instead);
        None
    }
}

/// A list of at most `max`, each read by `read`; faulty items are told and left out.
pub(super) fn list<'n, T>(
    max: usize,
    mut read: impl FnMut(&mut Reader<'_>, &'n Node) -> Option<T>,
) -> impl FnOnce(&mut Reader<'_>, &'n Node) -> Option<Vec<T>> {
    move |r, node| {
        let Value::List(items) = &node.value else {
            r.fault(node.at, format!("{} where a list is expected", kind(node)), "a list such as [a, b]");
            return None;
        };
        if items.len() > max {
            r.fault(node.at, format!("this list has {} items", items.len()), format!("at most {max}"));
            return None;
        }
        Some(items.iter().filter_map(|item| read(r, item)).collect())
    }
}

/// A list of sections.
pub(super) fn sections<'n, T>(
    max: usize,
    mut read: impl FnMut(&mut Reader<'_>, &mut Section<'n>) -> Option<T>,
) -> impl FnOnce(&mut Reader<'_>, &'n Node) -> Option<Vec<T>> {
    list(max, move |r, node| {
        let mut section = Section::of(r, node)?;
        let value = read(r, &mut section);
        section.finish(r);
        value
    })
}
