//! The grammar of messages, addresses and session descriptions, as tables by RFC section.

mod address;
mod carriage;
mod framing;
mod head;
mod sdp;
mod uri;
mod via;
mod writing;
