//! YAML text to a tree in which every node knows its place.
//!
//! Deliberately narrower than YAML: one document, text keys, no anchors, aliases, merges or tags, bounded depth and size. So no file can grow
//! when it is read, and every fault can be told by line and column. Scalars keep their text as written: whether `1001` is a number or a name is
//! for the reader of the key to say, not for its spelling.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's events are its own and may grow; only nodes are of use here"
)]

use super::fault::Position;
use serde_saphyr::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, StrInput};

/// Bytes of one file; a larger one is refused unread.
pub(super) const FILE_BYTES_MAX: u64 = 16 << 20;

/// Nodes in one file: 16 MiB of the shortest accounts fit in.
const NODES_MAX: usize = 2_000_000;

/// Nesting. The deepest key of the contract stands at 5.
const DEPTH_MAX: usize = 24;

/// Keys of one mapping. The contract's largest has 20; more would make the search for repeated ones slow.
const KEYS_MAX: usize = 1_000;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text as written, quoted or not.
    Scalar { text: String },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) node: Node,
}

/// A fault without its file.
pub(super) struct Complaint {
    pub(super) at: Position,
    pub(super) what: String,
    pub(super) instead: String,
}

/// Reads `text`. Faults that do not hide the rest are put into `complaints`; `None` when nothing can be read.
pub(super) fn read(text: &str, complaints: &mut Vec<Complaint>) -> Option<Node> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    let mut walk = Walk { events: Parser::new_from_str_with_options(text, options), complaints, nodes: 0 };
    let root = walk.document();
    root.ok()
}

/// Reading cannot go on; the complaint is made.
struct Stop;

struct Walk<'t, 'c> {
    events: Parser<'t, StrInput<'t>>,
    complaints: &'c mut Vec<Complaint>,
    nodes: usize,
}

impl<'t> Walk<'t, '_> {
    fn complain(&mut self, at: Position, what: impl Into<String>, instead: &str) {
        self.complaints.push(Complaint { at, what: what.into(), instead: instead.to_owned() });
    }

    fn next(&mut self) -> Result<(Event<'t>, Position), Stop> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, position(span.start))),
            Some(Err(error)) => {
                let at = position(*error.marker());
                self.complain(at, format!("this is not YAML: {}", error.info()), "YAML that can be read to its end");
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, Position::START)),
        }
    }

    fn document(&mut self) -> Result<Node, Stop> {
        let root = loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd | Event::DocumentEnd => break Node { at: Position::START, value: Value::Null },
                other => break self.node(other, at, 0)?,
            }
        };
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentEnd => {}
                _ => {
                    self.complain(at, "a second document begins here", "one document in a file");
                    return Ok(root);
                }
            }
        }
    }

    fn node(&mut self, event: Event<'t>, at: Position, depth: usize) -> Result<Node, Stop> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            self.complain(at, format!("the file holds more than {NODES_MAX} values"), "a smaller file");
            return Err(Stop);
        }
        if depth > DEPTH_MAX {
            self.complain(at, format!("this is nested deeper than {DEPTH_MAX} levels"), "flatter nesting");
            return Err(Stop);
        }
        let (anchor, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag) => (*anchor, tag.is_some()),
            _ => (0, false),
        };
        if anchor != 0 {
            self.complain(at, "an anchor (&) has no use here", "the value itself wherever it is needed");
        }
        if tagged {
            self.complain(at, "a tag (!) has no use here", "the value without a tag");
        }
        let value = match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == ScalarStyle::Plain;
                if plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::Scalar { text: text.into_owned() }
                }
            }
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.complain(
                    at,
                    "an alias (*) has no use here",
                    "the value itself, or quotes around text that begins with *",
                );
                Value::Null
            }
            _ => Value::Null,
        };
        Ok(Node { at, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::List(items));
            }
            items.push(self.node(event, at, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Map(entries));
            }
            let key = self.node(event, at, depth + 1)?;
            let (event, value_at) = self.next()?;
            let node = self.node(event, value_at, depth + 1)?;
            if entries.len() == KEYS_MAX {
                self.complain(at, format!("more than {KEYS_MAX} keys stand here"), "a list");
                return Err(Stop);
            }
            let Value::Scalar { text: key, .. } = key.value else {
                self.complain(at, "this key is not text", "a key of letters and underscores");
                continue;
            };
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let line = first.at.line;
                self.complain(at, format!("`{key}` stands here twice, first in line {line}"), "each key once");
                continue;
            }
            entries.push(Entry { key, at, node });
        }
    }
}

/// The parser counts columns from 0.
fn position(mark: Marker) -> Position {
    Position { line: mark.line().max(1), column: mark.col() + 1 }
}
