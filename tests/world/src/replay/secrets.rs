//! What a trace has masked, made anew with secrets that anybody may know: answers to digest challenges (RFC 2617, MD5) and keys of media.

use crate::text;
use md5::{Digest as _, Md5};
use signaling::settings::Settings;

/// A message with its masked parts made anew, and a Content-Length that fits its body.
pub(super) fn restored(text: &str, settings: &Settings) -> String {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let method = head.split(' ').next().unwrap_or_default();
    let body: String = body.split_inclusive('\n').map(with_keys).collect();
    let line = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "authorization" | "proxy-authorization" => {
                let answered = answered(method, value.trim(), settings);
                answered.map_or_else(|| line.to_owned(), |value| format!("{name}: {value}"))
            }
            "content-length" | "l" => format!("{name}: {}", body.len()),
            _ => line.to_owned(),
        }
    };
    let head: Vec<String> = head.split("\r\n").map(line).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n"))
}

/// Credentials whose answer was masked, answered with the secret that the configuration has; `None`: not masked, or of nobody.
fn answered(method: &str, value: &str, settings: &Settings) -> Option<String> {
    let field = |name: &str| {
        text::comma(value.strip_prefix("Digest ")?).into_iter().find_map(|pair| {
            let (known, value) = pair.split_once('=')?;
            known.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        })
    };
    let masked = field("response").filter(|answer| answer.bytes().all(|byte| byte == b'*'))?;
    let user = field("username")?;
    let account = settings.directory.by_auth_user(user)?;
    if !field("algorithm").is_none_or(|algorithm| algorithm.eq_ignore_ascii_case("MD5")) {
        return None;
    }
    let (realm, nonce, uri) = (field("realm")?, field("nonce")?, field("uri")?);
    let ha1 = md5(&format!("{user}:{realm}:{}", account.secret.expose()));
    let ha2 = md5(&format!("{method}:{uri}"));
    let answer = match (field("qop"), field("nc"), field("cnonce")) {
        (Some(qop), Some(count), Some(cnonce)) => md5(&format!("{ha1}:{nonce}:{count}:{cnonce}:{qop}:{ha2}")),
        _ => md5(&format!("{ha1}:{nonce}:{ha2}")),
    };
    Some(value.replace(&format!("\"{masked}\""), &format!("\"{answer}\"")))
}

/// A line of a description with keys in place of masks; any key does, because no media flows here.
fn with_keys(line: &str) -> String {
    match line.starts_with("a=crypto:") || line.starts_with("a=ice-pwd:") {
        true => line.replace('*', "A"),
        false => line.to_owned(),
    }
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
