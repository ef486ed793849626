//! The four transaction machines against their golden tables in `tests/golden/`: every state with every input, on both kinds of transport.
//!
//! The tables were read against RFC 3261 figures 5 to 8 and RFC 6026 figures 1 and 2. After a wanted change run with `IRONBELL_GOLDEN=rewrite`
//! and read the difference.

use core::fmt::Debug;
use signaling::transaction::machine::{Step, client_invite, client_other, server_invite, server_other};
use std::{env, fmt::Write as _, fs, path::PathBuf};

/// One line for every state, input and kind of transport; inputs that change nothing are listed as such, so that none is forgotten.
fn table<S, I>(clause: &str, states: &[S], inputs: &[I], next: impl Fn(S, I, bool) -> Step<S>) -> String
where
    S: Copy + Debug + PartialEq,
    I: Copy + Debug,
{
    let mut text = format!("# {clause}\n");
    for reliable in [false, true] {
        let kind = if reliable { "reliable" } else { "unreliable" };
        for &state in states {
            writeln!(text, "\n[{state:?}, {kind}]").expect("a string takes everything");
            for &input in inputs {
                let step = next(state, input, reliable);
                let effects = step.effects.iter().map(|effect| format!("{effect:?}")).collect::<Vec<_>>().join(", ");
                let outcome = match (step.state == state, effects.is_empty()) {
                    (true, true) => "-".to_owned(),
                    (true, false) => format!("{state:?}: {effects}"),
                    (false, true) => format!("{:?}", step.state),
                    (false, false) => format!("{:?}: {effects}", step.state),
                };
                writeln!(text, "{:<18} -> {outcome}", format!("{input:?}")).expect("a string takes everything");
            }
        }
    }
    text
}

fn compare(name: &str, table: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var_os("IRONBELL_GOLDEN").is_some_and(|value| value == "rewrite") {
        fs::write(&path, table).expect("the golden directory can be written");
    }
    let golden = fs::read_to_string(&path).expect("the golden table exists");
    assert_eq!(golden, table, "{name} differs; IRONBELL_GOLDEN=rewrite writes it anew");
}

#[test]
fn client_invite_follows_figure_5_and_rfc_6026_figure_2() {
    use client_invite::{Input, State, next};
    let clause = "INVITE client transaction: RFC 3261 17.1.1, RFC 6026 7.2, RFC 3261 9.1";
    compare("client_invite.txt", &table(clause, &State::ALL, &Input::ALL, next));
}

#[test]
fn client_other_follows_figure_6() {
    use client_other::{Input, State, next};
    compare(
        "client_other.txt",
        &table("non-INVITE client transaction: RFC 3261 17.1.2", &State::ALL, &Input::ALL, next),
    );
}

#[test]
fn server_invite_follows_figure_7_and_rfc_6026_figure_1() {
    use server_invite::{Input, State, next};
    let clause = "INVITE server transaction: RFC 3261 17.2.1, RFC 6026 7.1";
    compare("server_invite.txt", &table(clause, &State::ALL, &Input::ALL, next));
}

#[test]
fn server_other_follows_figure_8() {
    use server_other::{Input, State, next};
    compare(
        "server_other.txt",
        &table("non-INVITE server transaction: RFC 3261 17.2.2", &State::ALL, &Input::ALL, next),
    );
}

/// Nothing leaves Terminated, and whoever enters it leaves no timer of its machine armed.
#[test]
fn nothing_is_left_armed_when_a_transaction_ends() {
    {
        use client_invite::{Input, State, next};
        let timer_of = |input| if let Input::Fired(timer) = input { Some(timer) } else { None };
        check_timers(&Input::ALL, next, State::Terminated, timer_of, (State::Calling, Some(Input::Start)));
    }
    {
        use client_other::{Input, State, next};
        let timer_of = |input| if let Input::Fired(timer) = input { Some(timer) } else { None };
        check_timers(&Input::ALL, next, State::Terminated, timer_of, (State::Trying, Some(Input::Start)));
    }
    {
        use server_invite::{Input, State, next};
        let timer_of = |input| if let Input::Fired(timer) = input { Some(timer) } else { None };
        check_timers(&Input::ALL, next, State::Terminated, timer_of, (State::Proceeding, None));
    }
    {
        use server_other::{Input, State, next};
        let timer_of = |input| if let Input::Fired(timer) = input { Some(timer) } else { None };
        check_timers(&Input::ALL, next, State::Terminated, timer_of, (State::Trying, None));
    }
}

/// Walks every reachable (state, armed timers) and fires only timers that are armed.
fn check_timers<S, I>(
    inputs: &[I],
    next: impl Fn(S, I, bool) -> Step<S>,
    terminated: S,
    timer_of: impl Fn(I) -> Option<signaling::transaction::machine::Timer>,
    begin: (S, Option<I>),
) where
    S: Copy + Debug + PartialEq,
    I: Copy + Debug + PartialEq,
{
    use signaling::transaction::machine::{Do, Timer};
    for reliable in [false, true] {
        let apply = |state: S, armed: &[Timer], input: I| {
            let step = next(state, input, reliable);
            let mut armed = armed.to_vec();
            if let Some(fired) = timer_of(input) {
                armed.retain(|timer| *timer != fired);
            }
            for effect in step.effects {
                match *effect {
                    Do::Arm(timer) | Do::ArmAgain(timer) | Do::ArmSlow(timer) => {
                        assert!(!armed.contains(&timer), "{state:?} {input:?} arms {timer:?} twice");
                        armed.push(timer);
                    }
                    Do::Disarm(timer) => armed.retain(|other| *other != timer),
                    Do::SendRequest
                    | Do::SendAck
                    | Do::SendResponse
                    | Do::ResendResponse
                    | Do::PassResponse
                    | Do::PassAck
                    | Do::TellTimeout
                    | Do::TellTransportError
                    | Do::TellUnacknowledged => {}
                }
            }
            armed.sort();
            (step.state, armed)
        };
        let first = match begin.1 {
            Some(start) => apply(begin.0, &[], start),
            None => (begin.0, Vec::new()),
        };
        let mut seen = vec![first];
        let mut at = 0;
        while at < seen.len() {
            let (state, armed) = seen[at].clone();
            at += 1;
            if state == terminated {
                assert!(armed.is_empty(), "{armed:?} stays armed in {state:?}");
            }
            for &input in inputs {
                let possible = timer_of(input).is_none_or(|timer| armed.contains(&timer))
                    && Some(input) != begin.1
                    && !(format!("{input:?}") == "CancelSent" && armed.contains(&Timer::Cancelled));
                if !possible {
                    continue;
                }
                let after = apply(state, &armed, input);
                if !seen.contains(&after) {
                    seen.push(after);
                }
            }
        }
        assert!(seen.iter().any(|(state, _)| *state == terminated), "the end is reached");
    }
}

#[test]
fn transfers_follow_their_table() {
    use signaling::call::{TransferInput as Input, TransferState as State, transfer_next as next};
    let mut text = "# transfers: CALL-06 to CALL-08, X-06\n".to_owned();
    for state in State::ALL {
        writeln!(text, "\n[{state:?}]").expect("a string takes everything");
        for input in Input::ALL {
            let (after, what) = next(state, input);
            let outcome = match (after == state, what) {
                (true, None) => "-".to_owned(),
                (false, None) => format!("{after:?}"),
                (_, Some(what)) => format!("{after:?}: {what:?}"),
            };
            writeln!(text, "{:<18} -> {outcome}", format!("{input:?}")).expect("a string takes everything");
        }
    }
    compare("transfer.txt", &text);
}

/// Whatever happens, nobody waits for ever: every state can end, and nothing leaves the end.
#[test]
fn every_transfer_ends() {
    use signaling::call::{TransferInput as Input, TransferState as State, transfer_next as next};
    for state in State::ALL {
        assert_eq!(next(State::Over, Input::ALL[0]).0, State::Over);
        let leaves = |state: State| Input::ALL.into_iter().any(|input| next(state, input).0 == State::Over);
        assert!(leaves(state) || state == State::Over, "{state:?}");
        if state.rings() {
            let failed = next(state, Input::Failed).0;
            assert!(failed == State::Over || failed == State::Recalling, "{state:?}");
        }
        assert!(!state.has_transferor() || next(state, Input::TransferorLeft).0 != state, "{state:?}");
    }
}
