//! The bench over the simulated network: the clock stands still unless told.

use super::Rig;
use core::{net::SocketAddr, time::Duration};
use media_core::{
    io::{Io, memory::Memory},
    shard::{Doors, Shard, ShardConfig},
};
use std::collections::VecDeque;

pub struct MemoryRig {
    pub shard: Shard,
    pub io: Memory,
    doors: Doors,
    heard: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl MemoryRig {
    pub fn new() -> Self {
        Self::with(super::config(10_000..=10_999))
    }

    pub fn with(config: ShardConfig) -> Self {
        let io = Memory::new(1_000, 256);
        let shard = Shard::new(config, io.now());
        Self { doors: shard.doors(), shard, io, heard: VecDeque::new() }
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

    fn hear(&mut self, at: SocketAddr) -> Option<(SocketAddr, Vec<u8>)> {
        self.settle();
        let index = self.heard.iter().position(|(_, to, _)| *to == at)?;
        let (from, _, bytes) = self.heard.remove(index)?;
        Some((from, bytes))
    }
}
