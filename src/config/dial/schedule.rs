//! `features.schedules`: opening hours, and time zones as lists of their changes.

use crate::config::{
    reader::{Reader, list, name, printable, scalar, sections, unique},
    yaml::Node,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use signaling::{
    settings::{self, Date, Opening, Place},
    wall::WallTime,
};
use std::collections::BTreeMap;

/// Schedules in one file.
const SCHEDULES_MAX: usize = 1_000;

/// The last year whose changes of a zone are listed. Later the zone stays as it is then.
const ZONE_YEAR_MAX: i16 = 2_100;

/// One schedule of opening hours.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "explained in config/ironbell.yml")]
pub struct Schedule {
    pub name: String,
    pub zone: String,
    pub open: Vec<String>,
    pub holidays: Vec<String>,
}

impl Schedule {
    /// The value that signaling reads.
    pub(super) fn value(&self, place: Place) -> settings::Schedule {
        settings::Schedule {
            name: self.name.clone(),
            zone: settings::Zone::new(&self.zone, changes(&self.zone)),
            open: self.open.iter().filter_map(|opening| Opening::parse(opening)).collect(),
            holidays: self.holidays.iter().filter_map(|date| Date::parse(date)).collect(),
            place,
        }
    }
}

/// When clocks of a zone change, and to what. Nothing for a zone that this machine does not know, which is then read as UTC.
fn changes(zone: &str) -> Vec<(WallTime, i32)> {
    let Ok(zone) = TimeZone::get(zone) else { return Vec::new() };
    let begin = Timestamp::UNIX_EPOCH;
    let first = (WallTime(begin.as_second()), zone.to_offset(begin).seconds());
    let later = zone
        .following(begin)
        .take_while(|change| change.offset().to_datetime(change.timestamp()).year() < ZONE_YEAR_MAX)
        .map(|change| (WallTime(change.timestamp().as_second()), change.offset().seconds()));
    std::iter::once(first).chain(later).collect()
}

pub(in crate::config) fn schedules(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Schedule>> {
    let mut seen = BTreeMap::new();
    sections(SCHEDULES_MAX, |r, s| {
        let at = s.at;
        let schedule_name = s.required(r, "name", "a name such as `office`", name);
        let schedule = Schedule {
            zone: s.get(r, "zone", "UTC".to_owned(), zone),
            open: s.get(r, "open", Vec::new(), list(100, opening)),
            holidays: s.get(r, "holidays", Vec::new(), list(1_000, date)),
            name: schedule_name?,
        };
        unique(r, &mut seen, at, &schedule.name, "schedule");
        r.place(at, format!("features.schedules[{}]", schedule.name));
        Some(schedule)
    })(r, node)
}

fn zone(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let zone = scalar(r, node, "a time zone such as Europe/Moscow")?;
    if TimeZone::get(zone).is_err() {
        let what = match jiff::tz::db().is_definitively_empty() {
            true => "this machine has no database of time zones".to_owned(),
            false => format!("the time zone `{}` is not known", printable(zone)),
        };
        r.fault(node.at, what, "a name such as Europe/Moscow or UTC");
        return None;
    }
    Some(zone.to_owned())
}

/// `mon-fri 09:00-18:00`.
fn opening(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "days and hours such as mon-fri 09:00-18:00";
    let text = scalar(r, node, expected)?;
    if Opening::parse(text).is_none() {
        r.fault(node.at, format!("`{}` is not an opening time", printable(text)), expected);
        return None;
    }
    Some(text.to_owned())
}

fn date(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = scalar(r, node, "a date such as 2027-01-01")?;
    if text.parse::<jiff::civil::Date>().is_err() || Date::parse(text).is_none() {
        r.fault(node.at, format!("`{}` is not a date", printable(text)), "a date such as 2027-01-01");
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_shows_what_the_zone_database_shows() {
        for name in ["Europe/Moscow", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]
        {
            let known = TimeZone::get(name).expect("a zone");
            let zone = settings::Zone::new(name, changes(name));
            // Every 9 days and 7 hours from 1970 to 2090, on both sides of every change.
            let mut moments: Vec<i64> = (0..3_786_912_000).step_by(802_800).collect();
            moments.extend(changes(name).iter().flat_map(|(at, _)| [at.0 - 1, at.0]).filter(|at| *at >= 0));
            for at in moments {
                let theirs = known.to_datetime(Timestamp::from_second(at).expect("a moment"));
                let ours = zone.local(WallTime(at));
                let minute =
                    u16::try_from(i32::from(theirs.hour()) * 60 + i32::from(theirs.minute())).expect("a minute");
                let date = (ours.date.year, ours.date.month, ours.date.day);
                let month = |number: i8| u8::try_from(number).expect("small");
                assert_eq!(date, (i64::from(theirs.year()), month(theirs.month()), month(theirs.day())), "{name} {at}");
                assert_eq!(
                    (ours.minute, i8::try_from(ours.weekday)),
                    (minute, Ok(theirs.weekday().to_monday_zero_offset()))
                );
            }
        }
    }
}
