//! SIP over datagrams: read in bounded batches, written at once.
//!
//! Deliberately without a queue of its own: the kernel's buffers are the queues, and what does not fit there is lost as on any network and
//! repeated by the transaction that wants it.

use super::{core::Core, limits::DATAGRAMS_PER_TURN};
use crate::publish::{Lost, Publisher};
use signaling::{flow::ListenerId, limits::MESSAGE_BYTES_MAX};
use std::{io, net::SocketAddr, rc::Rc};
use tokio::net::UdpSocket;

/// The datagram sockets by listener; `None` where the listener is another protocol's.
pub(super) struct Datagrams {
    sockets: Vec<Option<Rc<UdpSocket>>>,
}

impl Datagrams {
    pub(super) fn new(sockets: Vec<Option<Rc<UdpSocket>>>) -> Self {
        Self { sockets }
    }

    /// Sends one datagram, or counts why it could not be sent.
    pub(super) fn transmit(&self, listener: ListenerId, remote: SocketAddr, bytes: &[u8], publisher: &Publisher) {
        let Some(Some(socket)) = self.sockets.get(usize::from(listener.0)) else {
            publisher.lost(Lost::NoSocket);
            return;
        };
        // An ICMP error about an earlier datagram is reported by the next call on the socket, whoever it was meant for: the second attempt is
        // ours.
        for _ in 0..2 {
            match socket.try_send_to(bytes, remote) {
                Ok(_) => return,
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {
                    publisher.lost(Lost::SendBufferFull);
                    return;
                }
                Err(_) => {}
            }
        }
        publisher.lost(Lost::Unsendable);
    }
}

/// Reads one socket for ever.
pub(super) async fn serve(core: Rc<Core>, socket: Rc<UdpSocket>, listener: ListenerId) {
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    loop {
        if let Err(fault) = socket.readable().await {
            tracing::error!(component = "wire", %fault, "a datagram socket cannot be waited for");
            return;
        }
        for _ in 0..DATAGRAMS_PER_TURN {
            match socket.try_recv_from(&mut buffer) {
                Ok((length, remote)) => {
                    core.datagram(listener, remote, &buffer[..length]);
                }
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP error about something we sent; reading it has cleared it.
                Err(_) => {}
            }
        }
        tokio::task::yield_now().await;
    }
}
