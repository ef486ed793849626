//! A call that happened, played again: a scenario as the program exports it is given to the exchange without sockets, shards and clocks, and what the
//! exchange sends is compared with what it sent then.
//!
//! What the exchange draws at random is another each time; `names` finds what stands for what. The phones do not decide anything here: they say what
//! they said then, with the names of now.

mod names;
mod play;
mod scenario;
mod secrets;

pub use play::{Difference, Played, play};
pub use scenario::{Scenario, Unreadable};
