//! A second start on a used address says so and ends.

use crate::exchange::{Exchange, Home, launch, wait};
use std::net::SocketAddr;

fn refused(from: &str, address: SocketAddr) {
    let home = Home::new(200);
    home.edit(from, &from.replace("127.0.0.1:0", &address.to_string()));
    let (mut process, said) = launch(&home.configuration(), &[]);
    let status = wait(&mut process).expect("it ends");
    assert_eq!(status.code(), Some(1), "{}", said.all());
    let line = said.line("in use").unwrap_or_else(|| panic!("nothing is said:\n{}", said.all()));
    assert!(line.contains(&address.to_string()), "{line}");
}

#[test]
fn a_used_sip_or_http_address_is_named_and_ends_the_start() {
    let exchange = Exchange::start();
    refused("udp://127.0.0.1:0", exchange.sip);
    refused("listen: 127.0.0.1:0", exchange.http);
}
