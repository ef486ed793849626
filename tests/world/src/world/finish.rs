//! The end of a run: heal everything, let every timer pass, see that nothing is left and that a fresh call works.

use super::{Event, Order, World};
use crate::{
    net::{Net, Violation},
    phone::{Act, Out, Stage},
};
use core::time::Duration;
use signaling::{effect::StatusView, settings::Visibility};

/// Long enough for every transaction, answered or not: three lives of 64*T1.
const TRANSACTIONS: Duration = Duration::from_secs(100);

impl World {
    /// The whole run.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        let span = self.swarm.span;
        self.run_until(self.now + span)?;
        self.heal();
        self.run_until(self.now + Duration::from_secs(45))?;
        self.put_down();
        self.run_until(self.now + TRANSACTIONS)?;
        self.put_down();
        // What was on its way when the world was healed has been answered and would be refreshed again.
        self.forget_refreshes();
        let longest = self.swarm.length_max.max(self.swarm.silence_timeout) + self.swarm.ring_max;
        self.run_until(self.now + longest + TRANSACTIONS)?;
        self.nothing_left(false)?;
        self.fresh_call()?;
        // No phone refreshes any more: every binding will run out.
        self.forget_refreshes();
        self.run_until(self.now + TRANSACTIONS)?;
        self.nothing_left(false)?;
        self.run_until(self.now + self.swarm.expires_max + Duration::from_secs(10))?;
        self.nothing_left(true)
    }

    fn heal(&mut self) {
        self.trace.note(self.now, "healed");
        self.swarm.heal();
        self.network.faults = self.swarm.network.clone();
        self.media.faults = self.swarm.media.clone();
        self.store.faults = self.swarm.store.clone();
        self.agenda.retain(|e| {
            !matches!(e, Event::Act { .. } | Event::Operate(_) | Event::Cut { .. } | Event::Rebind(_) | Event::Reset(_))
        });
        for phone in 0..self.phones.len() {
            self.phones[phone].manners = self.swarm.manners.clone();
            self.phones[phone].beat = Duration::from_millis(1);
            self.network.hosts[phone].cut = false;
            // A stream that garbage went down is of no use any more.
            self.break_streams(phone);
        }
        self.forget_refreshes();
        self.put_down();
    }

    fn put_down(&mut self) {
        for phone in 0..self.phones.len() {
            let mut out = Out::default();
            self.phones[phone].hang_up_everything(self.now, &mut out);
            self.phone_wants(phone, out);
        }
    }

    fn forget_refreshes(&mut self) {
        self.agenda.retain(|e| {
            !matches!(
                e,
                Event::Reminder {
                    timer: crate::phone::Timer::Refresh { .. }
                        | crate::phone::Timer::KeepAlive
                        | crate::phone::Timer::WatchOn { .. },
                    ..
                }
            )
        });
    }

    /// Everything created was returned. Streams of the phones are closed first, as when they are switched off.
    fn nothing_left(&mut self, bindings_too: bool) -> Result<(), Violation> {
        for phone in 0..self.phones.len() {
            self.break_streams(phone);
        }
        self.run_until(self.now + Duration::from_secs(2))?;
        let status = self.pbx.status();
        let mut rest = StatusView { draining: status.draining, ..StatusView::default() };
        if !bindings_too {
            rest.bindings = status.bindings;
            rest.registrations = status.registrations;
            rest.subscriptions = status.subscriptions;
            rest.publications = status.publications;
            rest.messages = status.messages;
        }
        if status != rest {
            self.found.add(Net::Balance, format!("not everything came back: {status:?}"));
        }
        if self.media.ports() > 0 || !self.media.sessions.is_empty() {
            let sessions: Vec<_> = self.media.sessions.keys().collect();
            self.found.add(Net::Balance, format!("{} ports are still open in {sessions:?}", self.media.ports()));
        }
        if !self.unanswered.is_empty() {
            self.found.add(Net::Balance, format!("orders without a reply: {:?}", self.unanswered));
        }
        self.wire.unfinished(self.now, &mut self.found);
        self.records.settled(&mut self.found);
        self.found.first(self.now).map_or(Ok(()), Err)
    }

    /// Two registered phones, one polite call: it must work, and both must hear each other.
    fn fresh_call(&mut self) -> Result<(), Violation> {
        for phone in 0..self.phones.len() {
            self.phone_acts(phone, &Act::Register);
        }
        self.run_until(self.now + Duration::from_secs(3))?;
        if let Some(silent) = self.phones.iter().position(|p| p.registration.until.is_none_or(|u| u <= self.now)) {
            self.found.add(Net::Liveness, format!("{} cannot register in a healed world", self.label(silent)));
        }
        let caller = self.any_phone();
        let numbers = &self.phones[caller].identity.others;
        let Some(callee) = numbers.first().cloned() else { return Ok(()) };
        self.watch_the_call(caller, &callee);
        self.run_until(self.now + Duration::from_secs(2))?;
        for phone in &mut self.phones {
            phone.talk_max = Duration::ZERO;
            // The callee's account may ring no longer than eight seconds.
            phone.rings_ms = 4_000;
        }
        self.phone_acts(caller, &Act::Dial(callee.clone()));
        self.run_until(self.now + Duration::from_secs(20))?;
        let Some((call, status)) = self.phones[caller].calls.iter().next_back().map(|(id, c)| (*id, c.status)) else {
            return Ok(());
        };
        if self.draining {
            if status != Some(503) {
                self.found.add(Net::Liveness, format!("a draining exchange answers {status:?} instead of 503"));
            }
        } else if let Err(wrong) = self.they_hear_each_other(caller, call) {
            self.found.add(Net::Liveness, format!("a polite call to {callee} (status {status:?}): {wrong}"));
        }
        self.watchers_agree(caller, !self.draining);
        self.put_down();
        self.operate(Order::Status);
        self.run_until(self.now + Duration::from_secs(5))?;
        if let Some(up) = self.phones.iter().position(|p| p.up_calls().next().is_some()) {
            self.found.add(Net::Liveness, format!("{} still is in a call that was hung up", self.label(up)));
        }
        self.watchers_agree(caller, false);
        self.found.first(self.now).map_or(Ok(()), Err)
    }

    /// Every phone but the caller watches both parties of the call that is to come.
    fn watch_the_call(&mut self, caller: usize, callee: &str) {
        let parties = [self.phones[caller].identity.number.clone(), callee.to_owned()];
        for phone in (0..self.phones.len()).filter(|phone| *phone != caller) {
            self.phones[phone].watches.clear();
            for number in &parties {
                for package in ["dialog", "presence"] {
                    self.phone_acts(phone, &Act::Watch(number.clone(), package, 600));
                }
            }
        }
    }

    /// What each watcher holds is the truth: both parties are in one answered call, or in none.
    fn watchers_agree(&mut self, caller: usize, up: bool) {
        let mut wrong = Vec::new();
        for phone in (0..self.phones.len()).filter(|phone| *phone != caller) {
            let own = &self.phones[phone].identity.number;
            for watch in self.phones[phone].watches.values() {
                let account = self.settings.directory.extension(&watch.number);
                let hides = account.is_some_and(|account| account.visibility == Visibility::Hidden);
                // Everybody sees himself.
                if hides && *own != watch.number {
                    if watch.refused != Some(403) {
                        wrong.push(format!("{} sees {}, which hides", self.label(phone), watch.number));
                    }
                    continue;
                }
                let states: Vec<&str> = watch.dialogs.values().map(String::as_str).collect();
                let holds = match watch.package {
                    "dialog" => states == if up { &["confirmed"][..] } else { &[] },
                    _ => watch.presence == Some((true, up)),
                };
                if watch.over || !holds {
                    let what = format!("{states:?} {:?}", watch.presence);
                    wrong.push(format!("{} holds {what} of {} (up: {up})", self.label(phone), watch.number));
                }
            }
        }
        for wrong in wrong {
            self.found.add(Net::Watching, wrong);
        }
    }

    fn they_hear_each_other(&self, phone: usize, call: u32) -> Result<(), &'static str> {
        let call = &self.phones[phone].calls[&call];
        if call.stage != Stage::Up {
            return Err("it is not up");
        }
        let heard = call.media.heard.as_ref().and_then(|h| h.rtp).ok_or("the caller was told no address")?;
        let (session, caller) =
            self.media.owner(heard.port()).ok_or("the port that the caller was told is not open")?;
        let known = self.media.sessions.get(&session).ok_or("its session is not open")?;
        let both = |m: &contract::MemberId| known.table.hears(caller, *m) && known.table.hears(*m, caller);
        if known.members.keys().filter(|m| **m != caller).any(both) {
            Ok(())
        } else {
            Err("they do not hear each other")
        }
    }
}
