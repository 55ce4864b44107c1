//! Numbers that cannot be wrong once read: shares, ratios, prices.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A target's share of traffic, relative to its siblings.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Weight(f64);

impl Weight {
    /// What is allowed.
    pub const ALLOWED: &str = "a number of at least 0 and at most 1000000";
    const MAX: f64 = 1_000_000.0;

    /// The share.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for Weight {
    type Error = String;

    fn try_from(weight: f64) -> Result<Self, String> {
        let valid = (0.0..=Self::MAX).contains(&weight);
        if valid { Ok(Self(weight)) } else { Err(format!("`{weight}` must be {}", Self::ALLOWED)) }
    }
}

impl From<Weight> for f64 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

/// A part of a whole; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// What is allowed.
    pub const ALLOWED: &str = "a number from 0 to 1";
    const MAX: f64 = 1.0;

    /// The share, if it is one.
    pub const fn new(share: f64) -> Option<Self> {
        if 0.0 <= share && share <= Self::MAX { Some(Self(share)) } else { None }
    }

    /// The share of so many percent, at most all.
    pub const fn percent(percent: u8) -> Self {
        Self(if percent < 100 { percent as f64 / 100.0 } else { 1.0 })
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// So much of `whole`, rounded up.
    pub fn of(self, whole: u64) -> u64 {
        // Exact below 2^53, and a warning need not be exact above.
        (whole as f64 * self.0).ceil() as u64
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        Self::new(share).ok_or_else(|| format!("`{share}` must be {}", Self::ALLOWED))
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

/// How often something may happen for each time that something else does.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Ratio(f64);

impl Ratio {
    /// What is allowed.
    pub const ALLOWED: &str = "a number from 0 to 10";
    const MAX: f64 = 10.0;

    /// The ratio of so many percent, at most a tenfold.
    pub const fn percent(percent: u16) -> Self {
        Self(if percent < 1_000 { percent as f64 / 100.0 } else { 10.0 })
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Ratio {
    type Error = String;

    fn try_from(ratio: f64) -> Result<Self, String> {
        let valid = (0.0..=Self::MAX).contains(&ratio);
        if valid { Ok(Self(ratio)) } else { Err(format!("`{ratio}` must be {}", Self::ALLOWED)) }
    }
}

impl From<Ratio> for f64 {
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

/// Money written as a number of US dollars.
///
/// # Units
///
/// Kept as whole nano-dollars: a price of 0.15 dollars per million tokens is `150_000_000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Dollars(u64);

impl Dollars {
    /// What is allowed.
    pub const ALLOWED: &str = "a number of US dollars of at least 0 and at most 1000000";
    const MAX: f64 = 1_000_000.0;

    /// The sum in nano-dollars.
    pub fn nano(self) -> u64 {
        self.0
    }
}

impl TryFrom<f64> for Dollars {
    type Error = String;

    fn try_from(dollars: f64) -> Result<Self, String> {
        let valid = (0.0..=Self::MAX).contains(&dollars);
        // At most 1e15, which is far below 2^53: the nearest whole number is exact for nine decimals.
        let nano = (dollars * 1e9).round();
        if valid { Ok(Self(nano as u64)) } else { Err(format!("`{dollars}` must be {}", Self::ALLOWED)) }
    }
}

impl From<Dollars> for f64 {
    fn from(dollars: Dollars) -> Self {
        dollars.0 as Self / 1e9
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&f64::from(*self), f)
    }
}

/// Gives a number type its schema.
#[cfg(feature = "schema")]
macro_rules! number_schema {
    ($name:ident) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "number",
                    "minimum": 0,
                    "maximum": Self::MAX,
                    "errorMessage": format!("must be {}", Self::ALLOWED),
                })
            }
        }
    };
}

#[cfg(feature = "schema")]
number_schema!(Weight);
#[cfg(feature = "schema")]
number_schema!(Dollars);
#[cfg(feature = "schema")]
number_schema!(Share);
#[cfg(feature = "schema")]
number_schema!(Ratio);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_whole_nano_dollars_and_read_back() {
        for (dollars, nano) in [(0.0, 0), (0.15, 150_000_000), (1.07, 1_070_000_000), (0.003_625, 3_625_000)]
        {
            let read = Dollars::try_from(dollars).unwrap();
            assert_eq!((read.nano(), f64::from(read)), (nano, dollars));
        }
        for wrong in [-0.1, f64::NAN, f64::INFINITY, 1e7] {
            assert!(Dollars::try_from(wrong).is_err());
            assert!(Weight::try_from(wrong).is_err());
            assert!(Share::try_from(wrong).is_err() && Ratio::try_from(wrong).is_err());
        }
    }
}
