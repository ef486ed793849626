//! What counts as a strong secret (SEC-08): one account with `1234` is all a scanner needs.
//!
//! Judges a secret beside the names it must not repeat. Keeps nothing.

/// Bits a secret of an account must be worth by [`bits`]: twelve letters of one case drawn by lot.
const SECRET_BITS_MIN: f64 = 56.0;

/// Characters of an API key; it is made by a machine and never typed.
pub(super) const API_KEY_CHARS_MIN: usize = 24;

/// What everybody tries first. Each counts as one character.
const TRIVIAL: [&str; 40] = [
    "password",
    "passwort",
    "passwd",
    "secret",
    "geheim",
    "qwerty",
    "qwertz",
    "asdfgh",
    "zxcvbn",
    "admin",
    "administrator",
    "root",
    "user",
    "guest",
    "test",
    "demo",
    "changeme",
    "change-me",
    "letmein",
    "welcome",
    "login",
    "default",
    "master",
    "monkey",
    "dragon",
    "iloveyou",
    "abc123",
    "phone",
    "voip",
    "sip",
    "asterisk",
    "freeswitch",
    "freepbx",
    "ironbell",
    "pbx",
    "extension",
    "telephone",
    "company",
    "office",
    "пароль",
];

/// Printed in the files that come with the exchange, so known to everybody. They are strong, and load, and are warned of.
const PUBLISHED: [&str; 5] = [
    "Kf3-first-wheel-9",
    "Qs8-second-wheel-4",
    "Zt5-third-wheel-2",
    "a-long-enough-key-for-tests-0001",
    "replace-this-key-before-use-0001",
];

/// Whether the secret stands in a file that everybody has.
pub(super) fn is_published(secret: &str) -> bool {
    PUBLISHED.contains(&secret)
}

/// What to say of a published secret, and what to do.
pub(super) const PUBLISHED_WARNING: (&str, &str) = (
    "this secret stands in the sample files and is known to everybody",
    "one of your own before anybody else can reach the exchange",
);

/// Why a secret is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weakness {
    /// It is a name of its own account.
    OwnName,
    /// Digits alone.
    DigitsOnly,
    /// Too short, too regular, or made of what everybody tries.
    Guessable,
}

impl Weakness {
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::OwnName => "the secret is the account's own number or name",
            Self::DigitsOnly => "the secret consists of digits alone",
            Self::Guessable => {
                "the secret can be guessed: it is too short, too regular, or made of common words and own names"
            }
        }
    }

    pub(super) const INSTEAD: &'static str =
        "12 or more mixed characters drawn by lot, such as the output of `openssl rand -base64 15`";
}

/// Judges `secret` beside the names it must not repeat.
pub(super) fn weakness(secret: &str, own_names: &[&str]) -> Option<Weakness> {
    let lower = secret.to_lowercase();
    let names: Vec<String> = own_names.iter().map(|name| name.to_lowercase()).filter(|name| !name.is_empty()).collect();
    if names.contains(&lower) {
        return Some(Weakness::OwnName);
    }
    if secret.chars().all(|c| c.is_ascii_digit()) {
        return Some(Weakness::DigitsOnly);
    }
    (bits(secret, &names) < SECRET_BITS_MIN).then_some(Weakness::Guessable)
}

/// An estimate in bits: characters that do not continue a run or a known word, times the bits of the alphabet in use.
fn bits(secret: &str, names: &[String]) -> f64 {
    let mut rest = secret.to_owned();
    for word in names.iter().map(String::as_str).filter(|name| name.chars().count() >= 3).chain(TRIVIAL) {
        rest = replace_ignoring_case(&rest, word);
    }
    let mut pool = 0.0;
    for (size, class) in [
        (26.0, char::is_lowercase as fn(char) -> bool),
        (26.0, char::is_uppercase),
        (10.0, |c: char| c.is_ascii_digit()),
        (20.0, |c: char| !c.is_alphanumeric()),
    ] {
        if secret.chars().any(class) {
            pool += size;
        }
    }
    let mut counted: u32 = 0;
    let mut before: Option<char> = None;
    for c in rest.chars() {
        let continues = before.is_some_and(|before| (before as u32).abs_diff(c as u32) <= 1);
        counted += u32::from(!continues);
        before = Some(c);
    }
    f64::from(counted) * f64::log2(f64::max(pool, 2.0))
}

/// Each occurrence of `word` (lower case) becomes one character.
fn replace_ignoring_case(text: &str, word: &str) -> String {
    let lower: Vec<char> = text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect();
    let word: Vec<char> = word.chars().collect();
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        if lower.get(at..at + word.len()) == Some(word.as_slice()) {
            out.push('\u{1}');
            at += word.len();
        } else {
            out.extend(chars.get(at));
            at += 1;
        }
    }
    out
}

/// PINs everybody tries, beside those that [`pin_is_weak`] computes.
const PINS: [&str; 14] =
    ["1212", "2121", "1122", "1313", "2580", "0852", "1004", "2000", "6969", "4321", "1379", "0007", "1984", "2468"];

/// Whether a voicemail PIN is among the first that would be tried.
pub(super) fn pin_is_weak(pin: &str, number: &str) -> bool {
    let steps: Vec<i16> = pin
        .as_bytes()
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(i16::from(*b) - i16::from(*a)),
            _ => None,
        })
        .collect();
    let regular = steps.first().is_some_and(|first| first.abs() <= 1 && steps.iter().all(|step| step == first));
    let reversed: String = number.chars().rev().collect();
    regular || pin == number || pin == reversed || PINS.contains(&pin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scanners_try_first_is_refused() {
        for (secret, why) in [
            ("1234", Weakness::DigitsOnly),
            ("1001", Weakness::OwnName),
            ("Alice-Desk", Weakness::OwnName),
            ("83920174650193", Weakness::DigitsOnly),
            ("secret", Weakness::Guessable),
            ("password1234", Weakness::Guessable),
            ("Password1234!", Weakness::Guessable),
            ("abcdefghijklmnop", Weakness::Guessable),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", Weakness::Guessable),
            ("alice-desk1001", Weakness::Guessable),
            ("1001-alice-desk-1001", Weakness::Guessable),
            ("qwertyuiop12", Weakness::Guessable),
            ("xK9!a", Weakness::Guessable),
        ] {
            assert_eq!(weakness(secret, &["1001", "alice-desk"]), Some(why), "{secret}");
        }
    }

    #[test]
    fn secrets_drawn_by_lot_are_taken() {
        for secret in [
            "Kf3-first-wheel-9",
            "Qs8-second-wheel-4",
            "Zt5-third-wheel-2",
            "hqzvmkdwnrpx",
            "x7$Kq!2wLd9",
            "nV4tq0zJc8Ru1yB5",
        ] {
            assert_eq!(weakness(secret, &["1001", "alice-desk"]), None, "{secret}");
        }
    }

    #[test]
    fn pins_everybody_tries_are_weak() {
        for pin in ["1234", "0000", "9999", "4321", "87654", "1001", "2580", "123456"] {
            assert!(pin_is_weak(pin, "1001"), "{pin}");
        }
        for pin in ["4927", "6158", "7306"] {
            assert!(!pin_is_weak(pin, "1001"), "{pin}");
        }
    }
}
