//! Redundancy, pauses, stalls: what the far end or the network does for longer than a packet.

use super::*;

#[test]
fn opus_recovers_most_of_single_losses_from_the_next_packet() {
    let mut line = Line::new(Codec::Opus, 20);
    line.encoder.tell_loss(20);
    line.voice = true;
    let mut dice = Dice(4);
    let mut lost = 0;
    line.talk(1_000, 20, |_| {
        let gone = dice.below(100) < 10;
        lost += u64::from(gone);
        (!gone).then(|| 1_000 + dice.below(5_000))
    });
    let figures = line.playout.figures();
    assert!(figures.recovered > lost * 960 / 2, "{lost} {figures:?}");
    assert!(figures.concealed < lost * 960 / 2, "{lost} {figures:?}");
}

#[test]
fn a_sender_that_is_silent_without_a_word_loses_nothing_of_its_next_spurt() {
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        let mut line = Line::new(codec, 20);
        line.talk(200, 20, |_| Some(2_000));
        line.listen(2_000, 20);
        // Numbers in a row, a timestamp that went on.
        line.timestamp = line.timestamp.wrapping_add(2 * line.clock_rate);
        let from = line.heard.len();
        let before = line.playout.figures();
        line.talk(100, 20, |_| Some(2_000));
        let figures = line.playout.figures();
        assert_eq!((figures.late, figures.accelerated), (before.late, before.accelerated), "{codec:?}");
        let spurt = &line.heard[from..];
        let begins = spurt.iter().position(|sample| sample.unsigned_abs() > 3_000).expect("heard");
        assert!(begins < line.rate as usize * 60 / 1_000, "{codec:?} {begins}");
        assert!(level(&spurt[begins..]).abs() < 0.5 && longest_silence(&spurt[begins..], line.rate) < 5, "{codec:?}");
    }
}

#[test]
fn a_timestamp_that_stood_still_while_the_sender_was_silent_costs_no_delay() {
    let mut line = Line::new(Codec::Pcmu, 20);
    line.talk(200, 20, |_| Some(2_000));
    line.listen(3_000, 20);
    line.talk(300, 20, |_| Some(2_000));
    let figures = line.playout.figures();
    assert!(figures.target < Duration::from_millis(50) && figures.delay < Duration::from_millis(80), "{figures:?}");
}

#[test]
fn an_event_in_place_of_sound_is_silence_and_no_loss() {
    let mut line = Line::new(Codec::Pcmu, 20);
    line.talk(200, 20, |_| Some(2_000));
    for _ in 0..10 {
        // Its packets take numbers and time.
        line.playout.rest();
        line.skip();
        line.listen(20, 20);
    }
    let before = line.playout.figures().concealed;
    assert_eq!((before, line.kinds.last()), (0, Some(&Pulled::Silence)));
    line.talk(200, 20, |_| Some(2_000));
    let figures = line.playout.figures();
    assert_eq!((figures.concealed, figures.late), (0, 0), "{figures:?}");
    assert!(click(line.after(1_000), line.rate) < 1.4);
}

#[test]
fn a_stall_is_caught_up_with_and_what_came_late_is_heard() {
    for codec in [Codec::Pcmu, Codec::Opus] {
        let mut line = Line::new(codec, 20);
        // 300 ms nothing, then all of it at once.
        line.talk(600, 20, |at| Some(2_000 + 20_000 * u64::from(if (200..215).contains(&at) { 215 - at } else { 0 })));
        let figures = line.playout.figures();
        assert_eq!((figures.late, figures.overflowed), (0, 0), "{codec:?} {figures:?}");
        assert!(figures.accelerated > 0, "{codec:?} {figures:?}");
        assert!(figures.delay < Duration::from_millis(400), "{codec:?} {figures:?}");
        line.talk(3_000, 20, |_| Some(2_000));
        let figures = line.playout.figures();
        assert!(figures.delay < Duration::from_millis(60), "{codec:?} {figures:?}");
        let heard = line.after(6_000);
        assert!(level(heard).abs() < 0.3 && longest_silence(heard, line.rate) < 10, "{codec:?}");
    }
}

#[test]
fn more_than_there_is_room_for_loses_the_oldest() {
    let mut line = Line::new(Codec::L16, 20);
    line.talk(100, 20, |_| Some(2_000));
    // 2 s of a bridge that was shut.
    line.talk(200, 20, |at| Some(if at < 100 { 20_000 * u64::from(100 - at) } else { 2_000 }));
    line.talk(500, 20, |_| Some(2_000));
    let figures = line.playout.figures();
    assert!(figures.overflowed > 0, "{figures:?}");
    let heard = line.after(14_000);
    assert!(level(heard).abs() < 0.5 && longest_silence(heard, line.rate) < 10, "{figures:?}");
}

#[test]
fn packets_of_all_lengths_may_mix() {
    for codec in CODECS {
        let mut line = Line::new(codec, 20);
        let mut dice = Dice(8);
        for _ in 0..400 {
            line.packet_ms = [10, 20, 40, 60][dice.below(4) as usize];
            line.send(dice.below(3_000));
            line.listen(line.packet_ms, 10);
        }
        let heard = line.after(2_000);
        let figures = line.playout.figures();
        assert!(level(heard).abs() < 0.5 && longest_silence(heard, line.rate) < 10, "{codec:?} {figures:?}");
        assert_eq!((figures.late, figures.duplicates), (0, 0), "{codec:?} {figures:?}");
    }
}

#[test]
fn another_payload_type_gives_up_what_waits_and_goes_on() {
    let mut line = Line::new(Codec::Pcmu, 20);
    line.talk(200, 20, |_| Some(2_000));
    let (sequence, timestamp, payload) = line.packet();
    let now = Instant::from_nanos(line.now * 1_000);
    let inserted = line.playout.insert(now, sequence, timestamp, false, 8, &payload, &*line.decoder);
    assert_eq!(inserted, Inserted::Queued);
    line.listen(20, 20);
    assert!(line.kinds.ends_with(&[Pulled::Speech]) || line.kinds.ends_with(&[Pulled::Concealed]));
}

#[test]
fn what_the_decoder_cannot_use_is_refused_and_counted() {
    let mut line = Line::new(Codec::Pcmu, 20);
    for length in [0, 961, 1_473, 2_000] {
        let inserted = line.playout.insert(Instant::ORIGIN, 1, 1, false, 0, &vec![0; length], &*line.decoder);
        assert_eq!(inserted, Inserted::Refused, "{length}");
    }
    assert_eq!(line.playout.figures().refused, 4);
}
