//! Reading a message takes no memory (row S6 of the budgets). Alone in its file, because the count is the whole process's.

use signaling::message::{Header, Index, Method, frame};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const INVITE: &[u8] = b"INVITE sip:1002@example.com SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1;rport\r\n\
    v: SIP / 2.0 / TCP a.example.com;\r\n branch=z9hG4bK2\r\nMax-Forwards: 70\r\nFrom: \"A \\\" B\" <sip:1001@example.com>;tag=1\r\n\
    To: <sip:1002@example.com>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1>, <sip:b@192.0.2.1>;q=0.5\r\n\
    Route: <sip:192.0.2.1;lr>\r\nContent-Type: application/sdp\r\nX-Unknown: x\r\nContent-Length: 4\r\n\r\nv=0\n";

/// Does everything once.
fn read(index: &mut Index, junk: &[u8]) {
    let framed = frame(INVITE);
    let message = index.parse(INVITE).expect("a request");
    let well_formed = message.check().is_ok();
    let contacts = message.contacts().map(|contacts| contacts.iter().filter_map(|contact| contact.q_milli()).count());
    let via = message.top_via().map(|via| (via.branch(), via.rport()));
    let known = message.method() == Some(Method::Invite) && message.values(Header::Via).count() == 2;
    assert!(well_formed && known && contacts == Ok(1) && via.is_ok() && message.named("x-unknown").count() == 1);
    assert!(index.parse(junk).is_err() && framed == frame(INVITE));
}

/// The harness's own thread may allocate meanwhile, but not in each of so many rounds; what we do is the same in all of them.
#[test]
fn framing_indexing_and_reading_take_no_memory() {
    let mut index = Index::new();
    let junk = [b':'; 3_000];
    let free = (0..1_000).any(|_| {
        let region = Region::new(ALLOCATOR);
        read(&mut index, &junk);
        let change = region.change();
        (change.allocations, change.reallocations, change.deallocations) == (0, 0, 0)
    });
    assert!(free, "every round allocated");
}
