//! Sections `queues`, `auto_attendant`, `music_on_hold`, `mail`. None acts in this version; all are checked.

use super::{
    extension::ring_time,
    fault::Position,
    feature::{minute_of_day, owned_number},
    reader::{Reader, Reference, Section, boolean, integer, name, one_of, printable, scalar, sections, text, unique},
    server::path,
    value::{destination, duration, extension, mask_optional_url, number, seconds, show_duration},
    yaml::Node,
};
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Queues in one file.
const QUEUES_MAX: usize = 1_000;

/// One queue.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Queue {
    pub number: String,
    pub name: String,
    pub strategy: Strategy,
    pub members: Vec<Member>,
    #[serde(serialize_with = "show_duration")]
    pub timeout: Duration,
    #[serde(serialize_with = "show_duration")]
    pub retry: Duration,
    #[serde(serialize_with = "show_duration")]
    pub wrapup_time: Duration,
    #[serde(serialize_with = "show_duration")]
    pub max_wait_time: Duration,
    pub max_size: u32,
    pub music_on_hold: String,
    #[serde(serialize_with = "show_duration")]
    pub announce_frequency: Duration,
    pub announce_position: bool,
    pub join_empty: bool,
    pub overflow: Option<String>,
}

/// Whom a queue rings.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the strategy of its name")]
pub enum Strategy {
    RingAll,
    RoundRobin,
    LeastRecent,
    FewestCalls,
    LeastTalk,
    Random,
    Sequential,
    Priority,
    Skills,
}

/// One agent of a queue.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Member {
    pub extension: String,
    pub penalty: u32,
}

/// Section `auto_attendant`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct AutoAttendant {
    pub enabled: bool,
    pub extension: String,
    #[serde(serialize_with = "show_duration")]
    pub timeout: Duration,
    pub max_retries: u32,
    pub operator_extension: Option<String>,
    pub audio_path: PathBuf,
    pub menu_options: Vec<MenuOption>,
}

impl Default for AutoAttendant {
    fn default() -> Self {
        Self {
            enabled: false,
            extension: "0".to_owned(),
            timeout: 10 * SECOND,
            max_retries: 3,
            operator_extension: None,
            audio_path: PathBuf::from("auto_attendant"),
            menu_options: Vec::new(),
        }
    }
}

/// One choice of the menu.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct MenuOption {
    pub digit: String,
    pub destination: String,
    pub description: String,
}

/// One piece of music on hold.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Music {
    pub name: String,
    pub path: PathBuf,
    pub order: Order,
}

/// In which order files are played.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the order of its name")]
pub enum Order {
    Sequential,
    Random,
}

/// Section `mail`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Mail {
    #[serde(serialize_with = "mask_optional_url")]
    pub smtp: Option<String>,
    pub from: String,
    pub daily_reminder: String,
}

impl Default for Mail {
    fn default() -> Self {
        Self { smtp: None, from: "pbx@localhost".to_owned(), daily_reminder: "09:00".to_owned() }
    }
}

pub(super) fn queues(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Queue>> {
    sections(QUEUES_MAX, |r, s| {
        let number = owned_number(r, s, "a queue");
        let wait = || duration(Duration::ZERO, 24 * HOUR);
        let queue = Queue {
            name: s.get(r, "name", String::new(), text),
            strategy: s.get(r, "strategy", Strategy::RoundRobin, strategy),
            members: s.get(r, "members", Vec::new(), sections(1_000, member)),
            timeout: s.get(r, "timeout", 30 * SECOND, ring_time),
            retry: s.get(r, "retry", 5 * SECOND, wait()),
            wrapup_time: s.get(r, "wrapup_time", 30 * SECOND, wait()),
            max_wait_time: s.get(r, "max_wait_time", 300 * SECOND, wait()),
            max_size: s.get(r, "max_size", 50, integer(1, 10_000)),
            music_on_hold: s.get(r, "music_on_hold", "default".to_owned(), |r, node| {
                let name = name(r, node)?;
                r.refer(node.at, Reference::Music(name.clone()));
                Some(name)
            }),
            announce_frequency: s.get(r, "announce_frequency", 30 * SECOND, wait()),
            announce_position: s.get(r, "announce_position", true, boolean),
            join_empty: s.get(r, "join_empty", true, boolean),
            overflow: s.optional(r, "overflow", destination),
            number: number?,
        };
        Some(queue)
    })(r, node)
}

fn strategy(r: &mut Reader<'_>, node: &Node) -> Option<Strategy> {
    one_of(&[
        ("ring-all", Strategy::RingAll),
        ("ringall", Strategy::RingAll),
        ("round-robin", Strategy::RoundRobin),
        ("least-recent", Strategy::LeastRecent),
        ("fewest-calls", Strategy::FewestCalls),
        ("least-talk", Strategy::LeastTalk),
        ("random", Strategy::Random),
        ("sequential", Strategy::Sequential),
        ("priority", Strategy::Priority),
        ("skills", Strategy::Skills),
    ])(r, node)
}

fn member(r: &mut Reader<'_>, s: &mut Section<'_>) -> Option<Member> {
    let extension = s.required(r, "extension", "the number of an extension", extension);
    let penalty = s.get(r, "penalty", 0, integer(0, 100));
    Some(Member { extension: extension?, penalty })
}

impl AutoAttendant {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        let at = s.node("extension").map_or(s.at, |node| node.at);
        let attendant = Self {
            enabled: s.get(r, "enabled", d.enabled, boolean),
            extension: s.get(r, "extension", d.extension, number(1, 4)),
            timeout: s.get(r, "timeout", d.timeout, seconds(SECOND, 600 * SECOND)),
            max_retries: s.get(r, "max_retries", d.max_retries, integer(0, 100)),
            operator_extension: s.optional(r, "operator_extension", destination),
            audio_path: s.get(r, "audio_path", d.audio_path, path),
            menu_options: s.get(r, "menu_options", d.menu_options, menu),
        };
        if attendant.enabled {
            r.own(at, &attendant.extension, "the auto attendant");
        }
        attendant
    }
}

fn menu(r: &mut Reader<'_>, node: &Node) -> Option<Vec<MenuOption>> {
    let mut seen: BTreeMap<String, Position> = BTreeMap::new();
    sections(12, |r, s| {
        let at = s.at;
        let digit = s.required(r, "digit", "a digit, * or #", |r, node| {
            let digit = scalar(r, node, "a digit, * or #")?;
            if digit.len() != 1 || !digit.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'#')) {
                r.fault(node.at, format!("`{}` is not a key of a phone", printable(digit)), "a digit, * or #");
                return None;
            }
            Some(digit.to_owned())
        });
        let destination = s.required(r, "destination", "where the key leads", destination);
        let description = s.get(r, "description", String::new(), text);
        let option = MenuOption { digit: digit?, destination: destination?, description };
        unique(r, &mut seen, at, &option.digit, "digit");
        Some(option)
    })(r, node)
}

pub(super) fn music(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Music>> {
    let mut seen = BTreeMap::new();
    sections(1_000, |r, s| {
        let at = s.at;
        let name = s.required(r, "name", "a name such as `default`", name);
        let path = s.required(r, "path", "a folder of audio files, relative to data_dir", path);
        let order = s.get(
            r,
            "order",
            Order::Sequential,
            one_of(&[("sequential", Order::Sequential), ("random", Order::Random)]),
        );
        let music = Music { name: name?, path: path?, order };
        r.place(at, format!("music_on_hold[{}]", music.name));
        unique(r, &mut seen, at, &music.name, "music on hold");
        Some(music)
    })(r, node)
}

impl Mail {
    pub(super) fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        let d = Self::default();
        Self {
            smtp: s.optional(r, "smtp", |r, node| {
                let url = text(r, node)?;
                let rest = url.strip_prefix("smtp://").or_else(|| url.strip_prefix("smtps://"));
                // The URL may hold a password, so the message does not repeat it.
                if rest.is_none_or(str::is_empty) {
                    r.fault(node.at, "this is not the URL of a mail server", "smtp://user:pass@host:587 or smtps://…");
                    return None;
                }
                Some(url)
            }),
            from: s.get(r, "from", d.from, text),
            daily_reminder: s.get(r, "daily_reminder", d.daily_reminder, |r, node| {
                let time = scalar(r, node, "a time such as \"09:00\"")?;
                if minute_of_day(time).is_none() {
                    r.fault(node.at, format!("`{}` is not a time of day", printable(time)), "a time such as \"09:00\"");
                    return None;
                }
                Some(time.to_owned())
            }),
        }
    }
}
