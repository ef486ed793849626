//! Phones that register with digest: RFC 3261 section 10.2 and 22.

use super::{Pace, Station, transaction::Purpose};
use crate::{account::Account, clock, digest, figures, limits::WINDOW, message, stream::Streams};
use anyhow::{Context as _, Result};
use core::time::Duration;
use rsip::{Method, Response, Uri};
use std::time::Instant;

/// How to register.
#[derive(Clone, Copy, Debug)]
pub struct Registering {
    /// The first phone.
    pub first: usize,
    /// How many phones from there.
    pub count: usize,
    /// Registrations a second; `None`: as fast as answers come, with [`WINDOW`] open.
    pub rate: Option<f64>,
    /// Seconds asked for; 0 removes.
    pub expires: u32,
}

/// One registration under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    phone: usize,
    began: Instant,
    expires: u32,
    /// The request carried credentials.
    answered: bool,
}

impl Station {
    /// Registers all phones asked for, each once, and returns how long it took.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn register(&mut self, wanted: &Registering, streams: Option<&Streams>) -> Result<Duration> {
        let began = clock::now();
        let pace = Pace { began, rate: wanted.rate };
        let end = began + self.site.patience;
        let mut started = 0;
        while started < wanted.count || self.registering > 0 {
            let now = clock::now();
            if now >= end {
                let unfinished = wanted.count - started + self.registering;
                *self.tally.registration_failures.entry("not finished in time".into()).or_default() +=
                    unfinished as u64;
                self.registering = 0;
                break;
            }
            let due = pace.due(now).min(wanted.count);
            while started < due && (wanted.rate.is_some() || self.registering < WINDOW) {
                self.start_registration(wanted.first + started, wanted.expires, now)?;
                started += 1;
            }
            let wake = if started < wanted.count { pace.next(started, now) } else { now + Duration::from_millis(50) };
            self.turn(wake.min(end), streams)?;
        }
        Ok(began.elapsed())
    }

    fn start_registration(&mut self, phone: usize, expires: u32, now: Instant) -> Result<()> {
        self.tally.registrations += 1;
        self.registering += 1;
        self.send_register(Asked { phone, began: now, expires, answered: false }, None, now)
    }

    fn send_register(&mut self, asked: Asked, authorization: Option<&str>, now: Instant) -> Result<()> {
        let phone = asked.phone;
        self.cseq[phone] += 1;
        let id = self.next_serial();
        let record = self.address_of_record(phone);
        let request = message::request(&message::Asked {
            method: Method::Register,
            uri: &self.registrar()?,
            local: self.local,
            transaction: id,
            from: &format!("{record};tag=r{phone:x}"),
            to: &record,
            call_id: &format!("r{phone:x}-{:x}", self.run),
            cseq: self.cseq[phone],
            contact: Some(&self.contact(phone)),
            authorization,
            extra: &[("Expires", asked.expires.to_string())],
            sdp: None,
        });
        self.ask(id, request, Purpose::Register(asked), now)
    }

    pub(super) fn on_registered(&mut self, response: &Response, status: u16, asked: Asked, now: Instant) -> Result<()> {
        match status {
            200 => {
                self.registering = self.registering.saturating_sub(1);
                self.tally.registered += 1;
                figures::note(&mut self.tally.registration_request_delay, now - asked.began);
            }
            401 if !asked.answered => {
                let account = Account::of(asked.phone);
                let cnonce = self.run ^ self.serial;
                let credentials = digest::authorize(
                    message::challenges(&response.headers),
                    &account,
                    self.site.understands.of_phone(asked.phone),
                    &Method::Register,
                    &self.registrar()?,
                    cnonce,
                );
                match credentials {
                    Ok(line) => self.send_register(Asked { answered: true, ..asked }, Some(&line), now)?,
                    Err(fault) => self.registration_failed(&fault.to_string()),
                }
            }
            _ => self.registration_failed(&status.to_string()),
        }
        Ok(())
    }

    pub(super) fn registration_failed(&mut self, reason: &str) {
        self.registering = self.registering.saturating_sub(1);
        *self.tally.registration_failures.entry(reason.to_owned()).or_default() += 1;
    }

    fn registrar(&self) -> Result<Uri> {
        Uri::try_from(format!("sip:{}", self.site.domain)).ok().context("the domain is not a host name")
    }
}
