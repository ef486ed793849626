//! Section `features`. Of it `recording`, `messages`, `codes.echo`, the codes of transfers, `blacklist` and `schedules` act in this version; the rest is
//! checked all the same.

use super::{
    dial::{Schedule, schedules},
    extension::ring_time,
    fault::Position,
    reader::{Reader, Section, boolean, integer, list, one_of, printable, sections, text, unique},
    server::path,
    value::{
        Range, destination, dialled, duration, extensions, number, range, show_duration, show_optional_duration, size,
    },
    yaml::{Node, Value},
};
use crate::media::recording::Template;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Groups, zones, schedules in one file, of each.
const EACH_MAX: usize = 1_000;

/// Section `features`.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "each is the section of its name in config/ironbell.yml, where it is explained")]
pub struct Features {
    pub parking: Parking,
    pub conferences: Conferences,
    pub voicemail: VoicemailSystem,
    pub recording: Recording,
    pub presence: Presence,
    pub messages: Messages,
    pub paging: Paging,
    pub ring_groups: Vec<RingGroup>,
    pub codes: FeatureCodes,
    pub blacklist: Vec<String>,
    pub schedules: Vec<Schedule>,
}

/// Section `features.parking`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Parking {
    pub slots: Range,
    #[serde(serialize_with = "show_duration")]
    pub timeout: Duration,
}

impl Default for Parking {
    fn default() -> Self {
        Self { slots: Range { first: 70, last: 79 }, timeout: 120 * SECOND }
    }
}

/// Section `features.conferences`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Conferences {
    pub numbers: Range,
    pub max_participants: u32,
}

impl Default for Conferences {
    fn default() -> Self {
        Self { numbers: Range { first: 2_001, last: 2_999 }, max_participants: 50 }
    }
}

/// Section `features.voicemail`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct VoicemailSystem {
    pub prefix: String,
    pub access: String,
    #[serde(serialize_with = "show_duration")]
    pub greeting_max: Duration,
    #[serde(serialize_with = "show_duration")]
    pub message_max: Duration,
    pub pin_attempts: u32,
}

impl Default for VoicemailSystem {
    fn default() -> Self {
        Self {
            prefix: "*".to_owned(),
            access: "*98".to_owned(),
            greeting_max: 30 * SECOND,
            message_max: 180 * SECOND,
            pin_attempts: 3,
        }
    }
}

/// Section `features.recording`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Recording {
    pub auto: bool,
    pub bridged_only: bool,
    pub format: RecordingFormat,
    pub channels: RecordingChannels,
    pub rate: u32,
    pub path: PathBuf,
    pub folders: String,
    pub name: String,
    #[serde(serialize_with = "show_duration")]
    pub retention: Duration,
    #[serde(serialize_with = "show_optional_duration")]
    pub retention_ordered: Option<Duration>,
    pub min_free: u64,
    pub warn_free: Option<u64>,
}

impl Recording {
    /// The template of a recording's path within [`Self::path`].
    #[must_use]
    pub fn template(&self) -> String {
        if self.folders.is_empty() { self.name.clone() } else { format!("{}/{}", self.folders, self.name) }
    }
}

/// Whose sound a channel of a recording holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordingChannels {
    /// One for all.
    Mixed,
    /// One each.
    Parties,
}

/// File format of recordings.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the format of its name")]
pub enum RecordingFormat {
    Wav,
    Opus,
    Flac,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            auto: false,
            bridged_only: true,
            format: RecordingFormat::Wav,
            channels: RecordingChannels::Mixed,
            rate: 8_000,
            path: PathBuf::from("recordings"),
            folders: "{year}/{month}/{day}".to_owned(),
            name: "{date}-{caller}-{callee}".to_owned(),
            retention: 90 * DAY,
            retention_ordered: None,
            min_free: 1_000_000_000,
            warn_free: None,
        }
    }
}

/// Section `features.presence`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Presence {
    #[serde(serialize_with = "show_duration")]
    pub away_after: Duration,
    #[serde(serialize_with = "show_duration")]
    pub offline_after: Duration,
}

impl Default for Presence {
    fn default() -> Self {
        Self { away_after: 5 * MINUTE, offline_after: 30 * MINUTE }
    }
}

/// Section `features.messages`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Messages {
    #[serde(serialize_with = "show_duration")]
    pub keep: Duration,
    pub max: usize,
}

impl Default for Messages {
    fn default() -> Self {
        Self { keep: 7 * DAY, max: 50 }
    }
}

/// Section `features.paging`.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Paging {
    pub all: Option<String>,
    pub zones: Vec<Zone>,
}

/// One paging zone.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Zone {
    pub number: String,
    pub name: String,
    pub members: Vec<String>,
}

/// One ring group.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct RingGroup {
    pub number: String,
    pub name: String,
    pub members: Vec<String>,
    pub strategy: GroupStrategy,
    #[serde(serialize_with = "show_duration")]
    pub ring: Duration,
    pub then: Option<String>,
}

/// Whom a ring group rings.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupStrategy {
    /// All at once.
    All,
    /// One after the other.
    Sequential,
    /// One after the other, beginning where the last call ended.
    RoundRobin,
    /// In any order.
    Random,
}

/// Section `features.codes`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct FeatureCodes {
    pub pickup: Option<String>,
    pub directed_pickup: Option<String>,
    pub blind_transfer: Option<String>,
    pub attended_transfer: Option<String>,
    pub transfer_abort: Option<String>,
    pub transfer_three_way: Option<String>,
    pub record: Option<String>,
    pub echo: Option<String>,
    pub dnd: Option<String>,
    pub dnd_off: Option<String>,
}

impl Default for FeatureCodes {
    fn default() -> Self {
        let some = |code: &str| Some(code.to_owned());
        Self {
            pickup: some("*8"),
            directed_pickup: some("**"),
            blind_transfer: some("#"),
            attended_transfer: some("*2"),
            transfer_abort: some("*0"),
            transfer_three_way: some("*3"),
            record: some("*1"),
            echo: some("*43"),
            dnd: some("*78"),
            dnd_off: some("*79"),
        }
    }
}

impl Features {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        for (key, section) in [
            ("parking", "features.parking"),
            ("conferences", "features.conferences"),
            ("voicemail", "features.voicemail"),
            ("presence", "features.presence"),
            ("paging", "features.paging"),
            ("ring_groups", "features.ring_groups"),
        ] {
            s.mark_not_active(r, key, section);
        }
        let features = Self {
            parking: s.section(r, "parking", parking),
            conferences: s.section(r, "conferences", conferences),
            voicemail: s.section(r, "voicemail", voicemail),
            recording: s.section(r, "recording", recording),
            presence: s.section(r, "presence", presence),
            messages: s.section(r, "messages", messages),
            paging: s.section(r, "paging", paging),
            ring_groups: s.get(r, "ring_groups", Vec::new(), sections(EACH_MAX, ring_group)),
            codes: s.section(r, "codes", codes),
            blacklist: s.get(r, "blacklist", Vec::new(), list(100_000, refused)),
            schedules: s.get(r, "schedules", Vec::new(), schedules),
        };
        r.place(s.node("codes").map_or(s.at, |node| node.at), "features.codes".to_owned());
        r.place(s.node("parking").map_or(s.at, |node| node.at), "features.parking".to_owned());
        r.place(s.node("conferences").map_or(s.at, |node| node.at), "features.conferences".to_owned());
        r.place(s.node("voicemail").map_or(s.at, |node| node.at), "features.voicemail".to_owned());
        r.ranges.push((features.parking.slots.first, features.parking.slots.last, "parking"));
        r.ranges.push((features.conferences.numbers.first, features.conferences.numbers.last, "conferences"));
        features
    }
}

/// A caller that is refused.
fn refused(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let number = dialled(r, node)?;
    r.place(node.at, format!("features.blacklist[{number}]"));
    Some(number)
}

fn parking(r: &mut Reader<'_>, s: &mut Section<'_>) -> Parking {
    let d = Parking::default();
    Parking {
        slots: s.get(r, "slots", d.slots, range(0, 9_999)),
        timeout: s.get(r, "timeout", d.timeout, duration(SECOND, DAY)),
    }
}

fn conferences(r: &mut Reader<'_>, s: &mut Section<'_>) -> Conferences {
    let d = Conferences::default();
    Conferences {
        numbers: s.get(r, "numbers", d.numbers, range(0, 9_999)),
        max_participants: s.get(r, "max_participants", d.max_participants, integer(2, 10_000)),
    }
}

fn voicemail(r: &mut Reader<'_>, s: &mut Section<'_>) -> VoicemailSystem {
    let d = VoicemailSystem::default();
    let hour = 60 * MINUTE;
    VoicemailSystem {
        prefix: s.get(r, "prefix", d.prefix, dialled),
        access: s.get(r, "access", d.access, dialled),
        greeting_max: s.get(r, "greeting_max", d.greeting_max, duration(SECOND, hour)),
        message_max: s.get(r, "message_max", d.message_max, duration(SECOND, hour)),
        pin_attempts: s.get(r, "pin_attempts", d.pin_attempts, integer(1, 10)),
    }
}

fn recording(r: &mut Reader<'_>, s: &mut Section<'_>) -> Recording {
    let d = Recording::default();
    let kept = || duration(SECOND, 36_500 * DAY);
    let recording = Recording {
        auto: s.get(r, "auto", d.auto, boolean),
        bridged_only: s.get(r, "bridged_only", d.bridged_only, boolean),
        channels: s.get(
            r,
            "channels",
            d.channels,
            one_of(&[("mixed", RecordingChannels::Mixed), ("parties", RecordingChannels::Parties)]),
        ),
        rate: s.get(r, "rate", d.rate, one_of(&[("8000", 8_000), ("16000", 16_000)])),
        format: s.get(
            r,
            "format",
            d.format,
            one_of(&[("wav", RecordingFormat::Wav), ("opus", RecordingFormat::Opus), ("flac", RecordingFormat::Flac)]),
        ),
        path: s.get(r, "path", d.path, path),
        folders: s.get(r, "folders", d.folders, folders),
        name: s.get(r, "name", d.name, template),
        retention: s.get(r, "retention", d.retention, kept()),
        retention_ordered: s.optional(r, "retention_ordered", kept()),
        min_free: s.get(r, "min_free", d.min_free, size),
        warn_free: s.optional(r, "warn_free", size),
    };
    if recording.format != RecordingFormat::Wav {
        r.not_active("features.recording.format (all but wav)");
    }
    recording
}

/// A template of a recording's name.
fn template(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = text(r, node)?;
    match Template::parse(&text) {
        Ok(_) => Some(text),
        Err(fault) => {
            let instead = "a name such as `{date}-{caller}-{callee}`";
            r.fault(node.at, format!("`{}`: {fault}", printable(&text)), instead);
            None
        }
    }
}

/// A template of the folders above it; none if empty.
fn folders(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let none = matches!(&node.value, Value::Scalar { text } if text.is_empty());
    if none { Some(String::new()) } else { template(r, node) }
}

fn presence(r: &mut Reader<'_>, s: &mut Section<'_>) -> Presence {
    let d = Presence::default();
    Presence {
        away_after: s.get(r, "away_after", d.away_after, duration(SECOND, DAY)),
        offline_after: s.get(r, "offline_after", d.offline_after, duration(SECOND, DAY)),
    }
}

fn messages(r: &mut Reader<'_>, s: &mut Section<'_>) -> Messages {
    let d = Messages::default();
    Messages {
        keep: s.get(r, "keep", d.keep, duration(MINUTE, 90 * DAY)),
        max: s.get(r, "max", d.max, integer(1, 1_000)),
    }
}

fn paging(r: &mut Reader<'_>, s: &mut Section<'_>) -> Paging {
    let at = s.node("all").map_or(s.at, |node| node.at);
    let all = s.optional(r, "all", number(2, 4));
    if let Some(all) = &all {
        r.own(at, all, "paging");
    }
    let zones = s.get(
        r,
        "zones",
        Vec::new(),
        sections(EACH_MAX, |r, s| {
            let number = owned_number(r, s, "a paging zone");
            let name = s.get(r, "name", String::new(), text);
            let members = s.get(r, "members", Vec::new(), extensions);
            Some(Zone { number: number?, name, members })
        }),
    );
    Paging { all, zones }
}

/// The key `number`, which then belongs to `owner`.
pub(super) fn owned_number(r: &mut Reader<'_>, s: &mut Section<'_>, owner: &'static str) -> Option<String> {
    let at = s.node("number").map_or(s.at, |node| node.at);
    let number = s.required(r, "number", "2 to 4 digits in quotes", number(2, 4))?;
    r.own(at, &number, owner);
    Some(number)
}

fn ring_group(r: &mut Reader<'_>, s: &mut Section<'_>) -> Option<RingGroup> {
    let number = owned_number(r, s, "a ring group");
    let group = RingGroup {
        name: s.get(r, "name", String::new(), text),
        members: s.required(r, "members", "the numbers of extensions", extensions).unwrap_or_default(),
        strategy: s.get(
            r,
            "strategy",
            GroupStrategy::All,
            one_of(&[
                ("all", GroupStrategy::All),
                ("sequential", GroupStrategy::Sequential),
                ("round-robin", GroupStrategy::RoundRobin),
                ("random", GroupStrategy::Random),
            ]),
        ),
        ring: s.get(r, "ring", 30 * SECOND, ring_time),
        then: s.optional(r, "then", destination),
        number: number?,
    };
    Some(group)
}

/// Codes that do something in this version.
const ACTIVE_CODES: [&str; 5] = ["echo", "blind_transfer", "attended_transfer", "transfer_abort", "transfer_three_way"];

fn codes(r: &mut Reader<'_>, s: &mut Section<'_>) -> FeatureCodes {
    let d = FeatureCodes::default();
    let mut seen: BTreeMap<String, Position> = BTreeMap::new();
    let mut code = |r: &mut Reader<'_>, s: &mut Section<'_>, key: &'static str, default: Option<String>| {
        let Some(node) = s.node(key) else { return default };
        if !ACTIVE_CODES.contains(&key) {
            r.not_active("features.codes (pickup, record, dnd)");
        }
        let code = dialled(r, node)?;
        unique(r, &mut seen, node.at, &code, "code");
        r.place(node.at, format!("features.codes.{key}"));
        Some(code)
    };
    FeatureCodes {
        pickup: code(r, s, "pickup", d.pickup),
        directed_pickup: code(r, s, "directed_pickup", d.directed_pickup),
        blind_transfer: code(r, s, "blind_transfer", d.blind_transfer),
        attended_transfer: code(r, s, "attended_transfer", d.attended_transfer),
        transfer_abort: code(r, s, "transfer_abort", d.transfer_abort),
        transfer_three_way: code(r, s, "transfer_three_way", d.transfer_three_way),
        record: code(r, s, "record", d.record),
        echo: code(r, s, "echo", d.echo),
        dnd: code(r, s, "dnd", d.dnd),
        dnd_off: code(r, s, "dnd_off", d.dnd_off),
    }
}

/// `HH:MM`, up to 24:00.
pub(super) fn minute_of_day(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
    let minute = hours.parse::<u32>().ok()? * 60 + minutes.parse::<u32>().ok().filter(|minutes| *minutes < 60)?;
    (minute <= 24 * 60).then_some(minute)
}
