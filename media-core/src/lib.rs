//! The media plane: moves RTP and RTCP between the legs of a session, as signaling says who hears whom.

pub mod rtp;
