//! The messages of RFC 4475 section 3 and RFC 5118 section 4, by the names of their files.

use crate::{
    Answer::{self, OneOf, Silence},
    Verdict::{self, Accept, Drop, Fault},
};
use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// One published message.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Directory and file.
    pub file: &'static str,
    /// Section of the RFC that the directory names.
    pub section: &'static str,
    /// What the grammar makes of it.
    pub verdict: Verdict,
    /// What an exchange that demands authentication and knows nobody in `example.com` sends back, by UDP.
    pub answer: Answer,
}

const fn case(file: &'static str, section: &'static str, verdict: Verdict, answer: Answer) -> Case {
    Case { file, section, verdict, answer }
}

/// Well-formed, but whoever asks must first say who he is.
const CHALLENGED: Answer = OneOf(&[401]);
/// Well-formed and answerable by anyone.
const SERVED: Answer = OneOf(&[200, 404]);
/// A method nobody knows.
const UNKNOWN_METHOD: Answer = OneOf(&[501, 405]);
const BAD: Answer = OneOf(&[400]);

/// All of them.
pub const CASES: [Case; 61] = [
    // It has a tag in To, and we know of no such dialog.
    case("rfc4475/wsinv.dat", "3.1.1.1", Accept, OneOf(&[481])),
    case("rfc4475/intmeth.dat", "3.1.1.2", Accept, UNKNOWN_METHOD),
    case("rfc4475/esc01.dat", "3.1.1.3", Accept, CHALLENGED),
    case("rfc4475/escnull.dat", "3.1.1.4", Accept, CHALLENGED),
    case("rfc4475/esc02.dat", "3.1.1.5", Accept, UNKNOWN_METHOD),
    case("rfc4475/lwsdisp.dat", "3.1.1.6", Accept, SERVED),
    case("rfc4475/longreq.dat", "3.1.1.7", Accept, CHALLENGED),
    // Only the first of the two is there: what follows it in the datagram is not part of it.
    case("rfc4475/dblreq.dat", "3.1.1.8", Accept, CHALLENGED),
    case("rfc4475/semiuri.dat", "3.1.1.9", Accept, SERVED),
    case("rfc4475/transports.dat", "3.1.1.10", Accept, SERVED),
    case("rfc4475/mpart01.dat", "3.1.1.11", Accept, OneOf(&[401, 405, 415, 501])),
    case("rfc4475/unreason.dat", "3.1.1.12", Accept, Silence),
    case("rfc4475/noreason.dat", "3.1.1.13", Accept, Silence),
    case("rfc4475/badinv01.dat", "3.1.2.1", Fault(400), Silence),
    case("rfc4475/clerr.dat", "3.1.2.2", Fault(400), BAD),
    case("rfc4475/ncl.dat", "3.1.2.3", Fault(400), BAD),
    case("rfc4475/scalar02.dat", "3.1.2.4", Fault(400), BAD),
    case("rfc4475/scalarlg.dat", "3.1.2.5", Drop, Silence),
    case("rfc4475/quotbal.dat", "3.1.2.6", Fault(400), BAD),
    case("rfc4475/ltgtruri.dat", "3.1.2.7", Fault(400), BAD),
    case("rfc4475/lwsruri.dat", "3.1.2.8", Fault(400), BAD),
    case("rfc4475/lwsstart.dat", "3.1.2.9", Fault(400), BAD),
    case("rfc4475/trws.dat", "3.1.2.10", Fault(400), BAD),
    case("rfc4475/escruri.dat", "3.1.2.11", Fault(400), BAD),
    // Date means nothing to us, so its time zone does not either.
    case("rfc4475/baddate.dat", "3.1.2.12", Accept, CHALLENGED),
    case("rfc4475/regbadct.dat", "3.1.2.13", Fault(400), BAD),
    case("rfc4475/badaspec.dat", "3.1.2.14", Fault(400), BAD),
    case("rfc4475/baddn.dat", "3.1.2.15", Fault(400), BAD),
    case("rfc4475/badvers.dat", "3.1.2.16", Fault(505), OneOf(&[505])),
    case("rfc4475/mismatch01.dat", "3.1.2.17", Fault(400), BAD),
    case("rfc4475/mismatch02.dat", "3.1.2.18", Accept, UNKNOWN_METHOD),
    case("rfc4475/bigcode.dat", "3.1.2.19", Drop, Silence),
    case("rfc4475/badbranch.dat", "3.2.1", Accept, OneOf(&[200, 400, 404])),
    case("rfc4475/insuf.dat", "3.3.1", Fault(400), BAD),
    case("rfc4475/unkscm.dat", "3.3.2", Fault(416), OneOf(&[416])),
    case("rfc4475/novelsc.dat", "3.3.3", Fault(416), OneOf(&[416])),
    case("rfc4475/unksm2.dat", "3.3.4", Accept, OneOf(&[400, 401, 404])),
    case("rfc4475/bext01.dat", "3.3.5", Accept, OneOf(&[420])),
    case("rfc4475/invut.dat", "3.3.6", Accept, OneOf(&[415])),
    case("rfc4475/regaut01.dat", "3.3.7", Accept, CHALLENGED),
    case("rfc4475/multi01.dat", "3.3.8", Fault(400), BAD),
    case("rfc4475/mcl01.dat", "3.3.9", Fault(400), BAD),
    case("rfc4475/bcast.dat", "3.3.10", Accept, Silence),
    case("rfc4475/zeromf.dat", "3.3.11", Accept, OneOf(&[483])),
    case("rfc4475/cparam01.dat", "3.3.12", Accept, CHALLENGED),
    case("rfc4475/cparam02.dat", "3.3.13", Accept, CHALLENGED),
    case("rfc4475/regescrt.dat", "3.3.14", Accept, CHALLENGED),
    case("rfc4475/sdp01.dat", "3.3.15", Accept, OneOf(&[401, 406])),
    case("rfc4475/inv2543.dat", "3.4.1", Accept, CHALLENGED),
    case("rfc5118/ipv6-good.dat", "4.1", Accept, CHALLENGED),
    case("rfc5118/ipv6-bad.dat", "4.2", Fault(400), BAD),
    case("rfc5118/port-ambiguous.dat", "4.3", Accept, CHALLENGED),
    case("rfc5118/port-unambiguous.dat", "4.4", Accept, CHALLENGED),
    case("rfc5118/via-received-param-with-delim.dat", "4.5", Accept, OneOf(&[481])),
    case("rfc5118/via-received-param-no-delim.dat", "4.5", Accept, SERVED),
    case("rfc5118/ipv6-in-sdp.dat", "4.6", Accept, CHALLENGED),
    case("rfc5118/mult-ip-in-header.dat", "4.7", Accept, OneOf(&[481])),
    case("rfc5118/mult-ip-in-sdp.dat", "4.8", Accept, CHALLENGED),
    case("rfc5118/ipv4-mapped-ipv6.dat", "4.9", Accept, CHALLENGED),
    case("rfc5118/ipv6-bug-abnf-3-colons.dat", "4.10", Accept, SERVED),
    case("rfc5118/ipv6-correct-abnf-2-colons.dat", "4.10", Accept, SERVED),
];

/// Environment variable that names another directory than `../shared/torture` beside the repository.
pub const VARIABLE: &str = "IRONBELL_TORTURE";

/// Every case with its bytes; `None`, said on standard error, when the directory is not there.
///
/// # Panics
/// If the directory is there, or named by [`VARIABLE`], but a file cannot be read.
#[must_use]
pub fn all() -> Option<Vec<(Case, Vec<u8>)>> {
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/torture");
    if named.is_none() && !beside.is_dir() {
        // Not by `eprintln!`, which the test harness would swallow.
        let line = format!(
            "NOT RUN: the messages of RFC 4475 and RFC 5118 are not in ../shared/torture; {VARIABLE} names another place\n"
        );
        _ = io::stderr().write_all(line.as_bytes());
        return None;
    }
    let directory = named.unwrap_or(beside);
    let read = |case: Case| {
        let path = directory.join(case.file);
        let bytes = fs::read(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        (case, bytes)
    };
    Some(CASES.into_iter().map(read).collect())
}
