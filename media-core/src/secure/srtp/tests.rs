//! The vectors of RFC 3711 appendix B, RFC 6188 section 7 and RFC 7714 sections 16 and 17, and both contexts against each other.

use super::{
    cipher::{CounterMode, Gcm},
    derive::{Label, Master},
    *,
};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let octet = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("hexadecimal");
    digits.chunks(2).map(octet).collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().expect("as long as said")
}

fn key(suite: SrtpSuite, first: u8) -> SrtpKey {
    let material: Vec<u8> = (0..suite.material_len() as u8).map(|octet| octet.wrapping_mul(7) ^ first).collect();
    SrtpKey::new(suite, &material).expect("of the suite")
}

fn both(suite: SrtpSuite) -> (Outbound, Inbound) {
    let key = key(suite, 3);
    (Outbound::new(suite, &key).expect("keys"), Inbound::new(suite, &key).expect("keys"))
}

/// A packet with two CSRCs, an extension of one word, and a payload of `payload` octets.
fn packet(sequence: u16, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x92, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0xca, 0xfe, 0xba, 0xbe, 1, 1, 1, 1, 2, 2, 2, 2, 0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
    packet.extend((0..payload).map(|at| at as u8));
    packet
}

/// A receiver report with a block.
fn compound() -> Vec<u8> {
    let mut compound = vec![0x81, 201, 0, 7];
    compound.extend(0..28);
    compound
}

fn protected(out: &mut Outbound, packet: &[u8]) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    bytes.resize(packet.len() + OVERHEAD_MAX, 0xEE);
    let len = out.protect_rtp(&mut bytes, packet.len()).expect("protected");
    bytes.truncate(len);
    bytes
}

fn opened(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut bytes = packet.to_vec();
    let len = inbound.unprotect_rtp(&mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

fn protected_report(out: &mut Outbound, compound: &[u8]) -> Vec<u8> {
    let mut bytes = compound.to_vec();
    bytes.resize(compound.len() + OVERHEAD_MAX, 0);
    let len = out.protect_rtcp(&mut bytes, compound.len()).expect("protected");
    bytes.truncate(len);
    bytes
}

#[test]
fn key_streams_of_rfc_3711_appendix_b_2_and_rfc_6188_section_7() {
    let counter = array("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
    for (key, stream) in [
        (
            "2B7E151628AED2A6ABF7158809CF4F3C",
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0",
        ),
        (
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
            "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31",
        ),
    ] {
        let cipher = CounterMode::new(&hex(key), &[0; 14]).expect("a key");
        let mut out = [0; 48];
        cipher.apply(counter, &mut out);
        assert_eq!(out[..], hex(stream));
    }
    let cipher = CounterMode::new(&hex("2B7E151628AED2A6ABF7158809CF4F3C"), &[0; 14]).expect("a key");
    let mut out = vec![0; 16 * 0xff01];
    cipher.apply(counter, &mut out);
    assert_eq!(
        out[16 * 0xfeff..],
        hex("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE"),
        "blocks FEFF and FF00"
    );
}

#[test]
fn session_keys_of_rfc_3711_appendix_b_3_and_rfc_6188_section_7() {
    for (suite, master, encryption, salt, authentication) in [
        (
            SrtpSuite::AesCm128Sha1_80,
            "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6",
            "C61E7A93744F39EE10734AFE3FF7A087",
            "30CBBC08863D8C85D49DB34A9AE1",
            "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4",
        ),
        (
            SrtpSuite::AesCm256Sha1_80,
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2",
            "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
            "fa31791685ca444a9e07c6c64e93",
            "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05",
        ),
    ] {
        let key = SrtpKey::new(suite, &hex(master)).expect("of the suite");
        let master = Master::new(suite, &key).expect("of the suite");
        assert_eq!(master.derive::<32>(Label::RtpEncryption)[..suite.key_len()], hex(encryption));
        assert_eq!(master.derive::<14>(Label::RtpSalt)[..], hex(salt));
        assert_eq!(master.derive::<20>(Label::RtpAuthentication)[..], hex(authentication));
    }
}

#[test]
fn packet_of_rfc_7714_section_16() {
    let plain =
        hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 \
         73207472 6573");
    for (key, expected) in [
        (
            "000102030405060708090a0b0c0d0e0f",
            "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833 \
             899d7f27 beb16a91 52cf765e e4390cce",
        ),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b \
             7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
        ),
    ] {
        let gcm = Gcm::new(&hex(key), &array("517569642070726f2071756f")).expect("a key");
        let (clear, payload) = plain.split_at(12);
        let mut sealed = payload.to_vec();
        let tag = gcm.seal(0x5501_a0b2, 0xf17b, clear, &mut sealed).expect("sealed");
        sealed.extend(tag);
        assert_eq!(sealed, hex(expected));
        assert_eq!(gcm.open(0x5501_a0b2, 0xf17b, clear, &mut sealed), Ok(()));
        assert_eq!(sealed[..payload.len()], *payload);
    }
}

#[test]
fn compound_of_rfc_7714_section_17() {
    let plain =
        hex("4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef");
    let gcm = Gcm::new(&hex("000102030405060708090a0b0c0d0e0f"), &array("517569642070726f2071756f")).expect("a key");
    let mut sealed = plain;
    let tag = gcm.seal(0x4d61_7273, 0x05d4, &hex("81c8000d 4d617273 800005d4"), &mut sealed).expect("sealed");
    sealed.extend(tag);
    let expected = "63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b \
                    c84aa458 96cf4d2f c5abf872 45d9eade";
    assert_eq!(sealed, hex(expected));
}

#[test]
fn what_is_protected_opens_again_and_its_header_stays_in_clear() {
    for suite in SrtpSuite::ALL {
        let (mut out, mut inbound) = both(suite);
        for (number, payload) in [0, 1, 15, 16, 17, 127, 128, 129, 160, 1_200].into_iter().enumerate() {
            let plain = packet(number as u16, payload);
            let sealed = protected(&mut out, &plain);
            assert_eq!(sealed[..28], plain[..28], "{suite:?}");
            assert!(payload < 15 || sealed[28..28 + payload] != plain[28..], "{suite:?}");
            assert_eq!(opened(&mut inbound, &sealed), Ok(plain), "{suite:?}");
            let plain = compound();
            let mut sealed = protected_report(&mut out, &plain);
            assert_ne!(sealed[8..32], plain[8..]);
            let copy = sealed.clone();
            let len = inbound.unprotect_rtcp(&mut sealed).expect("opens");
            assert_eq!(sealed[..len], plain);
            assert_eq!(inbound.unprotect_rtcp(&mut copy.clone()), Err(Refused::Replayed));
        }
    }
}

#[test]
fn numbers_wrap_and_reorder_around_the_wrap() {
    for suite in SrtpSuite::ALL {
        let (mut out, mut inbound) = both(suite);
        let plain: Vec<_> = [65_533, 65_534, 65_535, 0, 1, 2].map(|sequence| packet(sequence, 20)).into();
        let sealed: Vec<_> = plain.iter().map(|packet| protected(&mut out, packet)).collect();
        for at in [0, 3, 1, 4, 2, 5] {
            assert_eq!(opened(&mut inbound, &sealed[at]), Ok(plain[at].clone()), "{suite:?} {at}");
        }
        for packet in &sealed {
            assert_eq!(opened(&mut inbound, packet), Err(Refused::Replayed), "{suite:?}");
        }
    }
}

#[test]
fn a_number_is_sent_once() {
    let (mut out, _) = both(SrtpSuite::AeadAes128Gcm);
    protected(&mut out, &packet(7, 20));
    let mut again = packet(7, 40);
    again.resize(200, 0);
    assert_eq!(out.protect_rtp(&mut again, 68), Err(Refused::Replayed));
}

#[test]
fn changed_and_cut_packets_are_refused_and_change_nothing() {
    for suite in SrtpSuite::ALL {
        let (mut out, mut inbound) = both(suite);
        let plain = packet(1, 20);
        let sealed = protected(&mut out, &plain);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 0x10;
            assert!(opened(&mut inbound, &changed).is_err(), "{suite:?} {at}");
            assert!(opened(&mut inbound, &sealed[..at]).is_err(), "{suite:?} {at}");
        }
        assert_eq!(opened(&mut inbound, &sealed), Ok(plain), "{suite:?}");
        let sealed = protected_report(&mut out, &compound());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(inbound.unprotect_rtcp(&mut changed).is_err(), "{suite:?} {at}");
            assert!(inbound.unprotect_rtcp(&mut sealed[..at].to_vec()).is_err(), "{suite:?} {at}");
        }
        assert!(inbound.unprotect_rtcp(&mut sealed.clone()).is_ok(), "{suite:?}");
    }
}

#[test]
fn no_room_behind_a_packet_is_told() {
    for suite in SrtpSuite::ALL {
        let (mut out, _) = both(suite);
        let mut bytes = packet(1, 20);
        let len = bytes.len();
        assert_eq!(out.protect_rtp(&mut bytes, len), Err(Refused::NoRoom));
        assert_eq!(out.protect_rtp(&mut bytes, len + 1), Err(Refused::Malformed));
        let mut bytes = compound();
        assert_eq!(out.protect_rtcp(&mut bytes, 32), Err(Refused::NoRoom));
    }
}

#[test]
fn keys_do_not_print() {
    let (out, inbound) = both(SrtpSuite::AesCm128Sha1_80);
    let text = format!("{out:?} {inbound:?}");
    assert!(text.contains("CounterMode(…)") && text.contains("Mac(…)"));
}
