//! One RTP packet of 160 octets of payload, protected and opened: M8.

use contract::{SrtpKey, SrtpSuite};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use media_core::secure::srtp::{Inbound, OVERHEAD_MAX, Outbound};

const LEN: usize = 172;

fn srtp(criterion: &mut Criterion) {
    for suite in
        [SrtpSuite::AesCm128Sha1_80, SrtpSuite::AesCm256Sha1_80, SrtpSuite::AeadAes128Gcm, SrtpSuite::AeadAes256Gcm]
    {
        let Some(key) = SrtpKey::new(suite, &[7; 46][..suite.material_len()]) else { return };
        let (Some(mut out), Some(mut sender)) = (Outbound::new(suite, &key), Outbound::new(suite, &key)) else {
            return;
        };
        let mut bytes = [0_u8; LEN + OVERHEAD_MAX];
        bytes[0] = 0x80;
        let mut sequence = 0_u16;
        criterion.bench_function(&format!("protect {suite:?}"), |bench| {
            bench.iter(|| {
                sequence = sequence.wrapping_add(1);
                bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
                out.protect_rtp(&mut bytes, LEN)
            });
        });
        let Some(mut inbound) = Inbound::new(suite, &key) else { return };
        let mut sequence = 0_u16;
        criterion.bench_function(&format!("open {suite:?}"), |bench| {
            bench.iter_batched_ref(
                || {
                    sequence = sequence.wrapping_add(1);
                    let mut bytes = [0_u8; LEN + OVERHEAD_MAX];
                    bytes[0] = 0x80;
                    bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
                    let len = sender.protect_rtp(&mut bytes, LEN).unwrap_or_default();
                    (bytes, len)
                },
                |(bytes, len)| inbound.unprotect_rtp(&mut bytes[..*len]),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, srtp);
criterion_main!(benches);
