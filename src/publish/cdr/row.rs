//! The shape of a call record for everybody outside: files, store, API.

use crate::{
    media::recording,
    publish::{call_direction, disposition, hangup_cause, transfer_outcome},
};
use contract::{Instant, LegReport};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use signaling::{
    fact::{CallRecord, LegRecord, TransferRecord},
    id::CallId,
};
use std::{fmt, time::Duration};
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
    /// `internal`, `inbound` or `outbound`.
    #[serde(default)]
    pub direction: String,
    /// Its first recording, `/api/recordings/{id}`; all of them are `/api/recordings?call={id}`.
    pub recording: Option<String>,
    /// The caller's phone.
    pub user_agent: String,
    /// Every party, also those that rang in vain.
    pub legs: Vec<LegRow>,
    /// Transfers of its parties, in order.
    #[serde(default)]
    pub transfers: Vec<TransferRow>,
    /// The call in whose record its parties went on: this record is a branch of that tree.
    #[serde(default)]
    pub part_of: Option<String>,
}

/// A transfer of a party.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct TransferRow {
    /// The number of who ordered it.
    pub by: String,
    /// The number of who was transferred.
    pub of: String,
    /// The number it was transferred to.
    pub to: String,
    /// `blind` or `attended`.
    pub kind: String,
    /// When it was ordered.
    #[schema(value_type = String, format = DateTime)]
    pub at: WallTime,
    /// `completed`, `returned` to who ordered it, or `ended` by somebody who hung up.
    pub outcome: String,
}

/// One party of a call.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct LegRow {
    /// Number within the call; 0 is the caller.
    pub id: u16,
    /// The party's number.
    pub party: String,
    /// The trunk it was reached or called by; empty: none.
    #[serde(default)]
    pub trunk: String,
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
    /// How its media was protected: `sdes` (keys in session descriptions), `dtls` (a handshake), or nothing.
    #[serde(default)]
    pub media_security: Option<String>,
    /// Path of its media at the end: 0 kernel, 1 relay, 2 DSP.
    pub tier: Option<u8>,
    /// Figures of its media, when it had any (RTP-12).
    pub quality: Option<QualityRow>,
    /// The call it was taken over from.
    #[serde(default)]
    pub from_call: Option<String>,
    /// The call it went on in.
    #[serde(default)]
    pub to_call: Option<String>,
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
    /// Lowest score of any interval of about 5 s.
    #[serde(default)]
    pub mos_min: Option<f32>,
    /// Largest jitter of any interval.
    #[serde(default)]
    pub jitter_max_ms: f64,
    /// Longest round trip.
    #[serde(default)]
    pub rtt_max_ms: Option<f64>,
    /// How long sound waited to be played evenly; none when it was passed on as it came.
    #[serde(default)]
    pub playout_ms: Option<f64>,
    /// Packets that came more than once.
    #[serde(default)]
    pub packets_duplicate: u32,
    /// Packets that came out of order and still in time.
    #[serde(default)]
    pub packets_reordered: u32,
    /// Most packets in a row that never came.
    #[serde(default)]
    pub loss_longest: u32,
    /// Packets lost within bursts (RFC 3611), in percent.
    #[serde(default)]
    pub burst_loss_percent: f64,
    /// Mean length of bursts.
    #[serde(default)]
    pub burst_ms: f64,
    /// What the phone tells of what it heard, when it does.
    #[serde(default)]
    pub phone: Option<PhoneRow>,
}

/// What a phone tells of what it heard, by its RTCP. On a relayed call that is the whole way from the other phone.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct PhoneRow {
    /// Mean opinion score, 1.0 to 4.5: its own, else by the E-model.
    pub mos: Option<f32>,
    /// Lowest score it told.
    pub mos_min: Option<f32>,
    /// Packets it never got, in percent of those sent.
    pub loss_percent: f64,
    /// The largest part it lost between two of its reports, in percent.
    pub loss_max_percent: f64,
    /// Its jitter.
    pub jitter_ms: f64,
    /// Its largest jitter.
    pub jitter_max_ms: f64,
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
            direction: call_direction(record.direction).to_owned(),
            recording: record.recordings.first().map(|recording| recording::name(*recording)),
            user_agent: record.user_agent.clone(),
            legs: record.legs.iter().map(|leg| LegRow::new(leg, at)).collect(),
            transfers: record.transfers.iter().map(|transfer| TransferRow::new(transfer, at)).collect(),
            part_of: record.part_of.map(|call| call.to_string()),
        }
    }
}

impl LegRow {
    fn new(leg: &LegRecord, at: impl Fn(Instant) -> WallTime) -> Self {
        Self {
            id: leg.number,
            party: leg.party.clone(),
            trunk: leg.trunk.clone(),
            contact: leg.contact.clone(),
            user_agent: leg.user_agent.clone(),
            started_at: at(leg.started_at),
            answered_at: leg.answered_at.map(&at),
            ended_at: at(leg.ended_at),
            sip_status: leg.status,
            codec: leg.codec.clone(),
            media_security: leg.protection.map(|kind| kind.name().to_owned()),
            tier: leg.report.map(|report| report.tier),
            quality: leg.report.as_ref().map(QualityRow::new),
            from_call: leg.came_from.as_ref().map(CallId::to_string),
            to_call: leg.went_to.as_ref().map(CallId::to_string),
        }
    }
}

impl TransferRow {
    fn new(transfer: &TransferRecord, at: impl Fn(Instant) -> WallTime) -> Self {
        Self {
            by: transfer.by.clone(),
            of: transfer.of.clone(),
            to: transfer.to.clone(),
            kind: if transfer.blind { "blind" } else { "attended" }.to_owned(),
            at: at(transfer.at),
            outcome: transfer_outcome(transfer.outcome).to_owned(),
        }
    }
}

impl QualityRow {
    /// The figures of a report.
    #[must_use]
    pub fn new(report: &LegReport) -> Self {
        let percent = |part: f64| millis(part * 100.0);
        let ms = |span: Duration| millis(span.as_secs_f64() * 1_000.0);
        Self {
            mos: report.mos,
            loss_percent: percent(report.loss().unwrap_or_default()),
            jitter_ms: ms(report.jitter),
            rtt_ms: report.round_trip.map(ms),
            packets_received: report.packets_received,
            packets_sent: report.packets_sent,
            mos_min: report.mos_min,
            jitter_max_ms: ms(report.jitter_max),
            rtt_max_ms: report.round_trip_max.map(ms),
            playout_ms: report.playout_delay.map(ms),
            packets_duplicate: report.packets_duplicate,
            packets_reordered: report.packets_reordered,
            loss_longest: report.bursts.longest,
            burst_loss_percent: percent(f64::from(report.bursts.burst_density)),
            burst_ms: ms(report.bursts.burst_duration),
            phone: report.peer.map(|peer| PhoneRow {
                mos: peer.mos,
                mos_min: peer.mos_min,
                loss_percent: percent(report.peer_loss().unwrap_or_default()),
                loss_max_percent: percent(f64::from(peer.loss_max)),
                jitter_ms: ms(peer.jitter),
                jitter_max_ms: ms(peer.jitter_max),
            }),
        }
    }
}

/// To three places.
fn millis(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
