//! Who is refused, and with what.

use crate::{
    exchange::Exchange,
    http::{figure, figure_becomes},
    phone::{Phone, status},
};

#[test]
fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let exchange = Exchange::start();
    let mut wrong = Phone::new(exchange.sip, "1001", "alice", "not-the-secret");
    let mut unknown = Phone::new(exchange.sip, "1001", "nobody", "not-the-secret");
    let answers = (wrong.register(60), unknown.register(60));
    assert!(matches!(answers.0, 401 | 403), "{answers:?}");
    assert_eq!(answers.0, answers.1, "the answer tells whether the user exists");
    assert!(figure(&exchange, "ironbell_auth_failures_total") >= 2.0);
    assert!(figure(&exchange, "ironbell_registrations").abs() < 1e-9);
}

#[test]
fn a_number_nobody_has_is_not_found_and_one_without_a_phone_is_unavailable() {
    let exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    for (number, wanted) in [("4711", 404), ("1002", 480)] {
        let dialling = alice.dial(number);
        assert_eq!(status(&alice.refused(&dialling)), wanted, "{number}");
    }
    figure_becomes(&exchange, "ironbell_calls_active", 0.0);
}

#[test]
fn a_busy_phone_makes_a_busy_call() {
    let exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    let mut boris = Phone::boris(&exchange).registered();
    let dialling = alice.dial("1002");
    let invite = boris.called();
    boris.say(&invite, 486);
    assert_eq!(status(&alice.refused(&dialling)), 486);
    figure_becomes(&exchange, r#"ironbell_calls_total{direction="internal",disposition="busy"}"#, 1.0);
}

#[test]
fn a_phone_that_goes_is_unavailable() {
    let exchange = Exchange::start();
    let mut alice = Phone::alice(&exchange).registered();
    let mut boris = Phone::boris(&exchange).registered();
    figure_becomes(&exchange, "ironbell_registrations", 2.0);
    assert_eq!(boris.register(0), 200);
    figure_becomes(&exchange, "ironbell_registrations", 1.0);
    let dialling = alice.dial("1002");
    assert_eq!(status(&alice.refused(&dialling)), 480);
}
