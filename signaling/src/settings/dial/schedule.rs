//! Opening hours: days and minutes in a time zone, and the holidays between them.
//!
//! A zone is the list of its changes, made by the shell from the zone database, so that nothing has to be looked up here.

use super::Place;
use crate::wall::WallTime;
use core::fmt;

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

/// The days of the week, the first is Monday.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A time zone.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Zone {
    name: Box<str>,
    /// From this second on, so many seconds east of Greenwich; in the order of time.
    changes: Box<[(WallTime, i32)]>,
}

impl Zone {
    /// A zone of these changes, in the order of time: from that moment on local time is so many seconds ahead of UTC. Before the first change it is as after
    /// it; without any it is UTC.
    #[must_use]
    pub fn new(name: &str, changes: impl Into<Box<[(WallTime, i32)]>>) -> Self {
        Self { name: name.into(), changes: changes.into() }
    }

    /// Its name, as `Europe/Moscow`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What clocks in the zone show.
    #[must_use]
    pub fn local(&self, at: WallTime) -> Local {
        let past = self.changes.partition_point(|(from, _)| *from <= at);
        let offset = self.changes.get(past.saturating_sub(1)).map_or(0, |(_, offset)| i64::from(*offset));
        let seconds = at.0.saturating_add(offset);
        let days = seconds.div_euclid(DAY);
        let minute = u16::try_from(seconds.rem_euclid(DAY) / MINUTE).unwrap_or(0);
        // The first of January 1970 was a Thursday.
        let weekday = u8::try_from((days + 3).rem_euclid(7)).unwrap_or(0);
        Local { date: Date::of(days), weekday, minute }
    }
}

/// A day in the calendar.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Date {
    /// As 2026.
    pub year: i64,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

impl Date {
    /// The day so many days after the first of January 1970, in the Gregorian calendar.
    fn of(days: i64) -> Self {
        // Years begin in March here, so that the day that is not always there is their last one; 719,468 days lie between the first of March of
        // the year 0 and 1970, and 146,097 days make 400 years.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month: u8::try_from(month).unwrap_or(1),
            day: u8::try_from(day).unwrap_or(1),
        }
    }

    /// Reads `2027-01-01`. Whether the month has such a day is not looked at.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let whole = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        if !whole(year, 4) || !whole(month, 2) || !whole(day, 2) {
            return None;
        }
        Some(Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// What clocks and calendars of a zone show.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Local {
    /// The day.
    pub date: Date,
    /// Place of the day in [`DAYS`].
    pub weekday: u8,
    /// Minutes since midnight.
    pub minute: u16,
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = DAYS.get(usize::from(self.weekday)).copied().unwrap_or_default();
        write!(f, "{day} {} {:02}:{:02}", self.date, self.minute / 60, self.minute % 60)
    }
}

/// Hours on some days of the week.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opening {
    /// One bit for each of [`DAYS`].
    days: u8,
    from: u16,
    until: u16,
}

impl Opening {
    /// Reads `mon-fri 09:00-18:00`: days, ranges of days with commas between, and hours up to 24:00 that end after they begin. A range of days may pass
    /// Sunday.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (names, hours) = text.split_once(' ')?;
        let mut days = 0;
        for range in names.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (mut day, last) = (weekday(first)?, weekday(last)?);
            loop {
                days |= 1 << day;
                if day == last {
                    break;
                }
                day = (day + 1) % 7;
            }
        }
        let (from, until) = hours.split_once('-')?;
        let (from, until) = (minute(from)?, minute(until)?);
        (from < until).then_some(Self { days, from, until })
    }

    fn holds(&self, local: &Local) -> bool {
        self.days & 1 << local.weekday != 0 && (self.from..self.until).contains(&local.minute)
    }
}

fn weekday(name: &str) -> Option<u8> {
    u8::try_from(DAYS.iter().position(|day| *day == name)?).ok()
}

/// `HH:MM`, up to 24:00.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let minutes = minutes.parse::<u16>().ok().filter(|minutes| *minutes < 60)?;
    Some(hours.parse::<u16>().ok()? * 60 + minutes).filter(|minute| *minute <= 24 * 60)
}

/// Opening hours.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Schedule {
    /// Its name in the configuration.
    pub name: String,
    /// Where the clock stands.
    pub zone: Zone,
    /// When it is open.
    pub open: Vec<Opening>,
    /// Days on which it is not.
    pub holidays: Vec<Date>,
    /// Where it is written.
    pub place: Place,
}

impl Schedule {
    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self, at: WallTime) -> bool {
        let local = self.zone.local(at);
        !self.holidays.contains(&local.date) && self.open.iter().any(|opening| opening.holds(&local))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> WallTime {
        // `2026-11-22T03:00` by counting days, the slow way.
        let (date, time) = text.split_once('T').expect("a date and a time");
        let date = Date::parse(date).expect("a date");
        let days = (0..40_000).find(|days| Date::of(*days) == date).expect("a day of the calendar");
        WallTime(days * DAY + i64::from(minute(time).expect("a time")) * MINUTE)
    }

    #[test]
    fn the_calendar_counts_as_people_do() {
        for (days, date) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (790, "1972-03-01"),
            (11_016, "2000-02-29"),
            (20_779, "2026-11-22"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(Date::of(days).to_string(), date);
        }
        assert_eq!(Date::of(-1).to_string(), "1969-12-31");
        assert_eq!(Date::parse("2027-1-01"), None);
    }

    #[test]
    fn hours_are_those_of_the_zone_on_both_sides_of_a_change() {
        // Berlin in 2026: summer time from 29 March 01:00 UTC to 25 October 01:00 UTC.
        let zone = Zone::new(
            "Europe/Berlin",
            [(WallTime(0), 3_600), (at("2026-03-29T01:00"), 7_200), (at("2026-10-25T01:00"), 3_600)],
        );
        for (utc, local) in [
            ("2026-03-29T00:59", "sun 2026-03-29 01:59"),
            ("2026-03-29T01:00", "sun 2026-03-29 03:00"),
            ("2026-10-25T00:59", "sun 2026-10-25 02:59"),
            ("2026-10-25T01:00", "sun 2026-10-25 02:00"),
            ("2026-12-31T23:30", "fri 2027-01-01 00:30"),
        ] {
            assert_eq!(zone.local(at(utc)).to_string(), local, "{utc}");
        }
        assert_eq!(Zone::default().local(at("2026-11-22T03:00")).to_string(), "sun 2026-11-22 03:00");
    }

    #[test]
    fn a_schedule_is_open_in_its_hours_and_closed_on_holidays() {
        let schedule = Schedule {
            open: ["mon-fri 09:00-18:00", "sat 10:00-14:00"].into_iter().filter_map(Opening::parse).collect(),
            holidays: vec![Date::parse("2027-01-01").expect("a date")],
            zone: Zone::new("Europe/Moscow", [(WallTime(0), 10_800)]),
            ..Schedule::default()
        };
        for (utc, open) in [
            ("2026-11-20T05:59", false),
            ("2026-11-20T06:00", true),
            ("2026-11-20T14:59", true),
            ("2026-11-20T15:00", false),
            ("2026-11-21T08:00", true),
            ("2026-11-21T12:00", false),
            ("2026-11-22T08:00", false),
            ("2027-01-01T08:00", false),
            ("2026-12-31T08:00", true),
        ] {
            assert_eq!(schedule.is_open(at(utc)), open, "{utc}");
        }
    }

    #[test]
    fn openings_are_read_or_refused() {
        let night = Opening::parse("sat-mon,wed 00:00-24:00").expect("an opening");
        let local = |weekday| Local { date: Date::of(0), weekday, minute: 1_439 };
        let open: Vec<bool> = (0..7).map(|weekday| night.holds(&local(weekday))).collect();
        assert_eq!(open, [true, false, true, false, false, true, true]);
        for text in [
            "mon-fri",
            "mon 18:00-09:00",
            "mon 9:00-18:00",
            "day 09:00-18:00",
            "mon 09:00-24:01",
            "mon 09:60-10:00",
            "",
        ] {
            assert_eq!(Opening::parse(text), None, "{text}");
        }
    }
}
