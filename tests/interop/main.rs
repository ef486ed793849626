//! Real clients against the running program: SIPp, baresip and Kamailio, from Debian's packages (`packages.txt`), each test in a network
//! namespace of its own, so that nothing leaves the machine and no port is ever taken.
//!
//! A missing client is a failure that says what to install; with `IRONBELL_WITHOUT_PEERS=1` it is a printed skip instead.

mod baresip;
mod ears;
mod kamailio;
mod namespace;
mod office;
mod sipp;
mod with_baresip;
mod with_kamailio;
mod with_sipp;
