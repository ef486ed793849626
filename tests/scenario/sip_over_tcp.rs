//! SIP over TCP: pieces, bounds and bad manners.

use crate::{exchange::Exchange, http::figure_becomes};
use rsip::SipMessage;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

fn connect(exchange: &Exchange) -> TcpStream {
    let stream = TcpStream::connect(exchange.listens("tcp")).unwrap();
    stream.set_read_timeout(Some(crate::exchange::PATIENCE)).unwrap();
    stream
}

fn options(serial: u32) -> String {
    format!(
        "OPTIONS sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK-o{serial}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@pbx.test>;tag=1\r\nTo: <sip:pbx.test>\r\nCall-ID: o{serial}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Reads until `count` messages without a body are there.
fn read(stream: &mut TcpStream, count: usize) -> Vec<SipMessage> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole: Vec<_> = text.split_inclusive("\r\n\r\n").filter(|part| part.ends_with("\r\n\r\n")).collect();
        if whole.len() >= count {
            return whole.iter().map(|part| SipMessage::try_from(part.as_bytes()).unwrap()).collect();
        }
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "closed after {text}");
        bytes.extend(&piece[..length]);
    }
}

#[test]
fn a_message_in_pieces_and_two_in_one_piece_are_all_answered() {
    let exchange = Exchange::start();
    let mut stream = connect(&exchange);
    for piece in options(1).as_bytes().chunks(17) {
        stream.write_all(piece).unwrap();
        stream.flush().unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(read(&mut stream, 1).len(), 1);
    stream.write_all(format!("{}{}", options(2), options(3)).as_bytes()).unwrap();
    assert_eq!(read(&mut stream, 2).len(), 2);
    drop(stream);
    figure_becomes(&exchange, "ironbell_sip_streams_active", 0.0);
}

#[test]
fn a_stream_of_rubbish_is_closed_and_others_live() {
    let exchange = Exchange::start();
    let mut good = connect(&exchange);
    let mut bad = connect(&exchange);
    // It may be closed while it is still being written to.
    let _ = bad.write_all(&vec![b'x'; 200_000]);
    let mut rest = Vec::new();
    let _ = bad.read_to_end(&mut rest);
    good.write_all(options(9).as_bytes()).unwrap();
    assert_eq!(read(&mut good, 1).len(), 1);
}

#[test]
fn who_asks_and_never_reads_is_cut_and_others_live() {
    let exchange = Exchange::start();
    let mut good = connect(&exchange);
    good.write_all(options(8).as_bytes()).unwrap();
    assert_eq!(read(&mut good, 1).len(), 1);
    let mut deaf = connect(&exchange);
    socket2::SockRef::from(&deaf).set_recv_buffer_size(4_096).unwrap();
    deaf.set_write_timeout(Some(crate::exchange::PATIENCE)).unwrap();
    let questions: String = (0..200).map(|serial| options(1_000 + serial)).collect();
    // Its answers fill the kernel's buffers and our queue for it, and then it is given up.
    let cut = (0..2_000).any(|_| deaf.write_all(questions.as_bytes()).is_err());
    assert!(cut, "it may ask for ever");
    good.write_all(options(9).as_bytes()).unwrap();
    assert_eq!(read(&mut good, 1).len(), 1);
}

#[test]
fn who_says_nothing_is_cut() {
    let exchange = Exchange::start();
    let mut silent = connect(&exchange);
    let mut dripping = connect(&exchange);
    dripping.write_all(b"OPTIONS sip:pbx.test").unwrap();
    let mut rest = Vec::new();
    for stream in [&mut silent, &mut dripping] {
        let length = stream.read_to_end(&mut rest).unwrap();
        assert_eq!(length, 0, "nothing was said to who said nothing");
    }
}
