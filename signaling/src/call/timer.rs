//! Session timers (RFC 4028): with each party an interval is agreed in which its session is refreshed, by it or by us, and a session that nobody
//! refreshes is ended.
//!
//! What is agreed is worked out by pure functions, [`answer`] and [`agreed`]; the rest keeps one alarm a call, for the earliest thing that is due with any of
//! its legs. A party that does not know session timers is asked all the same (section 7.2 leaves that to the one who asks), so that a phone that vanished
//! ends its call.

use super::{Call, End, Office, PRODUCT, Purpose, SUPPORTED, alarm::Alarm};
use crate::{
    dialog::Ask,
    fact::HangupCause,
    limits::{SESSION_INTERVAL_MAX, SESSION_INTERVAL_MIN},
    message::{Header, Message, Method, RefresherRole, SessionExpires},
    transaction::ClientId,
};
use contract::Instant;
use core::time::Duration;

/// RFC 4028 section 10: whoever does not refresh sends BYE this long before the end, or a third of the interval if that is less.
const MARGIN_MAX: Duration = Duration::from_secs(32);

/// How long a refresh that was refused for the moment waits to be tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Who sends the refreshes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refresher {
    /// We do.
    Us,
    /// The party does.
    Peer,
}

/// What is agreed with a party.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionTimer {
    /// Without a refresh for this long the session is over.
    pub interval: Duration,
    /// Who refreshes.
    pub refresher: Refresher,
    /// The party speaks of session timers.
    pub known: bool,
    /// When it was refreshed last.
    pub refreshed_at: Instant,
    /// Our refresh that is not answered.
    pub asked: Option<ClientId>,
    /// A refresh was refused for the moment: when the next is due.
    pub again_at: Option<Instant>,
}

impl SessionTimer {
    /// RFC 4028 section 10: when the session is taken for dead.
    #[must_use]
    pub fn lapses_at(&self) -> Instant {
        self.refreshed_at + (self.interval - MARGIN_MAX.min(self.interval / 3))
    }

    /// RFC 4028 section 7.2: we refresh at half the interval.
    #[must_use]
    pub fn due_at(&self) -> Instant {
        match (self.refresher, self.asked) {
            (Refresher::Us, None) => {
                self.again_at.unwrap_or(self.refreshed_at + self.interval / 2).min(self.lapses_at())
            }
            (Refresher::Us, Some(_)) | (Refresher::Peer, _) => self.lapses_at(),
        }
    }
}

/// What a request says of session timers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wish {
    /// Session-Expires, if there.
    pub expires: Option<SessionExpires>,
    /// Min-SE in seconds, if there.
    pub min: Option<u32>,
    /// Supported lists `timer`.
    pub known: bool,
}

impl Wish {
    /// As the message says. What cannot be read is not there.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Self {
        Self {
            expires: message.session_expires().ok().flatten(),
            min: message.min_se().ok().flatten(),
            known: message.lists(Header::Supported, "timer") || message.lists(Header::Require, "timer"),
        }
    }

    /// RFC 4028 section 9: an interval below the least is refused with 422, if the asker knows what that means.
    #[must_use]
    pub fn is_too_small(&self) -> bool {
        self.known && self.expires.is_some_and(|expires| seconds(expires.seconds) < SESSION_INTERVAL_MIN)
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

/// What we answer to a request with this wish, RFC 4028 section 9 and table 2; `ours` is the interval we want.
#[must_use]
pub(super) fn answer(wish: &Wish, ours: Duration) -> (Duration, Refresher) {
    // Section 9: it may be made shorter, but neither than Min-SE nor than the least of all; a proxy's may not be made longer but by that.
    let least = wish.min.map_or(SESSION_INTERVAL_MIN, seconds).max(SESSION_INTERVAL_MIN);
    let asked = wish.expires.map_or(ours, |expires| seconds(expires.seconds));
    let interval = asked.min(ours).max(least).min(SESSION_INTERVAL_MAX);
    let refresher = match wish.expires.and_then(|expires| expires.refresher) {
        // Table 2: who does not know timers cannot refresh.
        Some(RefresherRole::Uac) if wish.known => Refresher::Peer,
        Some(RefresherRole::Uac | RefresherRole::Uas) | None => Refresher::Us,
    };
    (interval, refresher)
}

/// What the 2xx to a request of ours has made, RFC 4028 section 7.2; `asked` is the interval we asked for.
#[must_use]
pub(super) fn agreed(wish: &Wish, asked: Duration) -> (Duration, Refresher) {
    let Some(expires) = wish.expires else { return (asked, Refresher::Us) };
    let interval = seconds(expires.seconds).clamp(SESSION_INTERVAL_MIN, SESSION_INTERVAL_MAX);
    match expires.refresher {
        Some(RefresherRole::Uas) => (interval, Refresher::Peer),
        Some(RefresherRole::Uac) | None => (interval, Refresher::Us),
    }
}

/// Session-Expires and Min-SE of a request of ours.
pub(super) struct TimerHeaders {
    expires: String,
    min: String,
}

impl TimerHeaders {
    pub(super) fn fields(&self) -> [(&str, &str); 2] {
        [("Session-Expires", &self.expires), ("Min-SE", &self.min)]
    }
}

impl Call {
    /// What a request to this leg says of session timers. RFC 4028 section 7.4: within a session the roles stay as they are.
    pub(super) fn timer_headers(&self, number: u16) -> TimerHeaders {
        let leg = self.leg(number);
        let timer = leg.and_then(|leg| leg.timer);
        let interval = timer.map_or(self.settings.calls.session_expires, |timer| timer.interval);
        let least = leg.and_then(|leg| leg.interval_min).unwrap_or(SESSION_INTERVAL_MIN);
        let role = match timer.filter(|timer| timer.known).map(|timer| timer.refresher) {
            Some(Refresher::Us) => ";refresher=uac",
            Some(Refresher::Peer) => ";refresher=uas",
            None => "",
        };
        TimerHeaders { expires: format!("{}{role}", interval.max(least).as_secs()), min: least.as_secs().to_string() }
    }

    /// What the 2xx to a leg's INVITE or UPDATE says of session timers, and whether the party must heed it.
    pub(super) fn timer_answer(&self, number: u16) -> Option<(String, bool)> {
        let timer = self.leg(number)?.timer?;
        let role = match timer.refresher {
            Refresher::Us => RefresherRole::Uas,
            Refresher::Peer => RefresherRole::Uac,
        };
        // RFC 4028 section 9: Require when the asker is to refresh.
        let required = timer.refresher == Refresher::Peer;
        Some((format!("{};refresher={}", timer.interval.as_secs(), role.token()), required))
    }

    /// A leg's INVITE or UPDATE is accepted, by what it says itself.
    pub(super) fn session_granted(&mut self, office: &mut Office<'_>, number: u16, wish: &Wish) {
        let (interval, refresher) = answer(wish, self.settings.calls.session_expires);
        self.session_begins(office, number, interval, refresher, wish.known);
    }

    /// A leg has accepted our INVITE or UPDATE.
    pub(super) fn session_agreed(&mut self, office: &mut Office<'_>, number: u16, response: &Message<'_>) {
        let wish = Wish::of(response);
        let before = self.leg(number).and_then(|leg| leg.timer);
        let asked = before.map_or(self.settings.calls.session_expires, |timer| timer.interval);
        let (interval, refresher) = agreed(&wish, asked);
        let known = wish.expires.is_some() || wish.known;
        self.session_begins(office, number, interval, refresher, known);
    }

    fn session_begins(
        &mut self,
        office: &mut Office<'_>,
        number: u16,
        interval: Duration,
        refresher: Refresher,
        known: bool,
    ) {
        let refreshed_at = office.now;
        if let Some(leg) = self.leg_mut(number) {
            let asked = leg.timer.and_then(|timer| timer.asked);
            leg.timer = Some(SessionTimer { interval, refresher, known, refreshed_at, asked, again_at: None });
        }
        self.watch_sessions(office);
    }

    /// Arms the alarm for what is due first.
    pub(super) fn watch_sessions(&mut self, office: &mut Office<'_>) {
        let confirmed = self.legs.iter().filter(|leg| leg.is_confirmed());
        let due = confirmed.filter_map(|leg| leg.timer).map(|timer| timer.due_at()).min();
        match due.filter(|_| !self.is_over()) {
            Some(due) => office.arm(self.id, &mut self.alarms, Alarm::Session, due.since(office.now)),
            None => office.disarm(&mut self.alarms, Alarm::Session),
        }
    }

    /// Something is due with a leg's session.
    pub(super) fn sessions_due(&mut self, office: &mut Office<'_>) {
        for number in 0..u16::try_from(self.legs.len()).unwrap_or(u16::MAX) {
            let Some(timer) = self.leg(number).filter(|leg| leg.is_confirmed()).and_then(|leg| leg.timer) else {
                continue;
            };
            if timer.lapses_at() <= office.now {
                // RFC 4028 section 10.
                self.lost(office, number, End::by_us(HangupCause::PeerGone));
            } else if timer.due_at() <= office.now {
                self.refresh_session(office, number);
            }
            if self.is_over() {
                return;
            }
        }
        self.watch_sessions(office);
    }

    /// RFC 4028 section 7.4: by UPDATE without a description where that is taken, else by a re-INVITE that changes nothing.
    fn refresh_session(&mut self, office: &mut Office<'_>, number: u16) {
        let updates = self.leg(number).is_some_and(|leg| leg.allows_update);
        let again_at = Some(office.now + AGAIN_AFTER);
        if !updates {
            if let Some(timer) = self.leg_mut(number).and_then(|leg| leg.timer.as_mut()) {
                timer.again_at = again_at;
            }
            self.owe(number, false);
            return self.pay(office);
        }
        let headers = self.timer_headers(number);
        let id = self.leg_id(number);
        let [expires, min] = headers.fields();
        let fields = [("Supported", SUPPORTED), ("User-Agent", PRODUCT), expires, min];
        let ask = Ask { method: Method::Update, max_forwards: 70, headers: &fields, body: None };
        let Some(leg) = self.leg_mut(number) else { return };
        let (Some(dialog), Some(timer)) = (&mut leg.dialog, &mut leg.timer) else { return };
        match dialog.send(office.now, office.stack, office.out, &ask) {
            Ok(client) => {
                (timer.asked, timer.again_at) = (Some(client), None);
                office.books.clients.insert(client, Purpose::Refresh(id));
            }
            // It is tried again until the session has lapsed.
            Err(_) => timer.again_at = again_at,
        }
    }

    /// Our refresh has an answer; `None`: it will have none.
    pub(crate) fn session_refreshed(
        &mut self,
        office: &mut Office<'_>,
        number: u16,
        client: ClientId,
        response: Option<&Message<'_>>,
    ) {
        let status = response.map_or(408, |response| response.status().unwrap_or(500));
        let Some(timer) = self.leg_mut(number).and_then(|leg| leg.timer.as_mut()) else { return };
        if status < 200 || timer.asked != Some(client) {
            return;
        }
        timer.asked = None;
        match (status, response) {
            (200..=299, Some(response)) => {
                self.refresh(number, response);
                self.session_agreed(office, number, response);
            }
            // RFC 4028 section 7.4 and RFC 3261 section 12.2.1.2: the dialog is gone.
            (408 | 481, _) => self.lost(office, number, End::by_us(HangupCause::PeerGone)),
            (422, Some(response)) => {
                // Section 7.3: with the interval that the other wants.
                self.too_small(number, response);
                self.refresh_session(office, number);
                self.watch_sessions(office);
            }
            _ => self.refresh_refused(office, number, status),
        }
    }

    /// The party refuses a refresh. It is there; one that does not speak of session timers owes nothing more.
    pub(super) fn refresh_refused(&mut self, office: &mut Office<'_>, number: u16, status: u16) {
        let now = office.now;
        let Some(leg) = self.leg_mut(number) else { return };
        let Some(timer) = &mut leg.timer else { return };
        if matches!(status, 405 | 501) {
            leg.allows_update = false;
        }
        if timer.known {
            timer.again_at = Some(now + AGAIN_AFTER);
        } else {
            timer.refreshed_at = now;
        }
        self.watch_sessions(office);
    }

    /// A 422 tells the least interval that the leg, or a proxy before it, takes (RFC 4028 section 7.3). `false`: it tells nothing that could help.
    pub(super) fn too_small(&mut self, number: u16, response: &Message<'_>) -> bool {
        let told = response.min_se().ok().flatten().map(seconds);
        let Some(least) = told.filter(|least| (SESSION_INTERVAL_MIN..=SESSION_INTERVAL_MAX).contains(least)) else {
            return false;
        };
        let Some(leg) = self.leg_mut(number) else { return false };
        let before = leg.interval_min.replace(least);
        if let Some(timer) = &mut leg.timer {
            timer.interval = timer.interval.max(least);
        }
        before.is_none_or(|before| before < least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Duration = Duration::from_secs(1_800);

    fn wish(expires: Option<(u32, Option<RefresherRole>)>, min: Option<u32>, known: bool) -> Wish {
        let expires = expires.map(|(seconds, refresher)| SessionExpires { seconds, refresher });
        Wish { expires, min, known }
    }

    #[test]
    fn table_2_of_the_rfc_says_who_refreshes() {
        use RefresherRole::{Uac, Uas};
        // (the asker knows timers, refresher of the request) → (refresher of the answer)
        for (known, asked, refresher) in [
            (false, None, Refresher::Us),
            (false, Some(Uas), Refresher::Us),
            (false, Some(Uac), Refresher::Us),
            (true, None, Refresher::Us),
            (true, Some(Uac), Refresher::Peer),
            (true, Some(Uas), Refresher::Us),
        ] {
            assert_eq!(answer(&wish(Some((1_800, asked)), None, known), OURS).1, refresher, "{known} {asked:?}");
        }
        assert_eq!(answer(&wish(None, None, true), OURS), (OURS, Refresher::Us));
    }

    #[test]
    fn an_interval_is_made_shorter_but_not_below_the_least() {
        // RFC 4028 section 9: (asked, Min-SE) → granted.
        for (asked, min, granted) in [
            (1_800, None, 1_800),
            (3_600, None, 1_800),
            (3_600, Some(2_400), 2_400),
            (600, Some(90), 600),
            (100, Some(120), 120),
            (30, None, 90),
            (u32::MAX, Some(u32::MAX), 86_400),
        ] {
            let (interval, _) = answer(&wish(Some((asked, None)), min, true), OURS);
            assert_eq!(interval.as_secs(), granted, "{asked} {min:?}");
        }
    }

    #[test]
    fn only_who_knows_the_refusal_gets_it() {
        assert!(wish(Some((89, None)), None, true).is_too_small());
        assert!(!wish(Some((89, None)), None, false).is_too_small());
        assert!(!wish(Some((90, None)), None, true).is_too_small());
    }

    #[test]
    fn a_2xx_without_session_expires_leaves_the_refreshing_to_us() {
        use RefresherRole::{Uac, Uas};
        // RFC 4028 section 7.2.
        for (expires, interval, refresher) in [
            (None, 1_800, Refresher::Us),
            (Some((1_200, Some(Uas))), 1_200, Refresher::Peer),
            (Some((1_200, Some(Uac))), 1_200, Refresher::Us),
            (Some((1_200, None)), 1_200, Refresher::Us),
            (Some((10, Some(Uas))), 90, Refresher::Peer),
        ] {
            let made = agreed(&wish(expires, None, true), OURS);
            assert_eq!(made, (Duration::from_secs(interval), refresher), "{expires:?}");
        }
    }

    #[test]
    fn a_session_is_refreshed_at_half_its_interval_and_ended_before_its_end() {
        let timer = |seconds: u64, refresher: Refresher| SessionTimer {
            interval: Duration::from_secs(seconds),
            refresher,
            known: true,
            refreshed_at: Instant::ORIGIN,
            asked: None,
            again_at: None,
        };
        // RFC 4028 section 10: the lesser of 32 s and a third.
        for (interval, refresh, lapse) in [(1_800, 900, 1_768), (90, 45, 60), (96, 48, 64), (120, 60, 88)] {
            let at = |seconds: u64| Instant::ORIGIN + Duration::from_secs(seconds);
            assert_eq!(timer(interval, Refresher::Us).due_at(), at(refresh), "{interval}");
            assert_eq!(timer(interval, Refresher::Peer).due_at(), at(lapse), "{interval}");
            assert_eq!(timer(interval, Refresher::Us).lapses_at(), at(lapse), "{interval}");
        }
    }
}
