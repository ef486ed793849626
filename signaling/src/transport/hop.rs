//! Where a request goes: a flow that exists, an address, or whatever a host name leads to.

use crate::{
    flow::{Flow, ListenerId, Transport},
    locate::Place,
};
use core::net::SocketAddr;
use std::sync::Arc;

/// The next hop of a request.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum NextHop {
    /// Exactly this flow, as a phone behind a NAT needs it (RFC 5626 section 5.3). A request too large for a datagram still goes by it; a stream
    /// that is gone makes the hop unreachable.
    Flow(Flow),
    /// This address. Streams are reused when one to it is open, and opened otherwise; a request too large for a datagram goes by TCP, and by UDP
    /// after all when TCP is refused (RFC 3261 section 18.1.1).
    Address {
        /// Our side; of the same protocol and family.
        listener: ListenerId,
        /// The far side.
        remote: SocketAddr,
        /// The protocol.
        transport: Transport,
    },
    /// The servers of a domain, one after the other until one answers (RFC 3263).
    Name {
        /// Our side, if it suits the server that is found; else another one.
        listener: ListenerId,
        /// The domain.
        place: Arc<Place>,
    },
}

impl NextHop {
    /// Our side.
    #[must_use]
    pub const fn listener(&self) -> ListenerId {
        match self {
            Self::Flow(flow) => flow.listener,
            Self::Address { listener, .. } | Self::Name { listener, .. } => *listener,
        }
    }
}
