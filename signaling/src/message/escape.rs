//! Text of ours made fit for a header field: display names quoted, numbers escaped (RFC 3261 section 25.1).

/// A display name as a quoted string, RFC 3261 section 25.1. Line ends become spaces.
#[must_use]
pub fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    text.push('"');
    for letter in name.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            _ if letter.is_control() => text.push(' '),
            _ => text.push(letter),
        }
    }
    text.push('"');
    text
}

/// A number as the user part of a URI: what RFC 3261 section 25.1 does not allow there is escaped (`#` becomes `%23`).
#[must_use]
pub(crate) fn escaped(number: &str) -> String {
    let mut text = String::with_capacity(number.len());
    for byte in number.bytes() {
        match byte {
            b'0'..=b'9'
            | b'a'..=b'z'
            | b'A'..=b'Z'
            | b'-'
            | b'_'
            | b'.'
            | b'!'
            | b'~'
            | b'*'
            | b'\''
            | b'('
            | b')'
            | b'+' => {
                text.push(char::from(byte));
            }
            _ => {
                const DIGITS: [char; 16] =
                    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
                text.extend(['%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_numbers_escaped() {
        assert_eq!(quoted("Alice \"Al\" Ames\\\r\n"), "\"Alice \\\"Al\\\" Ames\\\\  \"");
        assert_eq!(escaped("*43#"), "*43%23");
        assert_eq!(escaped("1001"), "1001");
        assert_eq!(escaped("ж"), "%D0%B6");
    }
}
