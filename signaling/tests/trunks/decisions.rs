//! Why a call went as it did, as it is told to who wants to know.

use crate::{
    at,
    common::{Line, Phone},
    outbound::{carrier, pair, placed},
};
use core::time::Duration;
use signaling::fact::{CallRecord, Choice, Fact, HangupCause};

/// Alice calls the world; the first trunk is silent, the second answers, and Alice hangs up.
fn by_the_second_trunk(told: bool) -> (Line, CallRecord) {
    let (mut line, mut alice): (Line, Phone) = placed(pair());
    line.pbx.tell_decisions(told);
    let invite = alice.call(&mut line, "9555", &alice.sdp());
    line.expect(at(1), "INVITE");
    line.pass(Duration::from_secs(3));
    let asked = line.expect(at(2), "INVITE");
    let mut two = carrier(2);
    two.answer(&mut line, &asked, 200, &two.sdp());
    line.expect(at(2), "ACK");
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    caller.request(&mut line, "BYE", "");
    let bye = line.expect(at(2), "BYE");
    two.answer(&mut line, &bye, 200, "");
    let record = line.record();
    (line, record)
}

fn decisions(line: &Line) -> Vec<(Option<u16>, Choice)> {
    let decided = line.facts.iter().filter_map(|fact| match fact {
        Fact::Decided(decision) => Some((decision.leg, decision.choice.clone())),
        _ => None,
    });
    decided.collect()
}

#[test]
fn a_call_that_goes_by_its_second_trunk_says_why() {
    let (line, _) = by_the_second_trunk(true);
    let decisions = decisions(&line);
    let brief: Vec<(Option<u16>, String)> = decisions
        .iter()
        .map(|(leg, choice)| {
            let brief = match choice {
                Choice::LegBegan(begins) => format!("{} {} by {:?}", begins.party, begins.calls, begins.trunk),
                Choice::Routed { dialled, from, .. } => format!("{from} dials {dialled}"),
                other => format!("{other:?}"),
            };
            (*leg, brief)
        })
        .collect();
    let ended = Choice::Ended { cause: HangupCause::Caller, status: None, by: Some(0) };
    let expected = [
        (Some(0), "1001 true by \"\"".to_owned()),
        (None, "1001 dials 9555".to_owned()),
        (Some(1), "+4930555 false by \"a\"".to_owned()),
        (Some(1), format!("{:?}", Choice::TrunkFailed { status: 408 })),
        (Some(1), format!("{:?}", Choice::GivenUp)),
        (Some(2), "+4930555 false by \"b\"".to_owned()),
        (Some(2), format!("{:?}", Choice::Answered)),
        (None, format!("{ended:?}")),
    ];
    assert_eq!(brief, expected);
}

#[test]
fn nobody_is_told_who_did_not_ask_and_the_call_goes_the_same_way() {
    let (told, record) = by_the_second_trunk(true);
    let (untold, same) = by_the_second_trunk(false);
    assert_eq!(decisions(&untold), []);
    assert_eq!(record, same);
    let others = |line: &Line| -> Vec<Fact> {
        line.facts.iter().filter(|fact| !matches!(fact, Fact::Decided(_))).cloned().collect()
    };
    assert_eq!(others(&told), others(&untold));
    assert_eq!(told.media, untold.media);
}
