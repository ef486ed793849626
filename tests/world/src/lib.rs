//! A simulated world around the exchange, driven by one number.
