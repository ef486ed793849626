use super::*;

fn load_text(text: &str) -> Result<Config, Vec<String>> {
    let environment = |name: &str| (name == "PIN").then(|| "4927".to_owned());
    parse("a.yml", text, &environment).map_err(|faults| faults.iter().map(Fault::to_string).collect())
}

#[test]
fn ten_lines_are_a_working_exchange() {
    let config = load_text("extensions:\n  - { number: 1001, secret: Kf3-first-wheel-9 }\n").expect("loads");
    assert_eq!(config.server.rtp.ports, Range { first: 10_000, last: 20_000 });
    assert_eq!(config.extensions[0].auth_user, "1001");
    assert_eq!(config.warnings.len(), 1);
    assert!(config.not_active().is_empty());
}
