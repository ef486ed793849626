//! [`Pager`]: messages on their way and messages kept.

use crate::{
    input::StoredMessage,
    limits::PAGES_KEPT_MAX,
    transaction::{ClientId, ServerId},
    wheel::{TimerId, Wheel},
};
use contract::Instant;
use core::time::Duration;
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};

/// A message that is kept.
#[derive(Debug)]
pub struct Kept {
    /// It, as it was when it was kept.
    pub message: StoredMessage,
    expires_at: Instant,
    timer: TimerId,
}

/// A message on its way to the phones of an account.
#[derive(Debug)]
struct Sending {
    message: StoredMessage,
    /// Its sender, who waits for the answer.
    server: Option<ServerId>,
    /// What phones have not answered.
    clients: SmallVec<[ClientId; 2]>,
    /// The refusal that counts.
    refusal: u16,
    /// It is kept, too, until a phone takes it.
    kept: bool,
    /// The sender waits no longer than this.
    patience: Option<TimerId>,
}

/// What waits for what.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Due {
    Patience(u64),
    Age(Box<str>, u64),
}

/// What became of a message.
#[derive(Debug, Eq, PartialEq)]
pub enum Outcome {
    /// A phone took it. Its sender is to be answered 200, if he still waits.
    Taken {
        /// Who waits.
        server: Option<ServerId>,
        /// Whose phone.
        number: Box<str>,
        /// It was kept, and is to be forgotten by the store.
        kept: Option<u64>,
    },
    /// No phone took it, or none in time: it is to be kept.
    Untaken {
        /// Who waits.
        server: Option<ServerId>,
        /// The message.
        message: StoredMessage,
    },
    /// Every phone refuses it for what it is. Its sender is to be told.
    Refused {
        /// Who waits.
        server: Option<ServerId>,
        /// Whose phones.
        number: Box<str>,
        /// Their reason.
        status: u16,
        /// It was kept, and is to be forgotten by the store.
        kept: Option<u64>,
    },
    /// A kept message was not taken; it stays.
    Stays,
    /// A kept message has become too old; the store is to forget it.
    Aged {
        /// Its name.
        id: u64,
    },
}

/// All messages.
#[derive(Debug, Default)]
pub struct Pager {
    kept: BTreeMap<Box<str>, VecDeque<Kept>>,
    /// How many are kept.
    count: usize,
    /// By the message's name.
    sending: BTreeMap<u64, Sending>,
    by_client: BTreeMap<ClientId, u64>,
    wheel: Wheel<Due>,
}

impl Pager {
    /// Without messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Messages kept.
    #[must_use]
    pub const fn kept(&self) -> usize {
        self.count
    }

    /// Messages kept for an account.
    #[must_use]
    pub fn kept_for(&self, number: &str) -> usize {
        self.kept.get(number).map_or(0, VecDeque::len)
    }

    /// Messages that phones are being asked to take.
    #[must_use]
    pub fn sending(&self) -> usize {
        self.sending.len()
    }

    /// Whether no more can be kept of anybody.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.count >= PAGES_KEPT_MAX
    }

    /// Keeps a message behind those of its account.
    pub fn keep(&mut self, now: Instant, message: StoredMessage) {
        let number: Box<str> = message.number.as_str().into();
        let expires_at = now + message.expires_in;
        let timer = self.wheel.arm(expires_at, Due::Age(number.clone(), message.id));
        self.kept.entry(number).or_default().push_back(Kept { message, expires_at, timer });
        self.count += 1;
    }

    /// Forgets a kept message. `false`: it is not there.
    pub fn forget(&mut self, number: &str, id: u64) -> bool {
        let Some(queue) = self.kept.get_mut(number) else { return false };
        let Some(at) = queue.iter().position(|kept| kept.message.id == id) else { return false };
        if let Some(kept) = queue.remove(at) {
            self.wheel.disarm(kept.timer);
            self.count -= 1;
        }
        if queue.is_empty() {
            self.kept.remove(number);
        }
        true
    }

    /// Forgets everything kept for accounts that are not `known`; returns the names of the messages.
    pub fn retain(&mut self, known: impl Fn(&str) -> bool) -> Vec<(String, u64)> {
        let gone: Vec<(String, u64)> = self
            .kept
            .iter()
            .filter(|(number, _)| !known(number))
            .flat_map(|(number, queue)| queue.iter().map(|kept| ((**number).to_owned(), kept.message.id)))
            .collect();
        for (number, id) in &gone {
            self.forget(number, *id);
        }
        gone
    }

    /// The next message kept for an account that is to go out, with the time it has left; `None`: there is none, or one is on its way already.
    #[must_use]
    pub fn next_for(&self, now: Instant, number: &str) -> Option<StoredMessage> {
        let first = self.kept.get(number)?.front()?;
        let under_way = self.sending.values().any(|sending| sending.kept && sending.message.number == number);
        (!under_way).then(|| StoredMessage { expires_in: first.expires_at.since(now), ..first.message.clone() })
    }

    /// A message was sent to phones; `patience` bounds how long `server` waits. `kept`: it is one of those kept.
    pub fn sent(
        &mut self,
        message: StoredMessage,
        clients: impl IntoIterator<Item = ClientId>,
        waiting: Option<(ServerId, Instant)>,
        kept: bool,
    ) {
        let id = message.id;
        let patience = waiting.map(|(_, until)| self.wheel.arm(until, Due::Patience(id)));
        let clients: SmallVec<[ClientId; 2]> = clients.into_iter().collect();
        self.by_client.extend(clients.iter().map(|client| (*client, id)));
        let server = waiting.map(|(server, _)| server);
        self.sending.insert(id, Sending { message, server, clients, refusal: 0, kept, patience });
    }

    /// A phone answered, or (408, 503) will not. `None`: the request was none of ours, or others are still to answer.
    pub fn answered(&mut self, client: ClientId, status: u16) -> Option<Outcome> {
        let id = *self.by_client.get(&client)?;
        if status < 200 {
            return None;
        }
        self.by_client.remove(&client);
        let sending = self.sending.get_mut(&id)?;
        sending.clients.retain(|other| *other != client);
        if status >= 300 {
            sending.refusal = telling(sending.refusal, status);
            if !sending.clients.is_empty() {
                return None;
            }
        }
        let Sending { message, server, refusal, kept, .. } = self.end(id)?;
        let number: Box<str> = message.number.as_str().into();
        let kept = kept.then_some(id);
        let taken = status < 300;
        if !taken && !is_about_the_message(refusal) {
            return Some(if kept.is_some() { Outcome::Stays } else { Outcome::Untaken { server, message } });
        }
        if let Some(id) = kept {
            self.forget(&number, id);
        }
        Some(match taken {
            true => Outcome::Taken { server, number, kept },
            false => Outcome::Refused { server, number, status: refusal, kept },
        })
    }

    /// Whether a request of ours carries a message.
    #[must_use]
    pub fn owns(&self, client: ClientId) -> bool {
        self.by_client.contains_key(&client)
    }

    fn end(&mut self, id: u64) -> Option<Sending> {
        let sending = self.sending.remove(&id)?;
        for client in &sending.clients {
            self.by_client.remove(client);
        }
        if let Some(timer) = sending.patience {
            self.wheel.disarm(timer);
        }
        Some(sending)
    }

    /// When the next timer is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// Takes what the next due timer means. To be called until it returns `None`.
    pub fn due(&mut self, now: Instant) -> Option<Outcome> {
        loop {
            match self.wheel.pop_due(now)?.1 {
                Due::Patience(id) => {
                    let Some(sending) = self.sending.get_mut(&id) else { continue };
                    sending.patience = None;
                    // A phone that answers yet has it after all; it is not sent again before.
                    sending.kept = true;
                    let (server, message) = (sending.server.take(), sending.message.clone());
                    return Some(Outcome::Untaken { server, message });
                }
                Due::Age(number, id) => {
                    if self.forget(&number, id) {
                        return Some(Outcome::Aged { id });
                    }
                }
            }
        }
    }

    /// Timers of messages that somebody waits for.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.wheel.len() - self.count
    }

    /// How long `expires` of a MESSAGE, bounded by `keep`, lets it be kept (RFC 3428 section 4: after that it is of no use).
    #[must_use]
    pub fn life(expires: Option<u32>, keep: Duration) -> Duration {
        // Without the header, and with 0, the sender sets no end.
        match expires {
            None | Some(0) => keep,
            Some(seconds) => keep.min(Duration::from_secs(seconds.into())),
        }
    }

    /// Checks what must always hold.
    ///
    /// # Errors
    /// The name of the check that failed.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        let hold = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(what) };
        hold(self.kept.values().map(VecDeque::len).sum::<usize>() == self.count, "every kept message is counted")?;
        hold(self.kept.values().all(|queue| !queue.is_empty()), "nobody keeps nothing")?;
        let patience = self.sending.values().filter(|sending| sending.patience.is_some()).count();
        hold(self.wheel.len() == self.count + patience, "every timer of a message belongs to one")?;
        let clients = self.sending.values().map(|sending| sending.clients.len()).sum::<usize>();
        hold(clients == self.by_client.len(), "every request with a message is found by its name")?;
        hold(
            self.sending.values().all(|sending| !sending.clients.is_empty()),
            "a message that no phone is asked to take is not on its way",
        )?;
        hold(
            self.sending.values().all(|sending| sending.server.is_some() == sending.patience.is_some()),
            "a sender waits a bounded time",
        )
    }
}

/// Of two refusals the one that counts: a message is refused for what it is only if every phone says so. 0: there was none before.
const fn telling(before: u16, now: u16) -> u16 {
    if before == 0 || !is_about_the_message(now) { now } else { before }
}

/// Whether a phone refuses a message for what it is, so that it would refuse it tomorrow as well: its size, type or content, or because the person does not
/// want it (RFC 3428 section 7). A phone that knows no MESSAGE at all (405, 501) says nothing about the message: another phone may come.
const fn is_about_the_message(status: u16) -> bool {
    matches!(status, 400 | 403 | 406 | 413 | 415 | 416 | 420 | 488 | 513 | 603 | 606)
}
