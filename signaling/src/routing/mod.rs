//! Where a dialled number leads, and why.
//!
//! [`plan`] is a pure function `(Directory, Codes, Request) → Plan`: the call follows the plan, the route explainer prints its reasons, and neither can
//! disagree with the other. It knows accounts and codes; it deliberately does not know who is registered, who is busy, or any SIP message.

use crate::settings::{Codes, Directory, Extension};
use contract::Instant;
use core::fmt;

/// A wish to reach a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Request<'a> {
    /// The account that wishes it.
    pub caller: &'a str,
    /// What was dialled: digits, `*` and `#`, without a domain.
    pub dialled: &'a str,
    /// When. A plan holds for this moment.
    pub at: Instant,
}

/// What to do about a [`Request`], and the rules that said so in the order in which they were asked.
#[derive(Clone, Debug)]
pub struct Plan<'d> {
    /// Where it leads.
    pub target: Target<'d>,
    /// Every rule that was looked at, the deciding one last.
    pub reasons: Vec<Reason>,
}

/// Where a number leads.
#[derive(Clone, Copy, Debug)]
pub enum Target<'d> {
    /// To the phones of this account.
    Extension(&'d Extension),
    /// To the echo test.
    Echo,
    /// By trunks.
    Trunks(&'d TrunkPlan),
    /// Nowhere: the number is unknown (SIP 404).
    Nowhere,
}

/// A way to the world.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrunkPlan {
    /// The route's name.
    pub route: String,
    /// What the trunk is to be sent.
    pub number: String,
    /// The trunks' names in the order of the route; among those that are up, their own preference and weight decide.
    pub trunks: Vec<String>,
    /// An emergency call: no limit holds for it.
    pub emergency: bool,
}

/// One rule that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reason {
    /// The number is the code of this feature.
    Code {
        /// The feature's name, as in the configuration.
        feature: &'static str,
    },
    /// The number is no feature code.
    NoCode,
    /// The number belongs to an account of this name.
    Extension {
        /// The account's display name.
        name: String,
    },
    /// No account has the number.
    NoExtension,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { feature } => write!(f, "features.codes.{feature} is this number"),
            Self::NoCode => f.write_str("features.codes: none is this number"),
            Self::Extension { name } => write!(f, "extensions: the number of {name}"),
            Self::NoExtension => f.write_str("extensions: none has this number"),
        }
    }
}

/// Where `request` leads. Codes come before numbers, so that a code can never be taken over by an account.
#[must_use]
pub fn plan<'d>(directory: &'d Directory, codes: &Codes, request: &Request<'_>) -> Plan<'d> {
    let mut reasons = Vec::with_capacity(2);
    if codes.echo.as_deref() == Some(request.dialled) {
        reasons.push(Reason::Code { feature: "echo" });
        return Plan { target: Target::Echo, reasons };
    }
    reasons.push(Reason::NoCode);
    match directory.extension(request.dialled) {
        Some(extension) => {
            reasons.push(Reason::Extension { name: extension.name.clone() });
            Plan { target: Target::Extension(extension), reasons }
        }
        None => {
            reasons.push(Reason::NoExtension);
            Plan { target: Target::Nowhere, reasons }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{CallerId, Dtmf, Host, Nat, Permissions, Secret};
    use core::time::Duration;

    fn extension(number: &str) -> Extension {
        Extension {
            number: number.into(),
            name: format!("Owner of {number}"),
            auth_user: number.into(),
            secret: Secret::new("not-a-real-one"),
            caller_id: CallerId::default(),
            language: "en".into(),
            call_groups: Vec::new(),
            pickup_groups: Vec::new(),
            context: "default".into(),
            host: Host::Dynamic,
            permissions: Permissions::default(),
            call_limit: 2,
            codecs: Vec::new(),
            nat: Nat::Auto,
            dtmf: Dtmf::default(),
            encryption: crate::settings::Encryption::default(),
            music: "default".into(),
            record: None,
            no_answer_after: Duration::from_secs(30),
            visibility: crate::settings::Visibility::default(),
        }
    }

    fn led(dialled: &str) -> (String, Vec<Reason>) {
        let directory = Directory::new([extension("1001"), extension("*43")]);
        let codes = Codes { echo: Some("*43".into()) };
        let plan = plan(&directory, &codes, &Request { caller: "1001", dialled, at: Instant::ORIGIN });
        let target = match plan.target {
            Target::Extension(extension) => format!("extension {}", extension.number),
            Target::Echo => "echo".into(),
            Target::Trunks(_) => "trunks".into(),
            Target::Nowhere => "nowhere".into(),
        };
        (target, plan.reasons)
    }

    #[test]
    fn a_number_leads_to_its_account() {
        let (target, reasons) = led("1001");
        assert_eq!(target, "extension 1001");
        assert_eq!(reasons, [Reason::NoCode, Reason::Extension { name: "Owner of 1001".into() }]);
    }

    #[test]
    fn a_code_comes_before_an_account_of_the_same_number() {
        assert_eq!(led("*43"), ("echo".into(), vec![Reason::Code { feature: "echo" }]));
    }

    #[test]
    fn an_unknown_number_leads_nowhere() {
        assert_eq!(led("1009"), ("nowhere".into(), vec![Reason::NoCode, Reason::NoExtension]));
    }
}
