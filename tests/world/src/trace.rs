//! What happened, as a hash for the comparison of runs and as a ladder for the eye.

use contract::Instant;
use std::fmt::Write as _;

/// Running hash (FNV-1a) and, when asked for, lines.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(keep: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: keep.then(Vec::new) }
    }

    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// A message on its way; `who` is the phone, `inbound` towards the exchange.
    pub(crate) fn message(&mut self, now: Instant, who: &str, inbound: bool, bytes: &[u8]) {
        self.mix(&now.as_nanos().to_le_bytes());
        self.mix(bytes);
        if self.lines.is_some() {
            let arrow = if inbound { "──▶ exchange" } else { "◀── exchange" };
            let text = String::from_utf8_lossy(bytes);
            let first = text.lines().next().unwrap_or("(keep-alive)").to_owned();
            let pick =
                |name: &str| text.lines().find(|l| l.to_ascii_lowercase().starts_with(name)).unwrap_or("").to_owned();
            let (cseq, call_id) = (pick("cseq:"), pick("call-id:"));
            let media = text.lines().filter(|l| {
                l.starts_with("m=") || l.starts_with("a=send") || l.starts_with("a=recv") || l.starts_with("a=inact")
            });
            let media: Vec<&str> = media.collect();
            self.note(now, &format!("{who:<22} {arrow}  {first}   {cseq} {call_id} {}", media.join(" ")));
        }
    }

    /// Anything else worth hashing.
    pub(crate) fn event(&mut self, now: Instant, what: &dyn core::fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{what:?}");
        self.mix(&now.as_nanos().to_le_bytes());
        self.mix(text.as_bytes());
        self.note(now, &text);
    }

    /// A line for the eye only.
    pub(crate) fn note(&mut self, now: Instant, text: &str) {
        if let Some(lines) = &mut self.lines {
            let ns = now.as_nanos();
            lines.push(format!("{:>6}.{:06} {text}", ns / 1_000_000_000, ns % 1_000_000_000 / 1_000));
        }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
