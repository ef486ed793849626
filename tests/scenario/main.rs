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

mod authority;
mod carrier;
mod exchange;
mod handset;
mod http;
mod line;
mod message;
mod name_server;
mod phone;
mod sound;
mod voice;

mod accounts;
mod address_in_use;
mod api_guards;
mod behind_nat;
mod broken_configuration;
mod call;
mod click_to_call;
mod codecs;
mod drain;
mod early_media;
mod echo;
mod encrypted;
mod figures;
mod forked_ringing;
mod forwarding;
mod gate;
mod hold;
mod host_names;
mod injection;
mod keys;
mod kill_and_restart;
mod late_offer;
mod length;
mod limits_of_calls;
mod logs;
mod methods;
mod music_of_the_house;
mod nobody_answers;
mod numbers;
mod passwords;
mod ports_exhausted;
mod ports_return;
mod quality;
mod recordings;
mod records;
mod redirected;
mod refusals;
mod registrations;
mod release;
mod reliable;
mod reload;
mod reload_history;
mod reload_rollback;
mod renegotiation;
mod routes;
mod shapes;
mod silence;
mod sip_over_ipv6;
mod sip_over_tcp;
mod sip_over_tls;
mod sip_over_websocket;
mod sounds;
mod spellings;
mod text_messages;
mod timers;
mod torture_messages;
mod traces;
mod transfer;
mod trunk_calls;
mod trunk_failover;
mod trunk_limits;
mod trunk_names;
mod trunk_probing;
mod trunk_registration;
mod trunk_rules;
mod unlike;
mod watching;
