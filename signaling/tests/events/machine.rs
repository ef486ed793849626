//! The machine by which one watcher is spoken to, against its golden table, and what answers to a NOTIFY mean.

use signaling::event::machine::{Do, Input, State, judged, next};
use std::{env, fmt::Write as _, fs, path::PathBuf};

#[test]
fn the_table_is_the_golden_one() {
    let mut table = "# notifier of one subscription: RFC 6665 4.2\n".to_owned();
    for state in State::ALL {
        writeln!(table, "\n[{state:?}]").unwrap();
        for input in Input::ALL {
            let step = next(state, input);
            let effects = step.effects.iter().map(|effect| format!("{effect:?}")).collect::<Vec<_>>().join(", ");
            let outcome = match (step.state == state, effects.is_empty()) {
                (true, true) => "-".to_owned(),
                (true, false) => format!("{state:?}: {effects}"),
                (false, true) => format!("{:?}", step.state),
                (false, false) => format!("{:?}: {effects}", step.state),
            };
            writeln!(table, "{:<12} -> {outcome}", format!("{input:?}")).unwrap();
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/notifier.txt");
    if env::var_os("IRONBELL_GOLDEN").is_some_and(|value| value == "rewrite") {
        fs::write(&path, &table).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), table, "IRONBELL_GOLDEN=rewrite writes it anew");
}

/// Whatever happens in whatever order: a timer is armed exactly while a pause is kept, at most one NOTIFY is out, and a change is always told at last.
#[test]
fn a_change_is_always_told_at_last() {
    // (state, told everything)
    let mut seen = vec![(State::Idle, true)];
    let mut at = 0;
    while at < seen.len() {
        let (state, told) = seen[at];
        at += 1;
        for input in Input::ALL {
            let possible = match input {
                Input::Answered | Input::Deferred | Input::Refused => state.is_telling(),
                Input::PauseOver => state.is_pausing(),
                Input::Changed | Input::Over => state != State::Terminated,
            };
            if !possible {
                continue;
            }
            let step = next(state, input);
            let notifies = step.effects.contains(&Do::Notify);
            let arms = step.effects.iter().any(|effect| matches!(effect, Do::ArmPause | Do::ArmRetry));
            assert_eq!(arms, step.state.is_pausing() && !state.is_pausing(), "{state:?} {input:?}");
            assert!(!notifies || !state.is_telling(), "{state:?} {input:?} sends a second NOTIFY");
            assert_eq!(step.state.is_telling() && !state.is_telling(), notifies, "{state:?} {input:?}");
            let told = match input {
                Input::Changed | Input::Deferred => notifies,
                _ => told || notifies,
            };
            let rests = matches!(step.state, State::Idle | State::Telling | State::Resting);
            assert!(told || !rests, "{state:?} {input:?} forgets a change");
            if !seen.contains(&(step.state, told)) {
                seen.push((step.state, told));
            }
        }
    }
    assert!(seen.len() >= State::ALL.len(), "every state is reached: {seen:?}");
}

#[test]
fn answers_to_a_notify_mean_what_rfc_5057_says() {
    for (statuses, after, wanted) in [
        (&[200, 202, 299][..], false, Input::Answered),
        (&[404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604], false, Input::Refused),
        (
            &[400, 401, 402, 403, 407, 413, 415, 420, 486, 487, 488, 491, 500, 503, 504, 600, 603],
            false,
            Input::Deferred,
        ),
        // RFC 6665 section 4.2.2: with Retry-After the watcher wants to be told later.
        (&[404, 480, 489, 503], true, Input::Deferred),
        // Who does not know the dialog has left it, whatever he says beside.
        (&[408, 481], true, Input::Refused),
    ] {
        for status in statuses {
            assert_eq!(judged(*status, after), wanted, "{status}, Retry-After {after}");
        }
    }
}
