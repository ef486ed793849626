//! The bench over io_uring and loopback sockets. Waits for what must come; for what must not come, sends a marker behind it.

use super::Rig;
use contract::Instant;
use core::{net::SocketAddr, time::Duration};
use media_core::{
    io::{Io, system::Bell, uring::Uring},
    shard::{Doors, Shard},
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, UdpSocket},
};

/// How long something that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct SocketRig {
    pub shard: Shard,
    pub io: Uring,
    doors: Doors,
    phones: BTreeMap<SocketAddr, UdpSocket>,
    numbers: BTreeMap<u16, SocketAddr>,
}

impl SocketRig {
    /// A bench with a port range of its own.
    pub fn new(first_port: u16) -> Self {
        let io = Uring::new(64, Bell::new().expect("a descriptor")).expect("io_uring");
        let shard = Shard::new(super::config(first_port..=first_port + 99), io.now());
        Self { doors: shard.doors(), shard, io, phones: BTreeMap::new(), numbers: BTreeMap::new() }
    }

    /// One pass of the loop, waiting a little for datagrams.
    fn turn(&mut self) {
        self.shard.turn(self.io.now(), &mut self.io);
        let until = self.io.now() + Duration::from_millis(1);
        self.io.wait(until);
        self.shard.turn(self.io.now(), &mut self.io);
        self.io.wait(self.io.now());
    }

    /// Another socket of its own on loopback.
    pub fn stranger(&mut self) -> SocketAddr {
        self.stranger_at(Ipv4Addr::LOCALHOST.into())
    }

    /// As [`SocketRig::stranger`], at another address.
    pub fn stranger_at(&mut self, address: IpAddr) -> SocketAddr {
        let socket = UdpSocket::bind((address, 0)).expect("a port");
        socket.set_nonblocking(true).expect("set");
        let address = socket.local_addr().expect("bound");
        self.phones.insert(address, socket);
        address
    }
}

impl Rig for SocketRig {
    fn doors(&self) -> &Doors {
        &self.doors
    }

    fn settle(&mut self) {
        self.turn();
    }

    fn phone(&mut self, number: u16) -> SocketAddr {
        if let Some(address) = self.numbers.get(&number) {
            return *address;
        }
        let address = self.stranger();
        self.numbers.insert(number, address);
        address
    }

    fn say(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        // A refusal left over from an earlier datagram is no failure of this one.
        while self.phones[&from].send_to(bytes, to).is_err() {}
        self.turn();
    }

    fn now(&self) -> Instant {
        self.io.now()
    }

    fn poll(&mut self, at: SocketAddr) -> Option<(SocketAddr, Vec<u8>)> {
        self.turn();
        let mut bytes = [0; 2_048];
        let (len, from) = self.phones[&at].recv_from(&mut bytes).ok()?;
        Some((from, bytes[..len].to_vec()))
    }

    fn hear(&mut self, at: SocketAddr) -> Option<(SocketAddr, Vec<u8>)> {
        let start = self.io.now();
        let mut bytes = [0; 2_048];
        while self.io.now().since(start) < PATIENCE {
            if let Ok((len, from)) = self.phones[&at].recv_from(&mut bytes) {
                return Some((from, bytes[..len].to_vec()));
            }
            self.turn();
        }
        None
    }
}
