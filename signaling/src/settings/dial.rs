//! What dialled numbers lead to.

/// Codes dialled for a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Codes {
    /// The echo test, by default `*43`.
    pub echo: Option<String>,
}
