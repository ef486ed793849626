//! A trace for people: a ladder with a line for each party, or all messages in full; decisions stand between.
//!
//! What comes from phones is shown on terminals, so control characters never pass.

use super::{
    gather::Trace,
    record::{Content, Passed, Record},
};
use crate::clock;
use jiff::Timestamp;
use signaling::message::{Index, Message, StartLine};
use std::fmt::Write as _;

/// Columns between two lines of life.
const SPAN: usize = 26;

/// Columns before the first one.
const MARGIN: usize = 14;

/// Lines of life at most; further parties share the last.
const PARTIES_MAX: usize = 12;

/// The ladder.
#[must_use]
pub fn ladder(trace: &Trace) -> String {
    let parties = Parties::of(trace);
    let mut out = heading(trace);
    let names: Vec<&str> = parties.names.iter().map(String::as_str).collect();
    let mut head = vec![' '; MARGIN + SPAN * names.len()];
    for (at, name) in names.iter().enumerate() {
        put(&mut head, place(at).saturating_sub(name.chars().count() / 2), name);
    }
    line(&mut out, head);
    let mut index = Index::new();
    let mut last: Vec<&Passed> = Vec::new();
    for entry in &trace.entries {
        let time = time_of_day(entry);
        match &entry.content {
            Content::Message(passed) => {
                let again = last.iter().any(|one| one.inbound == passed.inbound && one.bytes == passed.bytes);
                last.push(passed);
                if last.len() > 64 {
                    last.remove(0);
                }
                let mut label = label(&mut index, &passed.bytes);
                if again {
                    label.push_str(" (again)");
                }
                let party = parties.of_entry(trace, entry);
                let (from, to) = if passed.inbound { (party, parties.us) } else { (parties.us, party) };
                line(&mut out, arrow(names.len(), &time, from, to, &label));
            }
            Content::Note(note) => {
                let leg = trace.leg_of(entry).and_then(|at| trace.legs.get(at));
                let whom = leg.map(|leg| format!("leg {}: ", leg.number)).unwrap_or_default();
                let _ = writeln!(out, "{time}  · {whom}{}", harmless(&note.words));
            }
        }
    }
    out
}

/// All messages in full.
#[must_use]
pub fn text(trace: &Trace) -> String {
    let mut out = heading(trace);
    for entry in &trace.entries {
        let at = clock::rfc3339(wall(entry));
        let leg = trace.leg_of(entry).and_then(|at| trace.legs.get(at));
        let whom = leg.map(|leg| format!(" leg {} ({})", leg.number, harmless(&leg.party))).unwrap_or_default();
        match &entry.content {
            Content::Message(passed) => {
                let (from, to) =
                    if passed.inbound { (passed.remote, passed.local) } else { (passed.local, passed.remote) };
                let way = if passed.inbound { "in " } else { "out" };
                let _ = writeln!(out, "\n{at} {way} {} {from} -> {to}{whom}", passed.transport);
                let text = String::from_utf8_lossy(&passed.bytes).replace("\r\n", "\n");
                for line in text.lines() {
                    let _ = writeln!(out, "  {}", harmless(line));
                }
            }
            Content::Note(note) => {
                let _ = writeln!(out, "{at} --  {}{whom}: {}", note.kind, harmless(&note.words));
            }
        }
    }
    out
}

fn heading(trace: &Trace) -> String {
    let mut out = String::new();
    for call in &trace.calls {
        let _ = writeln!(out, "call {call}");
    }
    if let Some(first) = trace.entries.first() {
        let _ = writeln!(out, "begun {}", clock::rfc3339(wall(first)));
    }
    for leg in &trace.legs {
        let by = if leg.trunk.is_empty() { String::new() } else { format!(" by trunk {}", harmless(&leg.trunk)) };
        let (party, call_id) = (harmless(&leg.party), harmless(&leg.call_id));
        let _ = writeln!(out, "leg {}: {party}{by}, Call-ID {call_id}", leg.number);
    }
    if trace.cut {
        out.push_str("there is more than can be shown at once: what comes later is left out\n");
    }
    out.push('\n');
    out
}

/// Who has a line of life, and where.
struct Parties {
    names: Vec<String>,
    /// The place of the exchange.
    us: usize,
    /// The place of each leg.
    legs: Vec<usize>,
    /// Far sides of messages that belong to no leg.
    strangers: Vec<(std::net::SocketAddr, usize)>,
}

impl Parties {
    /// Who called stands left of the exchange, who was called right of it.
    fn of(trace: &Trace) -> Self {
        let mut parties = Self { names: Vec::new(), us: 0, legs: vec![0; trace.legs.len()], strangers: Vec::new() };
        let name = |at: usize| trace.legs.get(at).map(|leg| format!("{} ({})", harmless(&leg.party), leg.number));
        let sides = |calls: bool| (0..trace.legs.len()).filter(move |at| trace.legs[*at].calls == calls);
        for at in sides(true) {
            parties.legs[at] = parties.add(name(at).unwrap_or_default());
        }
        for entry in &trace.entries {
            let Content::Message(passed) = &entry.content else { continue };
            let known = parties.strangers.iter().any(|(remote, _)| *remote == passed.remote);
            if trace.leg_of(entry).is_none() && !known {
                let at = parties.add(passed.remote.to_string());
                parties.strangers.push((passed.remote, at));
            }
        }
        parties.us = parties.add("ironbell".to_owned());
        for at in sides(false) {
            parties.legs[at] = parties.add(name(at).unwrap_or_default());
        }
        parties
    }

    fn add(&mut self, name: String) -> usize {
        // The exchange itself has a line of its own in any case.
        if self.names.len() < PARTIES_MAX || name == "ironbell" {
            self.names.push(name.chars().take(SPAN - 4).collect());
        } else if let Some(last) = self.names.last_mut() {
            *last = "others".to_owned();
        }
        self.names.len() - 1
    }

    fn of_entry(&self, trace: &Trace, entry: &Record) -> usize {
        let Content::Message(passed) = &entry.content else { return self.us };
        match trace.leg_of(entry) {
            Some(leg) => self.legs.get(leg).copied().unwrap_or(0),
            None => self.strangers.iter().find(|(remote, _)| *remote == passed.remote).map_or(0, |(_, at)| *at),
        }
    }
}

const fn place(at: usize) -> usize {
    MARGIN + SPAN / 2 + at * SPAN
}

fn put(line: &mut [char], at: usize, text: &str) {
    for (place, letter) in line.iter_mut().skip(at).zip(text.chars()) {
        *place = letter;
    }
}

fn line(out: &mut String, letters: Vec<char>) {
    out.push_str(letters.into_iter().collect::<String>().trim_end());
    out.push('\n');
}

fn arrow(parties: usize, time: &str, from: usize, to: usize, label: &str) -> Vec<char> {
    let mut line = vec![' '; MARGIN + SPAN * parties];
    put(&mut line, 0, time);
    for at in 0..parties {
        put(&mut line, place(at), "│");
    }
    if from == to {
        put(&mut line, place(to) + 2, label);
        return line;
    }
    let (left, right) = (place(from.min(to)), place(from.max(to)));
    line[left + 1..right].fill('─');
    if to > from {
        line[right - 1] = '>';
    } else {
        line[left + 1] = '<';
    }
    let room = right - left - 5;
    let label: String = label.chars().take(room).collect();
    let start = left + 1 + (right - left - 1 - label.chars().count()) / 2;
    put(&mut line, start, &label);
    line
}

/// What a message is, in a few letters.
fn label(index: &mut Index, bytes: &[u8]) -> String {
    let Ok(message) = index.parse(bytes) else { return "?".to_owned() };
    let start = match message.start() {
        StartLine::Request { method, .. } => String::from_utf8_lossy(method.as_bytes()).into_owned(),
        StartLine::Response { status, reason } => format!("{status} {}", String::from_utf8_lossy(reason)),
    };
    let described = if describes(&message) { " SDP" } else { "" };
    harmless(&format!("{start}{described}"))
}

fn describes(message: &Message<'_>) -> bool {
    message.body().starts_with(b"v=0")
}

fn wall(entry: &Record) -> Timestamp {
    i64::try_from(entry.stamp.wall_us).ok().and_then(|at| Timestamp::from_microsecond(at).ok()).unwrap_or_default()
}

fn time_of_day(entry: &Record) -> String {
    let whole = clock::rfc3339(wall(entry));
    whole.split_once('T').map_or(whole.as_str(), |(_, time)| time.trim_end_matches('Z')).to_owned()
}

/// Text that does nothing to a terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            gather::Leg,
            record::{Note, Stamp, conversation},
        },
        *,
    };
    use contract::NodeId;
    use signaling::{
        flow::{ListenerId, Transport},
        id::CallId,
    };

    fn message(at_ms: u64, leg: Option<u16>, inbound: bool, start: &str, call_id: &str) -> Record {
        let bytes = format!("{start}\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\r\n").into_bytes();
        let call = leg.map(|_| CallId::new(NodeId(0), 5));
        let stamp = Stamp {
            wall_us: 1_763_724_000_000_000 + at_ms * 1_000,
            mono_ns: at_ms,
            call,
            leg,
            conversation: conversation(call_id.as_bytes()),
        };
        let passed = Passed {
            inbound,
            transport: Transport::Udp,
            connection: None,
            listener: ListenerId(0),
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.7:5062".parse().unwrap(),
            bytes,
        };
        Record { stamp, content: Content::Message(passed) }
    }

    fn leg(number: u16, party: &str, call_id: &str) -> Leg {
        Leg {
            call: CallId::new(NodeId(0), 5),
            number,
            party: party.to_owned(),
            trunk: String::new(),
            call_id: call_id.to_owned(),
            contact: String::new(),
            behind_nat: false,
            calls: number == 0,
        }
    }

    #[test]
    fn each_party_has_a_line_and_decisions_stand_between() {
        let note = Note { kind: "route".into(), words: "1002 leads to extension 1002\u{7}".into(), ..Note::default() };
        let stamp = Stamp { wall_us: 1_763_724_000_002_000, call: Some(CallId::new(NodeId(0), 5)), ..Stamp::default() };
        let trace = Trace {
            calls: vec![CallId::new(NodeId(0), 5)],
            legs: vec![leg(0, "1001", "a"), leg(1, "1002", "b"), leg(2, "1002", "c")],
            entries: vec![
                message(0, None, true, "INVITE sip:1002@pbx.test SIP/2.0", "a"),
                message(1, Some(0), false, "SIP/2.0 100 Trying", "a"),
                Record { stamp, content: Content::Note(note) },
                message(3, Some(1), false, "INVITE sip:1002@192.0.2.7 SIP/2.0", "b"),
                message(503, Some(1), false, "INVITE sip:1002@192.0.2.7 SIP/2.0", "b"),
                message(504, Some(2), true, "SIP/2.0 180 Ringing", "c"),
            ],
            cut: false,
        };
        let shown = ladder(&trace);
        let expected = "\
call 0000000000000005
begun 2025-11-21T11:20:00.000Z
leg 0: 1001, Call-ID a
leg 1: 1002, Call-ID b
leg 2: 1002, Call-ID c

                       1001 (0)                  ironbell                  1002 (1)                  1002 (2)
11:20:00.000               │─────────INVITE─────────>│                         │                         │
11:20:00.001               │<──────100 Trying────────│                         │                         │
11:20:00.002  · 1002 leads to extension 1002\u{fffd}
11:20:00.003               │                         │─────────INVITE─────────>│                         │
11:20:00.503               │                         │─────INVITE (again)─────>│                         │
11:20:00.504               │                         │<───────────────────180 Ringing────────────────────│
";
        assert_eq!(shown, expected);
        let full = text(&trace);
        assert!(
            full.contains("2025-11-21T11:20:00.003Z out udp 192.0.2.1:5060 -> 192.0.2.7:5062 leg 1 (1002)"),
            "{full}"
        );
        assert!(full.contains("\n  INVITE sip:1002@192.0.2.7 SIP/2.0\n  Call-ID: b\n"), "{full}");
    }
}
