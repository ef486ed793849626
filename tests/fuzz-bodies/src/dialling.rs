//! What administrators and callers write of numbers: patterns, expressions, opening hours, dialled numbers.

use core::{cmp::Ordering, str};
use signaling::settings::{Date, Expression, Numbering, Opening, Pattern};

/// Reads each line of `bytes` as everything that a dial plan is made of, and asks it about every line.
///
/// # Panics
/// If patterns contradict one another.
pub fn dialling(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let lines: Vec<&str> = text.lines().take(24).collect();
    for line in &lines {
        _ = (Date::parse(line), Opening::parse(line));
        if let Ok(expression) = Expression::new(line, Some("+$1")) {
            lines.iter().for_each(|number| _ = (expression.takes(number), expression.replaced(number)));
        }
    }
    let numbering = Numbering { country: "49".into(), international: "00".into(), national: "0".into() };
    for number in &lines {
        if let Some(world) = numbering.e164(number) {
            assert!(world.starts_with('+'), "{number} became {world}");
            assert_eq!(numbering.e164(&world).as_deref(), Some(&*world), "{number}");
        }
        _ = numbering.is_abroad(number);
    }
    let patterns: Vec<Pattern> = lines.iter().filter_map(|line| Pattern::parse(line)).collect();
    for one in &patterns {
        if let Some(numbers) = one.numbers(64) {
            assert!(numbers.iter().all(|number| one.takes(number)), "{one}");
        }
        for two in &patterns {
            agree(one, two, &lines);
        }
    }
}

/// What two patterns say of one another holds for numbers.
fn agree(one: &Pattern, two: &Pattern, numbers: &[&str]) {
    assert_eq!(one.order(two), two.order(one).reverse(), "{one} {two}");
    assert!(!one.same(two) || one.order(two) == Ordering::Equal, "{one} {two}");
    let common = one.common(two);
    if let Some(number) = &common {
        assert!(one.takes(number) && two.takes(number), "{one} {two} {number}");
    }
    for number in numbers {
        let (ours, theirs) = (one.takes(number), two.takes(number));
        assert!(!one.same(two) || ours == theirs, "{one} {two} {number}");
        assert!(!one.holds(two) || ours || !theirs, "{one} {two} {number}");
        assert!(common.is_some() || !(ours && theirs), "{one} {two} {number}");
    }
}
