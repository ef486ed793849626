//! The mouth and ear of a telephone that is no browser: a steady tone in G.711, and what comes back.

use crate::{
    phone::{Dialog, Phone},
    sound,
};
use std::{
    collections::BTreeMap,
    io::ErrorKind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// The payload type of events, as the telephone describes it.
const EVENTS: u8 = 101;

/// A tone that is spoken, and an ear that is open, until it is dropped.
pub(crate) struct Voice {
    heard: Arc<Mutex<Heard>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What came.
#[derive(Default)]
struct Heard {
    /// The last of the sound, in µ-law.
    sound: Vec<u8>,
    /// Keys by the time of their beginning: one press is one time (RFC 4733 section 2.3).
    keys: BTreeMap<u32, u8>,
}

impl Voice {
    pub(crate) fn start(phone: &Phone, dialog: &Dialog, hertz: f64) -> Self {
        let (rtp, to) = (phone.rtp.try_clone().unwrap(), dialog.hears.expect("the other side has said where it hears"));
        let heard = Arc::new(Mutex::new(Heard::default()));
        let ends = Arc::new(AtomicBool::new(false));
        let (into, until) = (Arc::clone(&heard), Arc::clone(&ends));
        rtp.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let thread = thread::spawn(move || {
            let mut buffer = [0; 2_048];
            for number in 0.. {
                if until.load(Ordering::Relaxed) {
                    return;
                }
                let header = [vec![0x80, 0], (number as u16).to_be_bytes().to_vec()].concat();
                let timestamp = ((number * sound::SAMPLES) as u32).to_be_bytes();
                let packet = [header, timestamp.to_vec(), b"tone".to_vec(), sound::tone(hertz, number)].concat();
                rtp.send_to(&packet, to).unwrap();
                thread::sleep(Duration::from_millis(18));
                loop {
                    match rtp.recv(&mut buffer) {
                        Ok(length) if length > 12 => into.lock().unwrap().take(&buffer[..length]),
                        Ok(_) => {}
                        Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                        Err(_) => {}
                    }
                }
            }
        });
        Self { heard, ends, thread: Some(thread) }
    }

    /// The tone that fills the last second, if there was one and one tone does.
    pub(crate) fn hears(&self) -> Option<f64> {
        let heard = self.heard.lock().unwrap();
        let second = heard.sound.len().checked_sub(8_000)?;
        sound::dominant(&heard.sound[second..])
    }

    /// Forgets the sound of before.
    pub(crate) fn forget(&self) {
        self.heard.lock().unwrap().sound.clear();
    }

    /// The keys pressed so far.
    pub(crate) fn keys(&self) -> Vec<u8> {
        self.heard.lock().unwrap().keys.values().copied().collect()
    }
}

impl Heard {
    fn take(&mut self, packet: &[u8]) {
        match packet[1] & 0x7f {
            0 => self.sound.extend(&packet[12..]),
            EVENTS => {
                let at = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
                self.keys.insert(at, packet[12]);
            }
            _ => {}
        }
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
