//! The media plane: moves RTP and RTCP between the legs of a session, as signaling says who hears whom.
//!
//! Rooms, each knowing only those before it: [`limits`], [`observe`] (counters), [`rtp`] (bytes in place), [`io`] (sockets; the only
//! home of system calls and `unsafe`), [`flow`] (ports, sources), [`audio`] (samples), [`codec`] (payloads to samples and back),
//! [`dtmf`] (keys), [`mix`] (sums), [`ice`] (connectivity checks), [`secure`] (SRTP, its keys and handshakes), [`record`] (sound for the
//! file writer), [`session`] (legs and their paths), [`shard`] (the loop), [`boot`] (threads). It knows no SIP, SDP or call; it obeys
//! [`contract::MediaCommand`] and answers with [`contract::MediaEvent`].

pub mod limits;

pub mod observe;

pub mod rtp;

#[expect(unsafe_code, reason = "system calls and memory shared with the kernel are this module's subject")]
pub mod io;

pub mod flow;

pub mod audio;

pub mod codec;

pub mod dtmf;

pub mod mix;

pub mod ice;

pub mod secure;

pub mod record;

pub mod session;

pub mod shard;

pub mod boot;

pub use boot::{Full, LimitNote, MediaConfig, ShardHandle, SpawnFault, Waker, check_limits, spawn};
pub use io::system::monotonic;
