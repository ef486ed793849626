//! The bench over the simulated network: the clock stands still unless told.

use super::Rig;
use contract::{Fingerprint, Instant};
use core::{net::SocketAddr, time::Duration};
use media_core::{
    io::{Io, memory::Memory},
    shard::{Doors, Shard, ShardConfig},
};
use std::collections::VecDeque;

const BUFFERS: u16 = 256;

pub struct MemoryRig {
    pub shard: Shard,
    pub io: Memory,
    certificate: Fingerprint,
    doors: Doors,
    heard: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// How long phones with tones have talked.
    pub now_ms: u64,
}

impl MemoryRig {
    pub fn new() -> Self {
        Self::with(super::config(10_000..=10_999))
    }

    pub fn with(config: ShardConfig) -> Self {
        let io = Memory::new(1_000, BUFFERS);
        let certificate = config.certificate.fingerprint();
        let shard = Shard::new(config, io.now());
        Self { doors: shard.doors(), shard, io, certificate, heard: VecDeque::new(), now_ms: 0 }
    }

    /// The hash of the shard's certificate.
    pub fn certificate(&self) -> Fingerprint {
        self.certificate
    }

    /// Whether nothing is under way and nothing is kept.
    pub fn all_buffers_free(&self) -> bool {
        self.io.free_buffers() == usize::from(BUFFERS)
    }

    /// A bench for so many legs.
    pub fn large(legs: u16) -> Self {
        let mut rig = Self::with(super::config(10_000..=10_000 + 2 * legs + 1));
        rig.io = Memory::new(2 * u32::from(legs), 3 * legs);
        rig
    }

    /// What came for `at` already, RTP only.
    pub fn take(&mut self, at: SocketAddr) -> Option<(SocketAddr, Vec<u8>)> {
        let index = self.heard.iter().position(|(_, to, _)| *to == at)?;
        let (from, _, bytes) = self.heard.remove(index)?;
        Some((from, bytes))
    }

    /// Lets time pass in steps of 5 ms.
    pub fn pass(&mut self, span: Duration) {
        let step = Duration::from_millis(5);
        for _ in 0..span.as_millis() / step.as_millis() {
            self.io.advance(step);
            self.settle();
        }
    }

    pub fn pass_ms(&mut self, ms: u64) {
        self.pass(Duration::from_millis(ms));
    }
}

impl Rig for MemoryRig {
    fn doors(&self) -> &Doors {
        &self.doors
    }

    fn settle(&mut self) {
        let now = self.io.now();
        self.shard.turn(now, &mut self.io);
        while let Some(sent) = self.io.sent() {
            self.heard.push_back((sent.from, sent.to, sent.bytes.to_vec()));
        }
    }

    fn phone(&mut self, number: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 40_000 + 2 * number))
    }

    fn say(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.io.deliver(from, to, bytes);
        self.settle();
    }

    fn now(&self) -> Instant {
        self.io.now()
    }

    fn poll(&mut self, at: SocketAddr) -> Option<(SocketAddr, Vec<u8>)> {
        self.hear(at)
    }

    fn hear(&mut self, at: SocketAddr) -> Option<(SocketAddr, Vec<u8>)> {
        self.settle();
        let index = self.heard.iter().position(|(_, to, _)| *to == at)?;
        let (from, _, bytes) = self.heard.remove(index)?;
        Some((from, bytes))
    }
}
