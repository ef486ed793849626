//! A small exchange of maps: what must be true outside if the real one is right. It is told what reached the exchange and what left it,
//! and what the phones believe; it knows nothing of the inside.

mod hearing;
mod records;
mod registrations;

pub(crate) use hearing::{disagreement, forgotten_port};
pub(crate) use records::Records;
pub(crate) use registrations::Registrations;
