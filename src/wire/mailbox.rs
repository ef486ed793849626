//! The door of the signaling thread for other threads: bounded, and it wakes the thread.

use super::{
    gate::{Ban, BanOrder},
    limits::MAILBOX_MAX,
};
use crossbeam::queue::ArrayQueue;
use signaling::{
    dns::Resolution,
    effect::{Refusal, Reply},
    id::{LookupId, QueryId},
    input::{Command, StoreFault},
    settings::Settings,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, oneshot};

/// One message for the signaling thread.
#[derive(Debug)]
pub(super) enum Letter {
    /// A command, and where its reply goes.
    Asked { command: Command, reply: oneshot::Sender<Reply> },
    /// A name server answers, or none does.
    Resolved { lookup: LookupId, resolution: Resolution },
    /// New settings. Nobody takes them over any more once whoever gave them has given up.
    Configured { settings: Arc<Settings>, taken: oneshot::Sender<()> },
    /// An order to the gate, and where its reply goes.
    Gate { order: BanOrder, reply: oneshot::Sender<Option<Vec<Ban>>> },
    /// The store answers.
    Stored { query: QueryId, outcome: Result<(), StoreFault> },
}

/// What both sides hold.
#[derive(Debug)]
pub(super) struct Mailbox {
    letters: ArrayQueue<Letter>,
    wake: Notify,
    /// Its own flag, because an order to leave must not find the box full.
    quit: AtomicBool,
}

impl Mailbox {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { letters: ArrayQueue::new(MAILBOX_MAX), wake: Notify::new(), quit: AtomicBool::new(false) })
    }

    /// Puts a letter in; gives it back when there is no room.
    pub(super) fn put(&self, letter: Letter) -> Result<(), Letter> {
        let put = self.letters.push(letter);
        self.wake.notify_one();
        put
    }

    pub(super) fn take(&self) -> Option<Letter> {
        self.letters.pop()
    }

    pub(super) fn quits(&self) -> bool {
        self.quit.load(Ordering::Acquire)
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Until someone wakes the thread; a wake before the call counts.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }
}

/// Why a command has no reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unanswered {
    /// The signaling thread did not answer in time.
    Late,
    /// The signaling thread is gone.
    Gone,
}

/// How other threads speak to the exchange. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub(super) mailbox: Arc<Mailbox>,
}

impl Exchange {
    /// Gives `command` to the exchange and waits for the reply, at most `within`. A full mailbox is [`Refusal::Exhausted`].
    ///
    /// # Errors
    /// When there is no reply.
    pub async fn ask(&self, command: Command, within: Duration) -> Result<Reply, Unanswered> {
        let (reply, answer) = oneshot::channel();
        if self.mailbox.put(Letter::Asked { command, reply }).is_err() {
            return Ok(Reply::Refused(Refusal::Exhausted));
        }
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(Unanswered::Gone),
            Err(_) => Err(Unanswered::Late),
        }
    }

    /// Gives new settings to the exchange, which takes all of them over before this returns; or, after `within`, none.
    ///
    /// # Errors
    /// It has not taken them over, and will not.
    pub async fn configure(&self, settings: Arc<Settings>, within: Duration) -> Result<(), Unanswered> {
        let (taken, mut answer) = oneshot::channel();
        if self.mailbox.put(Letter::Configured { settings, taken }).is_err() {
            return Err(Unanswered::Late);
        }
        match tokio::time::timeout(within, &mut answer).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Unanswered::Gone),
            Err(_) => {
                // From here on the letter counts for nothing; it may have been opened just before.
                answer.close();
                answer.try_recv().map_err(|_| Unanswered::Late)
            }
        }
    }

    /// Gives an order to the gate and waits for the bans it concerns, at most `within`; `None`: the source is one that is never banned.
    ///
    /// # Errors
    /// When there is no reply.
    pub async fn bans(&self, order: BanOrder, within: Duration) -> Result<Option<Vec<Ban>>, Unanswered> {
        let (reply, answer) = oneshot::channel();
        if self.mailbox.put(Letter::Gate { order, reply }).is_err() {
            return Err(Unanswered::Late);
        }
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(bans)) => Ok(bans),
            Ok(Err(_)) => Err(Unanswered::Gone),
            Err(_) => Err(Unanswered::Late),
        }
    }

    /// Gives the store's answer to the exchange. Without room it is lost, and the exchange's own time-out answers in its place.
    pub fn stored(&self, query: QueryId, outcome: Result<(), StoreFault>) {
        if self.mailbox.put(Letter::Stored { query, outcome }).is_err() {
            tracing::warn!(component = "wire", "mailbox full: an answer of the store is lost");
        }
    }

    /// Gives a name server's answer to the exchange. Without room it is lost, and the exchange's own time-out answers in its place.
    pub fn resolved(&self, lookup: LookupId, resolution: Resolution) {
        if self.mailbox.put(Letter::Resolved { lookup, resolution }).is_err() {
            tracing::warn!(component = "wire", "mailbox full: an answer of a name server is lost");
        }
    }

    /// Wakes the signaling thread, for instance because a shard has events.
    pub fn wake(&self) {
        self.mailbox.wake();
    }

    /// Ends the signaling thread; what is still up is forgotten.
    pub fn quit(&self) {
        self.mailbox.quit.store(true, Ordering::Release);
        self.mailbox.wake();
    }
}
