//! Reading and writing messages, beside the `rsip` crate on the same bytes (row S6 of the budgets).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use signaling::message::{Framed, Header, Index, Method, Uri, Writer, frame};
use std::hint::black_box;

const SDP: &str = "v=0\r\no=- 3854832 3854832 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 16384 RTP/AVP 0 8 9 101\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
    a=sendrecv\r\na=ptime:20\r\n";

/// As a phone sends it, about 1.1 kB.
fn invite() -> String {
    format!(
        "INVITE sip:1002@pbx.example.com;transport=udp SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-524287-1---a1b2c3d4e5f60718;rport\r\n\
         Max-Forwards: 70\r\n\
         Contact: <sip:1001@192.0.2.9:5060;transport=udp>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-aabbccddeeff>\"\r\n\
         To: <sip:1002@pbx.example.com>\r\n\
         From: \"Alice Ames\" <sip:1001@pbx.example.com;transport=udp>;tag=5e6f7081\r\n\
         Call-ID: MjAyNjExMjEtMDAwMS1hYmNkZWYwMTIzNDU2Nzg5@192.0.2.9\r\n\
         CSeq: 2 INVITE\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE\r\n\
         Content-Type: application/sdp\r\n\
         Supported: replaces, 100rel, timer, norefersub\r\n\
         User-Agent: Desk Phone 1.2.3.4\r\n\
         Session-Expires: 1800\r\n\
         Allow-Events: presence, kpml, talk\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

/// As it answers.
fn ok() -> String {
    format!(
        "SIP/2.0 200 OK\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-524287-1---a1b2c3d4e5f60718;rport=5060\r\n\
         Contact: <sip:1002@192.0.2.10:5060;transport=udp>\r\n\
         To: <sip:1002@pbx.example.com>;tag=a0b1c2d3\r\n\
         From: \"Alice Ames\" <sip:1001@pbx.example.com>;tag=5e6f7081\r\n\
         Call-ID: MjAyNjExMjEtMDAwMS1hYmNkZWYwMTIzNDU2Nzg5\r\n\
         CSeq: 2 INVITE\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE\r\n\
         Content-Type: application/sdp\r\n\
         Supported: replaces, timer\r\n\
         User-Agent: Desk Phone 1.2.3.4\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

fn reading(criterion: &mut Criterion) {
    let (invite, ok) = (invite(), ok());
    assert_eq!(frame(invite.as_bytes()), Framed::Message(invite.len()), "the bench reads a whole message");
    assert_eq!(Index::new().parse(ok.as_bytes()).map(|message| message.check()), Ok(Ok(())), "and a well-formed one");
    let mut index = Index::new();

    let mut group = criterion.benchmark_group("invite");
    group.throughput(Throughput::Bytes(invite.len() as u64));
    group.bench_function("index", |bencher| {
        bencher.iter(|| index.parse(black_box(invite.as_bytes())).map(|message| message.fault()));
    });
    group.bench_function("index and five typed headers", |bencher| {
        bencher.iter(|| {
            let message = index.parse(black_box(invite.as_bytes())).ok()?;
            let contact = message.contacts().ok()?.iter().next()?.uri.port();
            let (via, from, to) = (message.top_via().ok()?, message.from().ok()?, message.to().ok()?);
            let number = message.cseq().ok()?.number;
            Some(black_box((via.branch(), from.tag(), to.tag(), number, contact)).3)
        });
    });
    group.bench_function("index and check everything", |bencher| {
        bencher.iter(|| index.parse(black_box(invite.as_bytes())).map(|message| message.check()));
    });
    group.bench_function("frame", |bencher| bencher.iter(|| frame(black_box(invite.as_bytes()))));
    group.bench_function("rsip", |bencher| {
        bencher.iter(|| rsip::SipMessage::try_from(black_box(invite.as_bytes())).is_ok())
    });
    group.bench_function("rsip and five typed headers", |bencher| {
        use rsip::{
            headers::{ToTypedHeader, UntypedHeader},
            message::HeadersExt,
        };
        bencher.iter(|| {
            let message = rsip::Request::try_from(black_box(invite.as_bytes())).ok()?;
            let via = message.via_header().ok()?.typed().ok()?;
            let from = message.from_header().ok()?.typed().ok()?;
            let to = message.to_header().ok()?.typed().ok()?;
            let cseq = message.cseq_header().ok()?.typed().ok()?;
            let contact = message.contact_header().ok()?.value().len();
            Some(black_box((via, from, to, cseq, contact)).4)
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("200");
    group.throughput(Throughput::Bytes(ok.len() as u64));
    group.bench_function("index", |bencher| {
        bencher.iter(|| index.parse(black_box(ok.as_bytes())).map(|message| message.fault()));
    });
    group.bench_function("rsip", |bencher| {
        bencher.iter(|| rsip::SipMessage::try_from(black_box(ok.as_bytes())).is_ok())
    });
    group.finish();
}

fn writing(criterion: &mut Criterion) {
    let text = invite();
    let mut index = Index::new();
    let Ok(message) = index.parse(text.as_bytes()) else { return };
    let Some(uri) = message.request_uri() else { return };
    let parsed = rsip::SipMessage::try_from(text.as_bytes());
    let mut group = criterion.benchmark_group("write");
    group.bench_function("invite", |bencher| {
        bencher.iter(|| {
            let mut writer = Writer::request(Method::Invite, uri);
            for (header, name, value) in message.fields() {
                if !matches!(header, Header::ContentLength | Header::ContentType) {
                    writer.line(name, value);
                }
            }
            writer.finish(Some(("application/sdp", black_box(message.body()))))
        });
    });
    group.bench_function("invite by rsip", |bencher| {
        bencher.iter(|| black_box(&parsed).as_ref().map(ToString::to_string).ok())
    });
    group.bench_function("uri", |bencher| bencher.iter(|| Uri::parse(black_box(uri)).is_ok()));
    group.finish();
}

criterion_group!(benches, reading, writing);
criterion_main!(benches);
