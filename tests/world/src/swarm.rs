//! What may go wrong in one run. Each seed switches most faults off entirely and leaves a few strong, so that rare pairs meet
//! instead of everything being a little bad everywhere ("swarm testing").

use crate::rng::Rng;
use core::time::Duration;

/// The options of one run, drawn first.
#[derive(Clone, Debug)]
pub(crate) struct Swarm {
    pub(crate) accounts: u64,
    /// Phones per account at most.
    pub(crate) phones_each: u64,
    pub(crate) tcp_percent: u8,
    pub(crate) ipv6_percent: u8,
    pub(crate) nat_percent: u8,
    pub(crate) network: Faults,
    pub(crate) manners: Manners,
    pub(crate) store: StoreFaults,
    pub(crate) media: MediaFaults,
    pub(crate) operator: OperatorWill,
    /// How long phones act of their own will.
    pub(crate) span: Duration,
    /// Calls dialled in that span.
    pub(crate) calls: u64,
    /// In-call acts fall on whole multiples of this, so that both sides act at once.
    pub(crate) beat: Duration,
    pub(crate) talk_max: Duration,
    pub(crate) length_max: Duration,
    /// The interval in which sessions are refreshed.
    pub(crate) session_expires: Duration,
    pub(crate) ring_max: Duration,
    pub(crate) silence_timeout: Duration,
    pub(crate) call_limit: u64,
    pub(crate) calls_max: u64,
    pub(crate) expires_max: Duration,
}

/// What the network may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) loss_percent: u8,
    pub(crate) duplicate_percent: u8,
    pub(crate) delay_max: Duration,
    /// Phones cut off for a while, over the span.
    pub(crate) partitions: u64,
    /// NAT bindings replaced, over the span.
    pub(crate) rebindings: u64,
    /// An idle NAT binding dies after this.
    pub(crate) nat_life: Duration,
    /// Streams reset, over the span.
    pub(crate) resets: u64,
    pub(crate) refuse_percent: u8,
    /// Streams arrive in pieces.
    pub(crate) fragments: bool,
}

/// How rude phones are, in percent of the occasions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    pub(crate) late_ack: u8,
    pub(crate) no_ack: u8,
    pub(crate) no_bye: u8,
    pub(crate) late_2xx: u8,
    pub(crate) double_2xx: u8,
    pub(crate) silent: u8,
    pub(crate) never_answer: u8,
    pub(crate) redirect: u8,
    pub(crate) refuse: u8,
    pub(crate) early_media: u8,
    pub(crate) offerless: u8,
    pub(crate) hold: u8,
    pub(crate) update: u8,
    pub(crate) info: u8,
    pub(crate) refuse_modify: u8,
    pub(crate) wrong_password: u8,
    pub(crate) replay_nonce: u8,
    pub(crate) give_up: u8,
    pub(crate) odd_codecs: u8,
    pub(crate) garbage: u64,
    pub(crate) keep_alive: bool,
    /// Phones that restart and forget, over the span.
    pub(crate) vanish: u64,
    pub(crate) unregister: u64,
    /// Registrations are not refreshed in this share of the cases.
    pub(crate) lapse: u8,
    pub(crate) unknown_number: u8,
    pub(crate) echo: u8,
    /// NOTIFYs that are not answered.
    pub(crate) mute_notify: u8,
    /// NOTIFYs that are refused.
    pub(crate) deny_notify: u8,
    /// NOTIFYs after which the watcher asks again, five times at once.
    pub(crate) storm: u8,
    /// Subscriptions begun over the span.
    pub(crate) watches: u64,
    /// Gives the other party to somebody else.
    pub(crate) refer: u8,
    /// Hangs up as soon as that is accepted.
    pub(crate) refer_and_leave: u8,
    /// Wants provisional responses acknowledged, as caller and as callee.
    pub(crate) reliable: u8,
    /// Promises that and does not acknowledge.
    pub(crate) no_prack: u8,
    /// Promises to refresh its sessions.
    pub(crate) refresher: u8,
    /// And does not.
    pub(crate) no_refresh: u8,
}

/// How the store fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreFaults {
    pub(crate) delay_max: Duration,
    pub(crate) fail_percent: u8,
    pub(crate) never_percent: u8,
    pub(crate) twice_percent: u8,
}

/// How the media plane fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct MediaFaults {
    pub(crate) delay_max: Duration,
    pub(crate) refuse_percent: u8,
    pub(crate) ports: u64,
    pub(crate) lose_answer_percent: u8,
}

/// What the operator does over the span.
#[derive(Clone, Debug, Default)]
pub(crate) struct OperatorWill {
    pub(crate) originate: u64,
    pub(crate) hang_up: u64,
    pub(crate) lists: u64,
    pub(crate) configure: u64,
    pub(crate) drain: bool,
    pub(crate) hang_up_all: u64,
}

/// `value` in some runs, nothing in the others.
fn some<T: Default>(rng: &mut Rng, percent: u8, value: impl FnOnce(&mut Rng) -> T) -> T {
    if rng.chance(percent) { value(rng) } else { T::default() }
}

fn share(rng: &mut Rng, most: u64) -> u8 {
    u8::try_from(rng.between(1, most)).unwrap_or(1)
}

impl Swarm {
    /// The options of this seed.
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let r = rng;
        Self {
            accounts: r.between(2, 6),
            phones_each: r.between(1, 3),
            tcp_percent: *r.pick(&[0, 0, 30, 50, 100]),
            ipv6_percent: *r.pick(&[0, 0, 0, 40]),
            nat_percent: *r.pick(&[0, 0, 50, 100]),
            network: Faults::draw(r),
            manners: Manners::draw(r),
            store: StoreFaults {
                delay_max: some(r, 40, |r| Duration::from_millis(r.between(1, 1_500))),
                fail_percent: some(r, 20, |r| share(r, 60)),
                never_percent: some(r, 20, |r| share(r, 40)),
                twice_percent: some(r, 20, |r| share(r, 60)),
            },
            media: MediaFaults {
                delay_max: some(r, 40, |r| Duration::from_millis(r.between(1, 800))),
                refuse_percent: some(r, 20, |r| share(r, 30)),
                ports: if r.chance(15) { r.between(2, 6) } else { 1_000 },
                lose_answer_percent: some(r, 10, |r| share(r, 10)),
            },
            operator: OperatorWill {
                originate: some(r, 30, |r| r.between(1, 4)),
                hang_up: some(r, 30, |r| r.between(1, 6)),
                lists: some(r, 50, |r| r.between(1, 10)),
                configure: some(r, 30, |r| r.between(1, 10)),
                drain: r.chance(5),
                hang_up_all: some(r, 10, |_| 1),
            },
            span: minutes(r.between(5, 40)),
            calls: r.between(6, 24),
            beat: Duration::from_millis(*r.pick(&[1, 1, 2_000, 10_000])),
            talk_max: Duration::from_secs(*r.pick(&[5, 30, 120, 600])),
            session_expires: *r.pick(&[minutes(30), minutes(30), Duration::from_secs(90), minutes(3)]),
            length_max: *r.pick(&[minutes(60), minutes(60), minutes(60), Duration::from_secs(40)]),
            ring_max: Duration::from_secs(r.between(8, 60)),
            silence_timeout: Duration::from_secs(*r.pick(&[20, 60, 300])),
            call_limit: *r.pick(&[1, 2, 4, 8, 8]),
            calls_max: if r.chance(10) { r.between(1, 3) } else { 1_000 },
            expires_max: minutes(r.between(5, 60)),
        }
    }

    /// The same exchange in a world that behaves.
    pub(crate) fn heal(&mut self) {
        self.network.heal();
        self.manners = Manners { keep_alive: true, ..Manners::default() };
        self.store = StoreFaults::default();
        self.media = MediaFaults { ports: 1_000, ..MediaFaults::default() };
    }
}

impl Faults {
    fn draw(r: &mut Rng) -> Self {
        Self {
            loss_percent: some(r, 40, |r| share(r, 35)),
            duplicate_percent: some(r, 30, |r| share(r, 30)),
            delay_max: Duration::from_millis(*r.pick(&[2, 2, 30, 300, 1_500])),
            partitions: some(r, 25, |r| r.between(1, 4)),
            rebindings: some(r, 25, |r| r.between(1, 6)),
            nat_life: Duration::from_secs(*r.pick(&[30, 120, 100_000])),
            resets: some(r, 30, |r| r.between(1, 6)),
            refuse_percent: some(r, 25, |r| share(r, 80)),
            fragments: r.chance(40),
        }
    }

    fn heal(&mut self) {
        *self =
            Self { delay_max: Duration::from_millis(2), nat_life: Duration::from_secs(1_000_000), ..Self::default() };
    }
}

impl Manners {
    fn draw(r: &mut Rng) -> Self {
        // A source of its own: what was drawn before stays as it was.
        let own = &mut r.clone().fork();
        let mut rare = |most: u64| some(r, 25, |r| share(r, most));
        let mut manners = Self {
            late_ack: rare(60),
            no_ack: rare(30),
            no_bye: rare(40),
            late_2xx: rare(100),
            double_2xx: rare(60),
            silent: rare(40),
            never_answer: rare(40),
            redirect: rare(40),
            refuse: rare(50),
            early_media: rare(80),
            offerless: rare(60),
            hold: rare(100),
            update: rare(100),
            info: rare(60),
            refuse_modify: rare(50),
            wrong_password: rare(30),
            replay_nonce: rare(40),
            give_up: rare(60),
            odd_codecs: rare(30),
            lapse: rare(50),
            unknown_number: rare(20),
            echo: rare(40),
            refer: rare(100),
            refer_and_leave: rare(60),
            reliable: rare(100),
            no_prack: rare(40),
            refresher: rare(100),
            no_refresh: rare(40),
            ..Self::default()
        };
        manners.garbage = some(r, 20, |r| r.between(1, 30));
        manners.keep_alive = r.chance(50);
        manners.vanish = some(r, 20, |r| r.between(1, 5));
        manners.unregister = some(r, 30, |r| r.between(1, 6));
        manners.watches = some(own, 50, |r| r.between(1, 12));
        manners.mute_notify = some(own, 25, |r| share(r, 60));
        manners.deny_notify = some(own, 25, |r| share(r, 60));
        manners.storm = some(own, 25, |r| share(r, 60));
        manners
    }
}
