//! `Limit`: a duration as it is written in a stack file, `40m`, `1h30m`, `90s`.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// A limit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Duration);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = || format!("`{text}` is not a duration: write 40m, 1h30m or 90s");
        let mut seconds = 0_u64;
        let mut number = String::new();
        for c in text.chars() {
            if c.is_ascii_digit() {
                number.push(c);
                continue;
            }
            let unit = match c {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                _ => return Err(fail()),
            };
            let count: u64 = number.parse().map_err(|_| fail())?;
            seconds = count.checked_mul(unit).and_then(|s| seconds.checked_add(s)).ok_or_else(fail)?;
            number.clear();
        }
        if seconds == 0 || !number.is_empty() {
            return Err(fail());
        }
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
