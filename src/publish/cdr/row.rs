//! The shape of a call record for everybody outside: files, store, API.

use crate::publish::{disposition, hangup_cause};
use contract::{Instant, LegReport};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use signaling::fact::{CallRecord, LegRecord};
use std::fmt;
use utoipa::ToSchema;

/// A wall time of a record: RFC 3339, UTC, milliseconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WallTime(Timestamp);

impl WallTime {
    /// `at`, to the millisecond.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at))
    }

    /// The time itself.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Milliseconds of Unix time.
    #[must_use]
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self::new).map_err(de::Error::custom)
    }
}

/// One call.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct CallRow {
    /// The call.
    pub id: String,
    /// Caller's number.
    pub from: String,
    /// Dialled number.
    pub to: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: WallTime,
    /// When it was answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<WallTime>,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: WallTime,
    /// From beginning to end, by a clock that cannot be set.
    pub duration_seconds: f64,
    /// From answer to end; 0 when it was not answered.
    pub billable_seconds: f64,
    /// `answered`, `no answer`, `busy` or `failed`.
    pub disposition: String,
    /// Who or what ended it.
    pub hangup_cause: String,
    /// The SIP status the caller was given, when he was refused.
    pub sip_status: Option<u16>,
    /// Placed by the API rather than by a phone.
    pub originated: bool,
    /// File of the recording; none are made yet.
    pub recording: Option<String>,
    /// The caller's phone.
    pub user_agent: String,
    /// Every party, also those that rang in vain.
    pub legs: Vec<LegRow>,
}

/// One party of a call.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct LegRow {
    /// Number within the call; 0 is the caller.
    pub id: u16,
    /// The party's number.
    pub party: String,
    /// Where it was reached, or called from.
    pub contact: String,
    /// Its phone.
    pub user_agent: String,
    /// When the leg began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: WallTime,
    /// When it was answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<WallTime>,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: WallTime,
    /// Last SIP status of its INVITE; 0 when it had none.
    pub sip_status: u16,
    /// Codec, as in SDP; empty when none was agreed.
    pub codec: String,
    /// Path of its media at the end: 0 kernel, 1 relay, 2 DSP.
    pub tier: Option<u8>,
    /// Figures of its media, when it had any (RTP-12).
    pub quality: Option<QualityRow>,
}

/// Figures of a leg's media, as seen from the exchange.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct QualityRow {
    /// Mean opinion score, 1.0 to 4.5, when it can be told.
    pub mos: Option<f32>,
    /// Packets that never came, in percent of those expected.
    pub loss_percent: f64,
    /// Interarrival jitter.
    pub jitter_ms: f64,
    /// Round trip, when the phone tells.
    pub rtt_ms: Option<f64>,
    /// RTP packets from the phone.
    pub packets_received: u64,
    /// RTP packets to the phone.
    pub packets_sent: u64,
}

impl CallRow {
    /// The row of a record; `wall` tells the wall time of a monotonic one. Spans come from the monotonic times alone.
    #[must_use]
    pub fn new(record: &CallRecord, wall: impl Fn(Instant) -> Timestamp) -> Self {
        // One reading of the wall clock for the whole row, so that its times keep their distances.
        let end = wall(record.ended_at);
        let at = |at: Instant| {
            let back = record.ended_at.since(at);
            let back = SignedDuration::try_from(back).unwrap_or(SignedDuration::ZERO);
            WallTime::new(end.checked_sub(back).unwrap_or(end))
        };
        let seconds = |from: Instant| millis(record.ended_at.since(from).as_secs_f64());
        Self {
            id: record.call.to_string(),
            from: record.from.clone(),
            to: record.to.clone(),
            started_at: at(record.started_at),
            answered_at: record.answered_at.map(at),
            ended_at: WallTime::new(end),
            duration_seconds: seconds(record.started_at),
            billable_seconds: record.answered_at.map_or(0.0, seconds),
            disposition: disposition(record.disposition).to_owned(),
            hangup_cause: hangup_cause(record.hangup_cause).to_owned(),
            sip_status: record.status,
            originated: record.originated,
            recording: None,
            user_agent: record.user_agent.clone(),
            legs: record.legs.iter().map(|leg| LegRow::new(leg, at)).collect(),
        }
    }
}

impl LegRow {
    fn new(leg: &LegRecord, at: impl Fn(Instant) -> WallTime) -> Self {
        Self {
            id: leg.number,
            party: leg.party.clone(),
            contact: leg.contact.clone(),
            user_agent: leg.user_agent.clone(),
            started_at: at(leg.started_at),
            answered_at: leg.answered_at.map(&at),
            ended_at: at(leg.ended_at),
            sip_status: leg.status,
            codec: leg.codec.clone(),
            tier: leg.report.map(|report| report.tier),
            quality: leg.report.as_ref().map(QualityRow::new),
        }
    }
}

impl QualityRow {
    /// The figures of a report.
    #[must_use]
    pub fn new(report: &LegReport) -> Self {
        let expected = report.packets_received.saturating_add(report.packets_lost);
        let loss = if expected == 0 { 0.0 } else { report.packets_lost as f64 * 100.0 / expected as f64 };
        Self {
            mos: report.mos,
            loss_percent: millis(loss),
            jitter_ms: millis(report.jitter.as_secs_f64() * 1_000.0),
            rtt_ms: report.round_trip.map(|trip| millis(trip.as_secs_f64() * 1_000.0)),
            packets_received: report.packets_received,
            packets_sent: report.packets_sent,
        }
    }
}

/// To three places.
fn millis(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
