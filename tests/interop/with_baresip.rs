//! baresip ↔ Ironbell ↔ baresip.

use crate::{
    baresip::Baresip,
    ears::{Ears, callee_tone, caller_tone, missing, verdict},
    namespace::{PHONES, alone},
    office,
};
use loadtest::{
    clock,
    exchange::Exchange,
    tone::{FRAME, Spectrum, Tone},
};
use std::{net::Ipv4Addr, time::Instant};

const CALLER: Ipv4Addr = PHONES[0];
const CALLEE: Ipv4Addr = PHONES[1];

/// Half a second of packets.
const ENOUGH: usize = 25;

/// Exchange, ears, both phones registered.
struct Scene {
    exchange: Exchange,
    ears: Ears,
    caller: Baresip,
    callee: Baresip,
}

impl Scene {
    fn set(ring_seconds: u32) -> Self {
        let exchange = office::open(ring_seconds);
        let ears = Ears::open();
        let caller = Baresip::start(0, caller_tone());
        let callee = Baresip::start(1, callee_tone());
        office::wait_for_registrations(&exchange, 2);
        Self { exchange, ears, caller, callee }
    }

    fn ring(&mut self) {
        self.caller.command("dial", "1001");
        self.callee.wait_for("CALL_INCOMING");
        self.caller.wait_for("CALL_RINGING");
    }

    fn talk(&mut self) {
        self.ring();
        self.callee.command("accept", "");
        self.callee.wait_for("CALL_ESTABLISHED");
        self.caller.wait_for("CALL_ESTABLISHED");
        self.both_hear(clock::now());
    }

    fn both_hear(&self, from: Instant) {
        self.ears.wait_for_tone(CALLER, callee_tone(), caller_tone(), from, ENOUGH);
        self.ears.wait_for_tone(CALLEE, caller_tone(), callee_tone(), from, ENOUGH);
    }

    /// Both phones know that the call is over, the record says `disposition`, nothing is left.
    fn end(mut self, disposition: &str) {
        self.caller.wait_for("CALL_CLOSED");
        self.callee.wait_for("CALL_CLOSED");
        office::wait_for_record(&self.exchange, disposition);
        drop((self.caller, self.callee));
        office::close(self.exchange);
    }
}

#[test]
fn each_ear_hears_the_other_partys_tone() {
    alone("with_baresip::each_ear_hears_the_other_partys_tone", &["baresip"], || {
        let mut scene = Scene::set(30);
        let from = clock::now();
        scene.talk();
        scene.caller.command("hangup", "");
        scene.callee.wait_for("CALL_CLOSED");
        for (who, phone, at, expected, own) in [
            ("caller", &scene.caller, CALLER, callee_tone(), caller_tone()),
            ("callee", &scene.callee, CALLEE, caller_tone(), callee_tone()),
        ] {
            assert_eq!(missing(&scene.ears.at(at, from)), 0, "{who}");
            assert_eq!(verdict(&scene.ears.at(at, from), expected, own), loadtest::ear::Heard::Right, "{who}");
            let recordings = phone.recordings();
            assert_eq!(recordings.len(), 1, "{who}");
            let (right, wrong) = shares(&recordings[0], expected, own);
            assert!(right > 0.9 && wrong < 0.01, "{who}: {right} right, {wrong} own");
        }
        scene.caller.wait_for("CALL_CLOSED");
        office::wait_for_record(&scene.exchange, "answered");
        drop((scene.caller, scene.callee));
        office::close_after_the_last_timer(scene.exchange);
    });
}

/// Shares of the expected and of the own tone in what an ear decoded, silence left out.
fn shares(samples: &[i16], expected: Tone, own: Tone) -> (f64, f64) {
    let (mut right, mut wrong, mut whole) = (0.0, 0.0, 0.0);
    for frame in samples.as_chunks::<FRAME>().0 {
        let spectrum = Spectrum::of(frame);
        if spectrum.whole() > 1e6 {
            right += spectrum.power(expected);
            wrong += spectrum.power(own);
            whole += spectrum.whole();
        }
    }
    (right / whole, wrong / whole)
}

#[test]
fn the_callee_hangs_up() {
    alone("with_baresip::the_callee_hangs_up", &["baresip"], || {
        let mut scene = Scene::set(30);
        scene.talk();
        scene.callee.command("hangup", "");
        scene.end("answered");
    });
}

#[test]
fn hold_silences_and_resume_brings_both_back() {
    alone("with_baresip::hold_silences_and_resume_brings_both_back", &["baresip"], || {
        let mut scene = Scene::set(30);
        scene.talk();
        scene.caller.command("hold", "");
        // Who holds hears nothing more; what the held party hears is the holder's affair.
        scene.ears.wait_for_silence(CALLER);
        scene.caller.command("resume", "");
        scene.both_hear(clock::now());
        scene.caller.command("hangup", "");
        scene.end("answered");
    });
}

#[test]
fn the_held_side_may_hang_up() {
    alone("with_baresip::the_held_side_may_hang_up", &["baresip"], || {
        let mut scene = Scene::set(30);
        scene.talk();
        scene.callee.command("hold", "");
        scene.ears.wait_for_silence(CALLEE);
        scene.caller.command("hangup", "");
        scene.end("answered");
    });
}

#[test]
fn a_rejected_call_ends_at_the_caller() {
    alone("with_baresip::a_rejected_call_ends_at_the_caller", &["baresip"], || {
        let mut scene = Scene::set(30);
        scene.ring();
        // Hanging up a call that rings refuses it with 486.
        scene.callee.command("hangup", "");
        scene.end("busy");
    });
}

#[test]
fn a_call_nobody_answers_ends_at_both() {
    alone("with_baresip::a_call_nobody_answers_ends_at_both", &["baresip"], || {
        let mut scene = Scene::set(5);
        scene.ring();
        scene.end("no answer");
    });
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    alone("with_baresip::a_caller_who_gives_up_stops_the_ringing", &["baresip"], || {
        let mut scene = Scene::set(30);
        scene.ring();
        scene.caller.command("hangup", "");
        scene.end("no answer");
    });
}
