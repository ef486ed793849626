//! Events: who watches what, and what is told to whom (RFC 6665), with the packages `dialog` (RFC 4235), `presence` (RFC 3856), `message-summary` (RFC 3842)
//! and `reg` (RFC 3680), and what phones publish themselves (RFC 3903).
//!
//! By subject: `package` names the packages, `machine` is how one watcher is spoken to, `subscription` one watcher, `notifier` all of them, `state` what is told,
//! one file each the documents of the packages, `xml` their alphabet, `compositor` what is published.
//!
//! It deliberately does not know where the state of an account comes from, nor who may watch whom: `pbx` gathers the one from calls and bindings and decides
//! the other. Subscriptions and publications end with the process; a refresh is then answered 481 or 412, and phones begin anew (RFC 6665 section 4.1.2.2,
//! RFC 3903 section 4.4).

mod compositor;
pub mod dialog;
pub mod machine;
mod mwi;
mod notifier;
mod package;
pub mod presence;
pub mod reg;
pub mod state;
mod subscription;
pub mod xml;

pub use compositor::{Compositor, EntityTag, Publish, Unmatched};
pub use notifier::{Notifier, Room};
pub use package::{ALLOW_EVENTS, Event, Package};
pub use subscription::{Opening, Reason, SubscriptionId};
