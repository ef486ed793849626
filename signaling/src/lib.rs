//! The signaling plane: SIP and every feature of the exchange, as a value.
//!
//! [`pbx::Pbx::handle`] takes the time, one [`input::Input`] and a sink of [`effect::Effect`]s. There is no socket, clock, thread, lock, await or
//! randomness in this crate: the shell owns those, and the simulator replaces the shell.
//!
//! ```text
//! bytes → transport → transaction → dialog → call → feature → Action → call → media → MediaCommand
//! ```
//!
//! Each module imports only those above it in the list below (checked by `tests/tidy`).

pub mod limits;

pub mod id;

pub mod wall;

pub mod flow;

pub mod dns;

pub mod settings;

pub mod fact;

pub mod input;

pub mod effect;

pub mod wheel;

pub mod message;

pub mod sdp;

pub mod locate;

pub mod transport;

pub mod auth;

pub mod registrar;

pub mod transaction;

pub mod routing;

pub mod dialog;

pub mod trunk;

pub mod event;

pub mod pager;

pub mod media;

pub mod call;

pub mod feature;

pub mod pbx;
