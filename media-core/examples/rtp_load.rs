//! A generator for measuring relays: G.711 packets at 50 a second to each leg of a list, and a count of what comes back.
//!
//! `rtp_load SECONDS PID [CPU] < LIST` where a line of LIST reads `LOCAL_PORT RELAY_ADDRESS`. Streams are spread over the 20 ms. Prints what was
//! sent and delivered, the added delay where the payload came back as it was, and the CPU time that process PID used meanwhile, per delivered
//! packet. Each stream is a tone of its own.

use contract::{Codec, Format};
use core::{f64::consts::TAU, net::SocketAddr, time::Duration};
use media_core::{codec, monotonic};
use std::{
    error::Error,
    fs,
    io::{BufRead, ErrorKind},
    net::{Ipv4Addr, UdpSocket},
    thread,
};

const FRAME: Duration = Duration::from_millis(20);
const WARM_UP: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().ok_or("SECONDS is missing")?.parse()?;
    let pid: u32 = arguments.next().ok_or("PID is missing")?.parse()?;
    if let Some(cpu) = arguments.next() {
        core_affinity::set_for_current(core_affinity::CoreId { id: cpu.parse()? });
    }
    let mut streams = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some((port, relay)) = line.split_once(' ') else { continue };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port.parse()?))?;
        socket.connect(relay.parse::<SocketAddr>()?)?;
        socket.set_nonblocking(true)?;
        streams.push(socket);
    }
    let count = streams.len();
    let sounds: Vec<Vec<u8>> = (0..count.min(64)).map(sound).collect::<Result<_, _>>()?;
    let mut packet = [0_u8; 172];
    packet[0] = 0x80;
    let (mut sent, mut delivered, mut delays) = (0_u64, 0_u64, Vec::new());
    let (mut cpu_start, mut measuring) = (0, false);
    let start = monotonic();
    for slot in 0.. {
        // Forty slots of half a millisecond a frame.
        let due = start + FRAME / 40 * slot;
        let now = monotonic();
        if due.since(now) > Duration::ZERO {
            thread::sleep(due.since(now));
        }
        let elapsed = monotonic().since(start);
        if !measuring && elapsed > WARM_UP {
            (sent, delivered, measuring, cpu_start) = (0, 0, true, cpu_ns(pid)?);
            delays.clear();
        }
        if elapsed > WARM_UP + Duration::from_secs(seconds) {
            break;
        }
        let (frame, part) = (slot / 40, slot as usize % 40);
        for (index, socket) in
            streams.iter().enumerate().skip(part * count / 40).take((part + 1) * count / 40 - part * count / 40)
        {
            packet[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(frame * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&(index as u32).to_be_bytes());
            packet[20..].copy_from_slice(&sounds[index % 64][8..]);
            packet[12..20].copy_from_slice(&monotonic().as_nanos().to_be_bytes());
            match socket.send(&packet) {
                Ok(_) => sent += 1,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // What was sent one and two slots ago has come by now, unless the relay is late; a whole round catches that.
        for behind in [1, 2, 4] {
            let part = (part + 40 - behind) % 40;
            // Streams 2n and 2n + 1 are the two sides of a call and lie in the same slot or at its border.
            let (first, last) = (part * count / 40, ((part + 1) * count / 40 + 1).min(count));
            for socket in &streams[first..last] {
                let mut bytes = [0_u8; 200];
                while let Ok(len) = socket.recv(&mut bytes) {
                    delivered += 1;
                    if let Some(at) = bytes[..len].get(12..20).and_then(|stamp| stamp.first_chunk()) {
                        let delay = monotonic().as_nanos().saturating_sub(u64::from_be_bytes(*at)) / 1_000;
                        // What was mixed bears no stamp.
                        if delay < 10_000_000 {
                            delays.push(delay);
                        }
                    }
                    if behind == 4 {
                        continue;
                    }
                    // One packet a frame: the next would be one that was late.
                    break;
                }
            }
        }
    }
    let cpu = cpu_ns(pid)?.saturating_sub(cpu_start);
    delays.sort_unstable();
    let at = |share: usize| delays.get(delays.len().saturating_sub(1) * share / 1_000).copied().unwrap_or_default();
    println!(
        "streams {count} sent {sent} delivered {delivered} lost {} cpu {:.2} s, {:.3} us a packet; delay p50 {} p99 {} us",
        sent as i64 - delivered as i64,
        cpu as f64 / 1e9,
        cpu as f64 / 1e3 / delivered.max(1) as f64,
        at(500),
        at(990),
    );
    Ok(())
}

/// 20 ms of a tone, a whole number of its waves, so that it goes on from packet to packet.
fn sound(number: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let pcmu = Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1 };
    let mut encoder = codec::entry(&pcmu).and_then(|entry| (entry.open_encoder)(&pcmu)).ok_or("no encoder")?;
    let turn = |at: usize| TAU * (6 + number) as f64 * at as f64 / 160.0;
    let samples: Vec<i16> = (0..160).map(|at| (6_000.0 * turn(at).sin()) as i16).collect();
    let mut octets = vec![0; 160];
    encoder.encode(&samples, &mut octets);
    Ok(octets)
}

/// CPU time of all threads of a process in nanoseconds, user and system.
fn cpu_ns(pid: u32) -> Result<u64, Box<dyn Error>> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        total += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(total)
}
