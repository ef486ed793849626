//! Seeds that once broke, each with what was wrong. They run in every test run, beside the sweep of `tests/sim.rs`.
//!
//! A seed stands for a course of events only as long as the world draws the same numbers in the same order; what it found is therefore also
//! covered by a test at the lowest level that can show it, where there is one.

use world::{Options, run};

/// The seed, and why it broke.
const BROKE: [(u64, &str); 9] = [
    (
        3,
        "A second phone's 2xx to one INVITE shares our tag with the first phone's; its BYE took the first dialog out of the books.",
    ),
    (2, "An offer in a phone's 2xx was acknowledged without an answer when the caller gave none or had gone."),
    (
        65,
        "To a caller without an offer the callee's was passed on although the accounts may use nothing of it: port 0.",
    ),
    (111, "A phone's 2xx to our re-INVITE that crossed our BYE was not acknowledged."),
    (197, "A BYE repeated after timer J was taken by the world for one transaction: the world was wrong."),
    (602, "Every answer to an INVITE was lost until timer B, and what came later is a stray: the world was wrong."),
    (977, "An ACK that came again, of an earlier INVITE, was taken for the ACK of the 2xx that was just sent."),
    (
        2265,
        "The answer to a REGISTER left after a later one had taken effect, because each waits for the store by itself: the world was wrong.",
    ),
    (5506, "A 2xx came more than 64*T1 after the CANCEL of its INVITE and is a stray: the world was wrong."),
];

#[test]
fn what_once_broke_stays_mended() {
    for (seed, why) in BROKE {
        let report = run(seed, Options::default());
        assert!(
            report.violation.is_none(),
            "seed {seed} broke again ({why}): {}",
            report.violation.expect("just seen")
        );
    }
}
