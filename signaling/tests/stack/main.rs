//! The stack as its user and the network see it: bytes in, bytes and tellings out, on a clock of the test's own.

mod checks;
mod client;
mod names;
mod rig;
mod server;
mod streams;
