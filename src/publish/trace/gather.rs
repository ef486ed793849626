//! The trace of one call out of the ring: all legs, all messages, all decisions, in their order.
//!
//! Reads the files as they are; nothing is kept in memory for it, and nothing waits for it.

use super::{
    record::{self, Content, Note, Record, Stamp},
    ring::{self, Segment},
};
use signaling::{
    id::CallId,
    message::{Header, Index},
};
use std::{collections::BTreeSet, io, path::Path};

/// Entries of one trace; what comes later is left out, and that is said.
const ENTRIES_MAX: usize = 20_000;

/// Octets of the messages of one trace; likewise.
const OCTETS_MAX: usize = 16 << 20;

/// Calls that one SIP Call-ID may be of. A Call-ID that a phone uses for everything is of many.
const CALLS_MAX: usize = 16;

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// A call by its name; of calls of several runs of the process that have it, the newest.
    Call(CallId),
    /// By the Call-ID of one of its legs; or, when no call came of it, the messages that bear it.
    Conversation(String),
}

/// The trace of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The calls; none when no call came of what was asked for.
    pub calls: Vec<CallId>,
    /// The legs in the order of their beginnings.
    pub legs: Vec<Leg>,
    /// Everything in order.
    pub entries: Vec<Record>,
    /// More is there than can be told at once.
    pub cut: bool,
}

/// A leg.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// The call.
    pub call: CallId,
    /// Its number within the call.
    pub number: u16,
    /// The party's number.
    pub party: String,
    /// The trunk; empty: none.
    pub trunk: String,
    /// Its Call-ID.
    pub call_id: String,
    /// Where it is reached, or where it called from.
    pub contact: String,
    /// Requests go to where it was seen.
    pub behind_nat: bool,
    /// It called us.
    pub calls: bool,
}

impl Leg {
    fn of(record: &Record) -> Option<Self> {
        let Content::Note(Note { kind, data, .. }) = &record.content else { return None };
        if kind != "leg" {
            return None;
        }
        let text = |name: &str| data.get(name)?.as_str().map(str::to_owned);
        let is = |name: &str| data.get(name).and_then(serde_json::Value::as_bool).unwrap_or_default();
        Some(Self {
            call: record.stamp.call?,
            number: record.stamp.leg?,
            party: text("party")?,
            trunk: text("trunk")?,
            call_id: text("call_id")?,
            contact: text("contact")?,
            behind_nat: is("behind_nat"),
            calls: is("calls"),
        })
    }
}

impl Trace {
    /// The leg that an entry belongs to.
    #[must_use]
    pub fn leg_of(&self, record: &Record) -> Option<usize> {
        let Stamp { call, leg, conversation, .. } = record.stamp;
        let named = self.legs.iter().position(|one| Some(one.call) == call && Some(one.number) == leg);
        // The first INVITE of a phone is challenged before there is a call; it bears the Call-ID of the leg.
        let same = |one: &Leg| conversation != 0 && record::conversation(one.call_id.as_bytes()) == conversation;
        named.or_else(|| self.legs.iter().position(same))
    }
}

/// Reads the trace of a call; `None`: the ring holds nothing of it.
///
/// # Errors
/// The ring cannot be read.
pub(super) fn gather(dir: &Path, wanted: &Wanted) -> io::Result<Option<Trace>> {
    let segments = ring::segments(dir)?;
    let Some(found) = find(&segments, wanted)? else { return Ok(None) };
    let mut trace = Trace { calls: found.calls.iter().copied().collect(), legs: found.legs, ..Trace::default() };
    let texts: BTreeSet<&str> = trace.legs.iter().map(|leg| leg.call_id.as_str()).chain(wanted.call_id()).collect();
    let hashes: BTreeSet<u64> = texts.iter().map(|text| record::conversation(text.as_bytes())).collect();
    let mut index = Index::new();
    let mut octets = 0;
    for segment in segments.iter().filter(|segment| found.run.is_none_or(|run| run == segment.run)) {
        let bytes = ring::read(segment)?;
        let mut rest = &*bytes;
        while let Some((sealed, after)) = record::next(rest) {
            rest = after;
            let of_call = sealed.stamp.call.is_some_and(|call| found.calls.contains(&call));
            // A stream's note belongs to whoever speaks by it; which that is, is seen when all messages are there.
            let of_stream = sealed.is_note() && sealed.stamp.call.is_none();
            if !of_call && !of_stream && !hashes.contains(&sealed.stamp.conversation) {
                continue;
            }
            let Some(entry) = sealed.open() else { continue };
            if let Content::Message(passed) = &entry.content {
                if !of_call && !bears(&mut index, &passed.bytes, &texts) {
                    continue;
                }
                octets += passed.bytes.len();
            }
            if trace.entries.len() >= ENTRIES_MAX || octets > OCTETS_MAX {
                trace.cut = true;
                break;
            }
            trace.entries.push(entry);
        }
    }
    keep_own_streams(&mut trace.entries);
    Ok((!trace.entries.is_empty()).then_some(trace))
}

impl Wanted {
    fn call_id(&self) -> Option<&str> {
        match self {
            Self::Call(_) => None,
            Self::Conversation(text) => Some(text),
        }
    }
}

/// What the first look finds.
#[derive(Default)]
struct Found {
    /// The run; `None`: any, because there is no call.
    run: Option<u64>,
    calls: BTreeSet<CallId>,
    legs: Vec<Leg>,
}

/// Looks for the legs of what is wanted, the newest run first.
fn find(segments: &[Segment], wanted: &Wanted) -> io::Result<Option<Found>> {
    let mut runs: Vec<u64> = segments.iter().map(|segment| segment.run).collect();
    runs.dedup();
    for run in runs.into_iter().rev() {
        let mut legs: Vec<Leg> = Vec::new();
        let mut seen = false;
        for segment in segments.iter().filter(|segment| segment.run == run) {
            let bytes = ring::read(segment)?;
            let mut rest = &*bytes;
            while let Some((sealed, after)) = record::next(rest) {
                rest = after;
                let concerned = match wanted {
                    Wanted::Call(call) => sealed.stamp.call == Some(*call),
                    // All legs are looked at: one of another call may bear the Call-ID.
                    Wanted::Conversation(_) => true,
                };
                seen |= concerned && sealed.stamp.call.is_some();
                if concerned && sealed.is_note() && sealed.stamp.leg.is_some() {
                    legs.extend(sealed.open().as_ref().and_then(Leg::of));
                }
            }
        }
        let calls: BTreeSet<CallId> = match wanted {
            Wanted::Call(call) if seen => [*call].into(),
            Wanted::Call(_) => BTreeSet::new(),
            Wanted::Conversation(text) => {
                let of_it = legs.iter().filter(|leg| leg.call_id == *text).map(|leg| leg.call);
                of_it.take(CALLS_MAX).collect()
            }
        };
        if !calls.is_empty() {
            legs.retain(|leg| calls.contains(&leg.call));
            return Ok(Some(Found { run: Some(run), calls, legs }));
        }
    }
    Ok(match wanted {
        Wanted::Call(_) => None,
        Wanted::Conversation(_) => Some(Found::default()),
    })
}

/// Whether a message bears one of these Call-IDs.
fn bears(index: &mut Index, bytes: &[u8], texts: &BTreeSet<&str>) -> bool {
    let call_id = index.parse(bytes).ok().and_then(|message| message.header(Header::CallId).map(<[u8]>::to_vec));
    call_id.and_then(|text| String::from_utf8(text).ok()).is_some_and(|text| texts.contains(text.as_str()))
}

/// Leaves out what happened to streams that no message of the trace went by.
fn keep_own_streams(entries: &mut Vec<Record>) {
    let of_messages = |entry: &Record| match &entry.content {
        Content::Message(passed) => passed.connection.map(|connection| connection.0.to_string()),
        Content::Note(_) => None,
    };
    let streams: BTreeSet<String> = entries.iter().filter_map(of_messages).collect();
    entries.retain(|entry| match &entry.content {
        Content::Note(note) if entry.stamp.call.is_none() => {
            let connection = note.data.get("connection").and_then(serde_json::Value::as_str);
            connection.is_some_and(|connection| streams.contains(connection))
        }
        Content::Note(_) | Content::Message(_) => true,
    });
}
