//! Header rules (SIP-03): fields of an INVITE added, set, removed, and let pass from the other party's, by trunk and direction.
//!
//! Nothing passes between the parties unless a rule says so (topology hiding), and what a transaction, a dialog or a session hangs on is never touched.

use crate::settings::{HeaderRule, Names, RuleAction, RuleDirection, is_protected};
use std::borrow::Cow;

/// A header field.
pub type Field = (Box<str>, Box<str>);

/// What the values of rules are filled with.
#[derive(Clone, Copy, Debug)]
pub struct Filled<'a> {
    /// The caller's number.
    pub caller: &'a str,
    /// The dialled number.
    pub callee: &'a str,
    /// Header fields of the other party's INVITE.
    pub fields: &'a [Field],
}

impl<'a> Filled<'a> {
    fn fields(&self, name: &str) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// A value with what stands in braces filled in. `None`: it names a field that is not there. Braces that do not end stay as they are.
    fn fill<'v>(&self, value: &'v str) -> Option<Cow<'v, str>> {
        if !value.contains('{') {
            return Some(Cow::Borrowed(value));
        }
        let mut text = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                text.push('{');
                rest = after;
                continue;
            };
            text.push_str(match name {
                "caller" => self.caller,
                "callee" => self.callee,
                header => &self.fields(header).next()?.1,
            });
            rest = behind;
        }
        text.push_str(rest);
        Some(Cow::Owned(text))
    }
}

/// Changes the fields of an INVITE as the rules of that direction say, in their order.
pub fn extra(rules: &[HeaderRule], direction: RuleDirection, fields: &mut Vec<Field>, filled: &Filled<'_>) {
    for rule in rules.iter().filter(|rule| rule.direction == direction) {
        match &rule.action {
            RuleAction::Add { name, value } | RuleAction::Set { name, value } if !is_protected(name) => {
                let Some(value) = filled.fill(value) else { continue };
                if matches!(rule.action, RuleAction::Set { .. }) {
                    fields.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
                }
                fields.push((name.as_str().into(), value.into()));
            }
            RuleAction::Remove(names) => fields.retain(|(name, _)| is_protected(name) || !names.hold(name)),
            RuleAction::Pass(names) => {
                let passing = filled.fields.iter().filter(|(name, _)| !is_protected(name) && names.hold(name));
                fields.extend(passing.cloned());
            }
            RuleAction::Add { .. } | RuleAction::Set { .. } => {}
        }
    }
}

impl Names {
    fn hold(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one.eq_ignore_ascii_case(name),
            Self::Matching(expression) => expression.matches(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::NameExpression;

    fn fields(fields: &[(&str, &str)]) -> Vec<Field> {
        fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn one(name: &str) -> Names {
        Names::One(name.into())
    }

    fn matching(expression: &str) -> Names {
        Names::Matching(NameExpression::new(expression).unwrap())
    }

    fn set(name: &str, value: &str) -> RuleAction {
        RuleAction::Set { name: name.into(), value: value.into() }
    }

    fn add(name: &str, value: &str) -> RuleAction {
        RuleAction::Add { name: name.into(), value: value.into() }
    }

    #[test]
    fn rules_do_what_they_say_in_their_order() {
        let seen =
            fields(&[("X-Customer", "42"), ("X-Other", "7"), ("Call-ID", "secret"), ("Via", "SIP/2.0/UDP 10.0.0.9")]);
        let filled = Filled { caller: "1001", callee: "+4930", fields: &seen };
        type Case<'a> = (&'a str, Vec<RuleAction>, &'a [(&'a str, &'a str)]);
        let table: [Case<'_>; 11] = [
            ("nothing", vec![], &[("User-Agent", "Ironbell")]),
            ("add", vec![add("X-A", "1")], &[("User-Agent", "Ironbell"), ("X-A", "1")]),
            ("set", vec![set("user-agent", "Office")], &[("user-agent", "Office")]),
            ("remove", vec![RuleAction::Remove(one("user-agent"))], &[]),
            ("remove all that match", vec![add("X-A", "1"), RuleAction::Remove(matching("^x-|agent$"))], &[]),
            (
                "read",
                vec![set("X-Route", "{caller}>{callee};c={x-customer}")],
                &[("User-Agent", "Ironbell"), ("X-Route", "1001>+4930;c=42")],
            ),
            ("read what is not there", vec![add("X-A", "{X-Nothing}")], &[("User-Agent", "Ironbell")]),
            ("pass", vec![RuleAction::Pass(one("X-Customer"))], &[("User-Agent", "Ironbell"), ("X-Customer", "42")]),
            (
                "pass all that match, but what is ours",
                vec![RuleAction::Pass(matching("."))],
                &[("User-Agent", "Ironbell"), ("X-Customer", "42"), ("X-Other", "7")],
            ),
            ("never a protected one", vec![set("Call-ID", "x"), add("via", "y")], &[("User-Agent", "Ironbell")]),
            ("an open brace", vec![add("X-A", "{caller")], &[("User-Agent", "Ironbell"), ("X-A", "{caller")]),
        ];
        for (what, actions, wanted) in table {
            let rule = |action| HeaderRule { direction: RuleDirection::Out, action };
            let rules: Vec<_> = actions.into_iter().map(rule).collect();
            let mut got = fields(&[("User-Agent", "Ironbell")]);
            extra(&rules, RuleDirection::Out, &mut got, &filled);
            assert_eq!(got, fields(wanted), "{what}");
            let mut other = fields(&[("User-Agent", "Ironbell")]);
            extra(&rules, RuleDirection::In, &mut other, &filled);
            assert_eq!(other, fields(&[("User-Agent", "Ironbell")]), "{what}: the other direction is not concerned");
        }
    }
}
