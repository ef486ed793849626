//! The figures of `/metrics`: all there from the first scrape, moved by a call, and back at nothing after it.

use crate::{
    exchange::{Exchange, until},
    handset::Handset,
    http::{ask, figure, figure_becomes},
    voice::{Voice, until_heard},
};

/// Those of the outer face that this version has something to say about.
const PROMISED: [&str; 23] = [
    "ironbell_up",
    "ironbell_calls_active",
    "ironbell_calls_total",
    "ironbell_call_setup_seconds_count",
    "ironbell_registrations",
    "ironbell_sip_requests_total",
    "ironbell_sip_responses_total",
    "ironbell_sip_dropped_total",
    "ironbell_transactions_active",
    "ironbell_auth_failures_total",
    "ironbell_bans_active",
    "ironbell_media_sessions",
    "ironbell_media_ports_in_use",
    "ironbell_media_packets_total",
    "ironbell_media_dropped_total",
    "ironbell_media_mos_count",
    "ironbell_media_loss_ratio_count",
    "ironbell_media_jitter_seconds_count",
    "ironbell_shard_tick_late_total",
    "ironbell_recordings_active",
    "ironbell_disk_free_bytes",
    "ironbell_invariant_violations_total",
    "ironbell_call_bytes_count",
];

#[test]
fn every_promised_figure_is_there_moves_with_a_call_and_what_was_taken_is_returned() {
    let exchange = Exchange::start();
    for name in PROMISED {
        let value = figure(&exchange, name);
        let at_rest = !matches!(name, "ironbell_up" | "ironbell_disk_free_bytes");
        assert!(!at_rest || name.contains("late") || value.abs() < 1e-9, "{name} is {value} before anything happened");
    }
    assert!((figure(&exchange, "ironbell_up") - 1.0).abs() < 1e-9);
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(figure(&exchange, name) >= 0.0);
    }

    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    let at_boris = boris.take(&invite);
    let mut at_alice = alice.connected(&asked);
    let (mut hers, mut his) = (Voice::new(0, 1), Voice::new(0, 2));
    until_heard((&alice, &mut hers, &at_alice), &boris, 1);
    until_heard((&boris, &mut his, &at_boris), &alice, 2);
    for (name, least) in [
        ("ironbell_calls_active", 1.0),
        ("ironbell_registrations", 2.0),
        ("ironbell_transactions_active", 1.0),
        ("ironbell_media_sessions", 1.0),
        ("ironbell_media_ports_in_use", 4.0),
        ("ironbell_call_setup_seconds_count", 1.0),
        (r#"ironbell_sip_responses_total{class="2xx",direction="out"}"#, 3.0),
    ] {
        assert!(figure(&exchange, name) >= least, "{name} is {}", figure(&exchange, name));
    }
    assert!(until(|| (figure(&exchange, "ironbell_media_packets_total") >= 4.0).then_some(())).is_some());

    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    for gauge in ["calls_active", "media_sessions", "media_ports_in_use", "transactions_active"] {
        figure_becomes(&exchange, &format!("ironbell_{gauge}"), 0.0);
    }
    for name in ["ironbell_calls_total", "ironbell_call_bytes_count", "ironbell_media_loss_ratio_count"] {
        assert!(figure(&exchange, name) >= 1.0, "{name}");
    }
    assert!(figure(&exchange, "ironbell_invariant_violations_total").abs() < 1e-9);

    // Labels are of bounded kinds: no number, address or call in them.
    let text = ask(&exchange, "GET", "/metrics", "", None).body;
    for secret in ["1001", "1002", "127.0.0.1", "wheel"] {
        let named = text.lines().filter(|line| !line.starts_with('#')).any(|line| {
            line.split_once('}').is_some_and(|(labels, _)| labels.contains(secret) && !labels.contains("le=\""))
        });
        assert!(!named, "{secret} is in a label:\n{text}");
    }
}

#[test]
fn health_and_readiness_need_no_key() {
    let exchange = Exchange::start();
    assert_eq!(ask(&exchange, "GET", "/healthz", "", None).status, 200);
    assert_eq!(ask(&exchange, "GET", "/readyz", "", None).status, 200);
}
