//! RTP and RTCP in place.

use contract::{Codec, Instant};
use media_core::limits::RTCP_OWN_BYTES_MAX;
use media_core::rtp::{
    Header, Reception,
    control::{Control, Ours},
    rtcp::{Parts, blocks, check, sender_time},
    rtcp_rewrite::{Mapping, ReportMapping, SenderMapping, rewrite},
    xr,
};

/// Reads `bytes` as packets of a stream, each led by one octet of length, and as one RTCP compound.
///
/// # Panics
/// If reading and writing do not agree.
pub fn rtp(bytes: &[u8]) {
    packet(bytes);
    compound(bytes);
    let mut reception = Reception::default();
    let (mut rest, mut now) = (bytes, Instant::default());
    while let Some((length, after)) = rest.split_first() {
        let (one, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        now = now + core::time::Duration::from_millis(u64::from(*length));
        if let Ok(header) = Header::parse(one) {
            reception.take(&header, 8_000, now);
        }
        _ = (reception.lost(), reception.jitter(), reception.ssrc());
        let bursts = reception.bursts();
        assert!((0.0..=1.0).contains(&bursts.burst_density) && (0.0..=1.0).contains(&bursts.gap_density));
        assert!(reception.burst_ratio() >= 0.0);
    }
    reports(bytes, &reception, now);
}

/// Reads `bytes` as reports about our stream, and reports in turn.
fn reports(bytes: &[u8], reception: &Reception, now: Instant) {
    if check(bytes).is_err() {
        return;
    }
    let ours = Ours {
        ssrc: blocks(bytes).next().map_or(0, |block| block.ssrc),
        codec: Some(Codec::Pcmu),
        clock_rate_hz: 8_000,
        packets: 1,
        octets: 160,
        timestamp: 0,
        playout: None,
    };
    let mut control = Control::new(now, [1, 2]);
    control.read(bytes, &ours, now);
    control.assess(reception, &ours, now, 3);
    let score = |mos: Option<f32>| mos.is_none_or(|mos| (1.0..=4.5).contains(&mos));
    assert!(score(control.mos_min()));
    assert!(
        control.peer().is_none_or(|peer| score(peer.mos) && score(peer.mos_min) && (0.0..=1.0).contains(&peer.loss))
    );
    let mut own = [0; RTCP_OWN_BYTES_MAX];
    let length = control.compound(reception, &ours, now, true).write(&mut own);
    assert_eq!(check(&own[..length]), Ok(()), "what we say is a compound");
    assert_eq!(blocks(&own[..length]).count(), usize::from(reception.ssrc().is_some()));
}

fn packet(bytes: &[u8]) {
    let Ok(header) = Header::parse(bytes) else { return };
    assert_eq!(header.payload(bytes).len(), header.payload_len());
    let mut copy = bytes.to_vec();
    header.write(&mut copy);
    assert_eq!(copy, bytes, "writing what was read changes nothing");
    let mut other = header;
    (other.marker, other.payload_type, other.sequence) = (!header.marker, 127, !header.sequence);
    (other.timestamp, other.ssrc) = (1, 2);
    other.write(&mut copy);
    assert_eq!(Header::parse(&copy), Ok(other));
    assert_eq!(header.payload(&copy), header.payload(bytes));
}

fn compound(bytes: &[u8]) {
    _ = (Parts::of(bytes).count(), blocks(bytes).count(), sender_time(bytes), xr::said(bytes).count());
    if check(bytes).is_err() {
        return;
    }
    let sender = bytes.get(4..8).and_then(|ssrc| ssrc.try_into().ok()).map_or(0, u32::from_be_bytes);
    let ours = blocks(bytes).next().map_or(0, |block| block.ssrc);
    let full = Mapping {
        ssrc: 7,
        sender: Some(SenderMapping { ssrc: sender, timestamp_offset: u32::MAX, packets: 1, octets: 2 }),
        report: Some(ReportMapping {
            ours,
            theirs: 9,
            sequence_offset: u16::MAX,
            highest: 0xFFFF_0000,
            lost_before: -5,
        }),
    };
    for map in [full, Mapping { sender: None, ..full }, Mapping { report: None, ..full }] {
        let mut copy = bytes.to_vec();
        let length = rewrite(&mut copy, &map);
        assert!(length <= bytes.len());
        assert!(Parts::of(&copy[..length]).all(|part| part.is_ok()), "what is passed on can be walked");
    }
}
