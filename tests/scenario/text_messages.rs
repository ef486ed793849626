//! Text messages between accounts: at once, later, and after a `kill -9`.

use crate::{exchange::Exchange, handset::Handset, http::figure_becomes, message::Message};

fn write(from: &mut Handset, to: &str, text: &str) -> u16 {
    let asked = from.begin("MESSAGE", &format!("sip:{to}@pbx.test"), to, "Content-Type: text/plain\r\n", text);
    from.final_answer(&asked).status()
}

/// Takes the next message, which must say this.
fn reads(phone: &mut Handset, text: &str) -> Message {
    let message = phone.request("MESSAGE");
    assert_eq!((message.body(), message.field("Content-Type")), (text, "text/plain"), "{message:?}");
    phone.say(&message, 200);
    message
}

#[test]
fn a_message_reaches_the_other_phone_and_its_sender_hears_so() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = alice.begin("MESSAGE", "sip:1002@pbx.test", "1002", "Content-Type: text/plain\r\n", "Lunch?");
    let message = reads(&mut boris, "Lunch?");
    assert!(message.field("From").starts_with("\"Alice\" <sip:1001@pbx.test>"), "{message:?}");
    assert_eq!(alice.final_answer(&asked).status(), 200);
    assert_eq!(write(&mut alice, "1002", &"x".repeat(1_301)), 413);
    assert_eq!(write(&mut alice, "4711", "hello"), 404);
}

#[test]
fn messages_wait_for_a_phone_and_outlive_a_kill() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    for text in ["one", "two", "three"] {
        assert_eq!(write(&mut alice, "1002", text), 202);
    }
    figure_becomes(&exchange, "ironbell_messages_waiting", 3.0);

    let exchange = exchange.kill().start();
    let mut boris = Handset::boris(&exchange).registered();
    for text in ["one", "two", "three"] {
        reads(&mut boris, text);
    }
    figure_becomes(&exchange, "ironbell_messages_waiting", 0.0);
    figure_becomes(&exchange, "ironbell_store_queries_active", 0.0);
    // What was delivered is not delivered again.
    let exchange = exchange.kill().start();
    let mut boris = Handset::boris(&exchange).registered();
    let mut alice = Handset::alice(&exchange).registered();
    let asked = alice.begin("MESSAGE", "sip:1002@pbx.test", "1002", "Content-Type: text/plain\r\n", "four");
    reads(&mut boris, "four");
    assert_eq!(alice.final_answer(&asked).status(), 200);
}
