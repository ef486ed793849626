//! The built program on real sockets: one behaviour a file. The phones are scripted here and read through another's parser; nothing is asserted
//! about how long anything takes.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of a test are small"
)]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends, and its patience goes by a clock"
)]

mod exchange;
mod http;
mod phone;
mod sound;

mod address_in_use;
mod api_guards;
mod broken_configuration;
mod call;
mod click_to_call;
mod drain;
mod echo;
mod kill_and_restart;
mod ports_exhausted;
mod refusals;
mod sip_over_tcp;
