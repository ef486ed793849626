//! Times of a call and its greatest length.

use crate::{
    exchange::until,
    handset::{Handset, home},
    http::get,
};

#[test]
fn a_call_at_its_greatest_length_is_ended_and_its_times_agree() {
    let exchange = home("call_length_max: 1s", "").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 180);
    alice.progress(&asked, 180);
    boris.take(&invite);
    alice.connected(&asked);
    alice.hung_up_on();
    boris.hung_up_on();

    let row = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!((&row["disposition"], &row["hangup_cause"]), (&"answered".into(), &"length limit".into()), "{row}");
    let time = |name: &str| row[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let (started, answered, ended) = (time("started_at"), time("answered_at"), time("ended_at"));
    assert!(started <= answered && answered < ended, "{row}");
    let (total, billable) = (row["duration_seconds"].as_f64().unwrap(), row["billable_seconds"].as_f64().unwrap());
    assert!(billable >= 1.0 && total >= billable, "{row}");
    // The clock that measures and the clock that dates agree to the rounding of what is written.
    for (seconds, from) in [(total, started), (billable, answered)] {
        let by_dates = ended.duration_since(from).as_secs_f64();
        assert!((seconds - by_dates).abs() < 0.1, "{seconds} and {by_dates} in {row}");
    }
}
