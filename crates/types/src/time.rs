//! Points in time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time.
///
/// # Units
///
/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time since `earlier`; zero if it was later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This time and `span` more.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The day in UTC as `YYYY-MM-DD` (proleptic Gregorian calendar).
    pub fn date(self) -> String {
        // Days from the civil calendar, counted in 400-year cycles that begin on 1 March of year 0
        // (H. Hinnant, "chrono-compatible low-level date algorithms").
        let days = self.0 / 86_400_000 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Midnight UTC at the start of `date` (`YYYY-MM-DD`); `None` if it is no such day.
    pub fn from_date(date: &str) -> Option<Self> {
        let mut fields = date.splitn(3, '-');
        let mut number = |digits: usize| {
            let field =
                fields.next().filter(|f| f.len() == digits && f.bytes().all(|b| b.is_ascii_digit()))?;
            field.parse::<u64>().ok()
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        let (shifted_year, shifted_month) =
            if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
        let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let midnight = Self((era * 146_097 + day_of_era - 719_468) * 86_400_000);
        (midnight.date() == date).then_some(midnight)
    }

    /// A time as HTTP writes it (RFC 9110, IMF-fixdate): `Sun, 06 Nov 1994 08:49:37 GMT`; `None` if it is none.
    pub fn from_http(text: &str) -> Option<Self> {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let mut fields = text.split(", ").nth(1)?.split(' ');
        let (day, month, year, time) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        if fields.next() != Some("GMT") || fields.next().is_some() {
            return None;
        }
        let month = MONTHS.iter().position(|name| *name == month)? + 1;
        let midnight = Self::from_date(&format!("{year}-{month:02}-{day}"))?;
        let mut parts = time.split(':');
        let mut number = |below: u64| {
            let part =
                parts.next().filter(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))?;
            part.parse::<u64>().ok().filter(|number| *number < below)
        };
        // Sixty seconds where one is put in.
        let seconds = number(24)? * 3_600 + number(60)? * 60 + number(61)?;
        parts.next().is_none().then_some(Self(midnight.0 + seconds * 1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_reads_back() {
        for day in 0..146_097_u64 {
            let midnight = Timestamp(day * 86_400_000);
            assert_eq!(Timestamp::from_date(&midnight.date()), Some(midnight));
        }
        assert_eq!(Timestamp(1_795_219_200_000).date(), "2026-11-21");
    }

    #[test]
    fn times_of_http_are_read() {
        let time = |text| Timestamp::from_http(text).map(|time| time.0);
        assert_eq!(time("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        for wrong in [
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "",
        ] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for date in
            ["2026-02-29", "2026-13-01", "2026-00-10", "26-01-01", "2026-1-1", "2026-01-01T00", "", "x"]
        {
            assert_eq!(Timestamp::from_date(date), None, "{date}");
        }
    }
}
