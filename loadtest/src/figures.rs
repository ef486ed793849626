//! What a run measured, under the names of RFC 6076, as text and as JSON.
//!
//! An attempt that is challenged (401) and then repeated with credentials is one attempt: the challenge is part of its time
//! and neither success nor failure, as RFC 6076 section 4.7 treats it.

use core::time::Duration;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write as _};

/// An empty histogram of microseconds up to a minute, three digits exact.
#[must_use]
pub fn microseconds() -> Histogram<u64> {
    // The bounds are constants of the call; an empty automatic one could never be refused.
    Histogram::new_with_bounds(1, 60_000_000, 3)
        .unwrap_or_else(|_| Histogram::new_with_max(60_000_000, 1).unwrap_or_else(|_| unreachable!("constant bounds")))
}

/// Notes one time.
pub fn note(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record((time.as_micros() as u64).max(1));
}

/// Percentiles of one delay, in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Delay {
    /// How many were measured.
    pub count: u64,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 90 %.
    pub p90_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// Largest.
    pub max_ms: f64,
}

impl From<&Histogram<u64>> for Delay {
    fn from(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let ms = |microseconds: u64| microseconds as f64 / 1_000.0;
        Self {
            count: histogram.len(),
            mean_ms: histogram.mean() / 1_000.0,
            p50_ms: ms(histogram.value_at_quantile(0.5)),
            p90_ms: ms(histogram.value_at_quantile(0.9)),
            p99_ms: ms(histogram.value_at_quantile(0.99)),
            max_ms: ms(histogram.max()),
        }
    }
}

/// What is counted while a run goes on.
#[derive(Debug)]
pub struct Tally {
    /// Registrations attempted.
    pub registrations: u64,
    /// Registrations that ended in 200.
    pub registered: u64,
    /// Registrations that failed, by reason.
    pub registration_failures: BTreeMap<String, u64>,
    /// First REGISTER until its 200, RFC 6076 section 4.1.
    pub registration_request_delay: Histogram<u64>,
    /// Sessions attempted.
    pub sessions: u64,
    /// Sessions answered with 200.
    pub established: u64,
    /// Sessions whose both sides ended as planned.
    pub completed: u64,
    /// Sessions answered 480, 486, 600 or 603: nobody's fault, RFC 6076 section 4.7.
    pub declined: u64,
    /// Sessions answered 3xx.
    pub redirected: u64,
    /// Sessions that failed, by reason.
    pub session_failures: BTreeMap<String, u64>,
    /// INVITE until the first 180, 183 or final, RFC 6076 section 4.3.1.
    pub session_request_delay: Histogram<u64>,
    /// INVITE until its 200.
    pub answer_delay: Histogram<u64>,
    /// BYE until its 200, RFC 6076 section 4.4.
    pub session_disconnect_delay: Histogram<u64>,
    /// 200 until the BYE's 200, RFC 6076 section 4.5.
    pub session_duration: Histogram<u64>,
    /// Requests sent again for want of an answer.
    pub retransmissions: u64,
    /// Messages `rsip` could not read.
    pub unreadable: u64,
    /// Requests and responses nobody waited for.
    pub unexpected: u64,
    /// Calls that began late because every pair of phones was busy.
    pub postponed: u64,
    /// Calls up at once, at most.
    pub most_at_once: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            registrations: 0,
            registered: 0,
            registration_failures: BTreeMap::new(),
            registration_request_delay: microseconds(),
            sessions: 0,
            established: 0,
            completed: 0,
            declined: 0,
            redirected: 0,
            session_failures: BTreeMap::new(),
            session_request_delay: microseconds(),
            answer_delay: microseconds(),
            session_disconnect_delay: microseconds(),
            session_duration: microseconds(),
            retransmissions: 0,
            unreadable: 0,
            unexpected: 0,
            postponed: 0,
            most_at_once: 0,
        }
    }
}

/// Registrations, RFC 6076 sections 4.1 and 4.2.
#[derive(Clone, Debug, Serialize)]
pub struct Registrations {
    /// Attempts.
    pub attempts: u64,
    /// Successes.
    pub registered: u64,
    /// Registration request delay.
    pub rrd: Delay,
    /// Ineffective registration attempts, percent.
    pub ira_percent: f64,
    /// Failures by reason.
    pub failures: BTreeMap<String, u64>,
    /// Time from the first REGISTER to the last answer, seconds.
    pub seconds: f64,
}

/// Sessions, RFC 6076 sections 4.3 to 4.9.
#[derive(Clone, Debug, Serialize)]
pub struct Sessions {
    /// Attempts.
    pub attempts: u64,
    /// Answered with 200.
    pub established: u64,
    /// Ended as planned on both sides.
    pub completed: u64,
    /// Calls up at once, at most.
    pub most_at_once: usize,
    /// Session request delay.
    pub srd: Delay,
    /// INVITE until 200.
    pub answer_delay: Delay,
    /// Session disconnect delay.
    pub sdd: Delay,
    /// Session duration time.
    pub sdt: Delay,
    /// Session establishment ratio, percent.
    pub ser_percent: f64,
    /// Session establishment effectiveness ratio, percent.
    pub seer_percent: f64,
    /// Ineffective session attempts, percent.
    pub isa_percent: f64,
    /// Session completion ratio, percent.
    pub scr_percent: f64,
    /// Failures by reason.
    pub failures: BTreeMap<String, u64>,
    /// Calls that began late because every pair of phones was busy.
    pub postponed: u64,
}

/// Audio of the calls that had any.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Audio {
    /// Calls with RTP, the silent control among them.
    pub calls: usize,
    /// Packets sent.
    pub sent: u64,
    /// Packets that reached the right ear.
    pub received: u64,
    /// Packets lost between mouth and ear.
    pub lost: u64,
    /// Duplicates.
    pub duplicates: u64,
    /// Out of order.
    pub reordered: u64,
    /// Packets for nobody.
    pub strays: u64,
    /// Dropped in the generator's own sockets (part of `lost`).
    pub own_drops: u64,
    /// Times the generator was a frame late.
    pub generator_late: u64,
    /// Mouth to ear, the generator's own reading delay of up to a quarter millisecond included.
    pub delay: Delay,
    /// Longest pause between two packets at any ear, ms.
    pub gap_max_ms: f64,
    /// Ears that heard exactly the right tone.
    pub ears_right: usize,
    /// Ears that did not, each with what it heard.
    pub ears_wrong: Vec<String>,
    /// Whether the ear of the silent control noticed the silence; without it the check proves nothing.
    pub control_noticed: Option<bool>,
}

impl Tally {
    /// The registrations' figures.
    #[must_use]
    pub fn registrations(&self, took: Duration) -> Registrations {
        Registrations {
            attempts: self.registrations,
            registered: self.registered,
            rrd: Delay::from(&self.registration_request_delay),
            // RFC 6076 section 4.2: failed attempts over all attempts
            ira_percent: percent(self.registrations - self.registered, self.registrations),
            failures: self.registration_failures.clone(),
            seconds: took.as_secs_f64(),
        }
    }

    /// The sessions' figures.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        let rated = self.sessions - self.redirected;
        let ineffective: u64 = ["408", "500", "503", "504"]
            .iter()
            .filter_map(|status| self.session_failures.get(*status))
            .chain(self.session_failures.get(NO_ANSWER))
            .sum();
        Sessions {
            attempts: self.sessions,
            established: self.established,
            completed: self.completed,
            most_at_once: self.most_at_once,
            srd: Delay::from(&self.session_request_delay),
            answer_delay: Delay::from(&self.answer_delay),
            sdd: Delay::from(&self.session_disconnect_delay),
            sdt: Delay::from(&self.session_duration),
            // RFC 6076 section 4.6: answered over attempted, redirections aside
            ser_percent: percent(self.established, rated),
            // RFC 6076 section 4.7: a callee who is busy or declines is an effective attempt
            seer_percent: percent(self.established + self.declined, rated),
            // RFC 6076 section 4.8: 408, 500, 503, 504 and attempts that were never answered
            isa_percent: percent(ineffective, self.sessions),
            // RFC 6076 section 4.9: sessions that ended as they should over all attempted
            scr_percent: percent(self.completed, self.sessions),
            failures: self.session_failures.clone(),
            postponed: self.postponed,
        }
    }
}

/// The reason under which requests without any answer are counted.
pub const NO_ANSWER: &str = "no answer";

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// Everything one run found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// What was run.
    pub run: String,
    /// Registrations, if any were made.
    pub registrations: Option<Registrations>,
    /// Sessions, if any were tried.
    pub sessions: Option<Sessions>,
    /// Audio, if any call had it.
    pub audio: Option<Audio>,
    /// Requests sent again.
    pub retransmissions: u64,
    /// Unreadable messages.
    pub unreadable: u64,
    /// Messages nobody waited for.
    pub unexpected: u64,
    /// What the exchange's own metrics said at the end.
    pub gauges: BTreeMap<String, f64>,
    /// Processor seconds of the exchange during the run.
    pub exchange_cpu_seconds: Option<f64>,
    /// Processor seconds of the generator during the run.
    pub generator_cpu_seconds: Option<f64>,
    /// Why the run counts as failed; empty: it passed.
    pub faults: Vec<String>,
}

impl Findings {
    /// For a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("{}\n", self.run);
        if let Some(r) = &self.registrations {
            line(
                &mut out,
                &format!(
                    "registrations {} of {} in {:.2} s, IRA {:.2} %",
                    r.registered, r.attempts, r.seconds, r.ira_percent
                ),
            );
            delay(&mut out, "RRD", &r.rrd);
            reasons(&mut out, &r.failures);
        }
        if let Some(s) = &self.sessions {
            line(
                &mut out,
                &format!(
                    "sessions {} attempted, {} established, {} completed, {} at once at most, {} postponed",
                    s.attempts, s.established, s.completed, s.most_at_once, s.postponed
                ),
            );
            line(
                &mut out,
                &format!(
                    "SER {:.2} %  SEER {:.2} %  ISA {:.2} %  SCR {:.2} %",
                    s.ser_percent, s.seer_percent, s.isa_percent, s.scr_percent
                ),
            );
            delay(&mut out, "SRD", &s.srd);
            delay(&mut out, "answer", &s.answer_delay);
            delay(&mut out, "SDD", &s.sdd);
            delay(&mut out, "SDT", &s.sdt);
            reasons(&mut out, &s.failures);
        }
        if let Some(a) = &self.audio {
            line(
                &mut out,
                &format!(
                    "audio on {} calls: {} sent, {} received, {} lost ({} in our own sockets), {} duplicates, {} reordered, {} strays, longest gap {:.1} ms",
                    a.calls, a.sent, a.received, a.lost, a.own_drops, a.duplicates, a.reordered, a.strays, a.gap_max_ms
                ),
            );
            delay(&mut out, "mouth to ear", &a.delay);
            line(
                &mut out,
                &format!(
                    "ears: {} heard the right tone, {} did not{}",
                    a.ears_right,
                    a.ears_wrong.len(),
                    match a.control_noticed {
                        Some(true) => "; the silent control was noticed",
                        Some(false) => "; THE SILENT CONTROL WAS NOT NOTICED",
                        None => "",
                    }
                ),
            );
            for wrong in a.ears_wrong.iter().take(5) {
                line(&mut out, wrong);
            }
        }
        line(
            &mut out,
            &format!(
                "retransmissions {}, unreadable {}, unexpected {}",
                self.retransmissions, self.unreadable, self.unexpected
            ),
        );
        if let (Some(exchange), Some(generator)) = (self.exchange_cpu_seconds, self.generator_cpu_seconds) {
            line(&mut out, &format!("processor time: exchange {exchange:.2} s, generator {generator:.2} s"));
        }
        for (name, value) in &self.gauges {
            line(&mut out, &format!("{name} {value}"));
        }
        match self.faults.is_empty() {
            true => line(&mut out, "PASSED"),
            false => self.faults.iter().for_each(|fault| line(&mut out, &format!("FAILED: {fault}"))),
        }
        out
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "  {text}");
}

fn delay(out: &mut String, name: &str, d: &Delay) {
    if d.count > 0 {
        line(
            out,
            &format!(
                "{name}: p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, max {:.2} ms ({} measured)",
                d.p50_ms, d.p90_ms, d.p99_ms, d.max_ms, d.count
            ),
        );
    }
}

fn reasons(out: &mut String, failures: &BTreeMap<String, u64>) {
    for (reason, count) in failures {
        line(out, &format!("failed: {reason}: {count}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6076 sections 4.6 to 4.9 on one set of numbers.
    #[test]
    fn ratios_follow_rfc_6076() {
        let mut tally =
            Tally { sessions: 100, redirected: 20, established: 60, declined: 10, completed: 50, ..Tally::default() };
        tally.session_failures.insert("503".into(), 5);
        tally.session_failures.insert("404".into(), 5);
        let s = tally.sessions();
        assert_eq!((s.ser_percent, s.seer_percent, s.isa_percent, s.scr_percent), (75.0, 87.5, 5.0, 50.0));
    }
}
