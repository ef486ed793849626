//! A configuration with which calls begin to fail is taken back by the exchange itself.

use crate::{
    exchange::{Exchange, Home},
    handset::{Handset, PORTS},
    http::{figure, figure_becomes, get},
    reload::reload,
};

const CITY: &str = "+4930555";

/// A city number rings Boris. Five calls decide about a configuration.
fn home() -> Home {
    let home = Home::new(PORTS);
    home.edit("  domain: pbx.test\n", "  domain: pbx.test\n  reload: { calls_min: 5, watch: 10m, rise: 50 }\n");
    home.edit("extensions:\n", &format!("dids: [{{ number: \"{CITY}\", to: \"1002\" }}]\nextensions:\n"));
    home
}

/// Alice calls the city number, and what she is told when Boris does not want to speak.
fn call(alice: &mut Handset, boris: &mut Handset, rings: bool) -> u16 {
    let asked = alice.dial(CITY);
    if rings {
        let invite = boris.called();
        boris.say(&invite, 486);
    }
    alice.refused(&asked)
}

fn phones(exchange: &Exchange) -> (Handset, Handset) {
    (Handset::alice(exchange).registered(), Handset::boris(exchange).registered())
}

#[test]
fn a_route_that_a_reload_breaks_is_mended_by_taking_the_reload_back() {
    let exchange = home().start();
    let (mut alice, mut boris) = phones(&exchange);
    for _ in 0..5 {
        // A callee who is busy is no fault of the configuration.
        assert_eq!(call(&mut alice, &mut boris, true), 486);
    }
    exchange.home.edit(CITY, "+4930556");
    assert_eq!(reload(&exchange)["number"], 2);
    for _ in 0..5 {
        assert_eq!(call(&mut alice, &mut boris, false), 404);
    }
    assert!(exchange.said().line("calls fail with the new configuration, 100 of 100 instead of 0").is_some());
    figure_becomes(&exchange, "ironbell_config_reloads_total{result=\"rolled_back\"}", 1.0);
    assert_eq!(call(&mut alice, &mut boris, true), 486);
    let row = get(&exchange, "/api/config/history?limit=1")["items"][0].clone();
    assert_eq!((&row["cause"], &row["restores"], &row["by"]), (&"rollback".into(), &1.into(), &"the exchange".into()));
    // Whoever insists may have it: what is read again now is what the file says.
    assert_eq!(reload(&exchange)["number"], 4);
    assert_eq!(call(&mut alice, &mut boris, false), 404);
}

#[test]
fn a_configuration_with_which_calls_go_as_before_stays() {
    let exchange = home().start();
    let (mut alice, mut boris) = phones(&exchange);
    exchange.home.edit("watch: 10m", "watch: 2s");
    exchange.home.edit("name: Alice", "name: Alice Ames");
    reload(&exchange);
    for number in 0..14 {
        let fails = number % 4 == 3;
        let status = if fails {
            let asked = alice.dial("4711");
            alice.refused(&asked)
        } else {
            call(&mut alice, &mut boris, true)
        };
        assert_eq!(status, if fails { 404 } else { 486 });
    }
    assert!(exchange.said().line("calls go on as before with the new configuration; it stays").is_some());
    assert!(figure(&exchange, "ironbell_config_reloads_total{result=\"rolled_back\"}").abs() < 1e-9);
    assert_eq!(get(&exchange, "/api/config/history")["items"][0]["cause"], "reload");
}
