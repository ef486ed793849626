//! What is watched, published and written: how long it lasts.

use core::time::Duration;

/// Expiry limits of subscriptions (RFC 6665 section 4.2.1.1) and publications (RFC 3903 section 6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SubscriptionSettings {
    /// Shorter is answered 423 with Min-Expires.
    pub expires_min: Duration,
    /// Longer is granted this.
    pub expires_max: Duration,
    /// Granted when the phone names none.
    pub expires_default: Duration,
}

impl Default for SubscriptionSettings {
    fn default() -> Self {
        let hour = Duration::from_secs(3_600);
        Self { expires_min: Duration::from_secs(60), expires_max: hour, expires_default: hour }
    }
}

/// Messages between accounts (RFC 3428).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MessageSettings {
    /// Messages kept for one account that cannot be reached; one more is answered 480.
    pub kept_max: usize,
    /// A message is kept no longer than this.
    pub keep: Duration,
}

impl Default for MessageSettings {
    fn default() -> Self {
        Self { kept_max: 50, keep: Duration::from_secs(7 * 86_400) }
    }
}
