//! One meter: what was used and what is reserved, in one unit over one kind of window.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sluice_types::{
    quota::{Reason, Window},
    time::Timestamp,
};

const DAY: u64 = 86_400_000;

/// Past so many entries those of one sixtieth of the window become one.
const ENTRIES: usize = 64;

/// What one meter has counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Meter {
    /// What is under way.
    #[serde(rename = "n")]
    Level(u64),
    /// What came in the last so many milliseconds.
    ///
    /// An entry counts from its time until a window later, to the millisecond. Where there are many, neighbours are
    /// taken together at the later one's time: they count a sixtieth of the window too long at most, never too short.
    #[serde(rename = "s")]
    Log {
        /// The window in milliseconds.
        #[serde(rename = "w")]
        window: u64,
        /// Times and amounts, oldest first.
        #[serde(rename = "e")]
        entries: Vec<(u64, u64)>,
    },
    /// What a period of the calendar has seen.
    #[serde(rename = "c")]
    Period {
        /// When the period began; 0 for the one that never ends.
        #[serde(rename = "p")]
        start: u64,
        /// When it ends; `None` for never.
        #[serde(rename = "e")]
        end: Option<u64>,
        /// Used.
        #[serde(rename = "u")]
        used: u64,
        /// Reserved.
        #[serde(rename = "h")]
        held: u64,
    },
}

impl Meter {
    /// A meter that has counted nothing.
    pub fn new(window: Window) -> Self {
        match window {
            Window::Now => Self::Level(0),
            Window::Last(window) => Self::Log { window, entries: Vec::new() },
            Window::Day | Window::Week | Window::Month | Window::Total => {
                Self::Period { start: 0, end: Some(0), used: 0, held: 0 }
            }
        }
    }

    /// Everything that counts at `now`: used and reserved.
    pub fn counted(&self, now: Timestamp, window: Window) -> u64 {
        match self {
            Self::Level(level) => *level,
            Self::Log { window, entries } => {
                live(entries, *window, now).map(|(_, n)| n).fold(0, u64::saturating_add)
            }
            Self::Period { start, used, held, .. } if *start == period(now, window).0 => {
                used.saturating_add(*held)
            }
            Self::Period { .. } => 0,
        }
    }

    /// Of that, what was used.
    pub fn used(&self, now: Timestamp, window: Window) -> u64 {
        match self {
            Self::Level(_) => 0,
            Self::Log { .. } => self.counted(now, window),
            Self::Period { start, used, .. } if *start == period(now, window).0 => *used,
            Self::Period { .. } => 0,
        }
    }

    /// Why `amount` more does not fit under `limit`, and in how many milliseconds it would; `None` if it fits.
    pub(super) fn refusal(
        &self,
        now: Timestamp,
        window: Window,
        limit: u64,
        amount: u64,
    ) -> Option<(Reason, Option<u64>)> {
        let counted = self.counted(now, window);
        if counted.saturating_add(amount) <= limit {
            return None;
        }
        Some(match self {
            _ if limit < amount && !matches!(self, Self::Period { .. }) => (Reason::TooLarge, None),
            Self::Level(_) => (Reason::Rate, None),
            Self::Log { window, entries } => {
                let mut left = counted;
                let frees = live(entries, *window, now).find(|(_, n)| {
                    left = left.saturating_sub(*n);
                    left.saturating_add(amount) <= limit
                });
                let wait = frees.map(|(at, _)| at.saturating_add(*window).saturating_sub(now.0));
                (Reason::Rate, wait)
            }
            Self::Period { .. } => {
                if self.used(now, window).saturating_add(amount) <= limit {
                    (Reason::Reserved, None)
                } else {
                    let (_, end) = period(now, window);
                    (Reason::Spent, end.filter(|_| amount <= limit).map(|end| end.saturating_sub(now.0)))
                }
            }
        })
    }

    /// Counts `amount` as reserved; returns when, for [`Part::at`].
    pub(super) fn reserve(&mut self, now: Timestamp, window: Window, amount: u64) -> u64 {
        // A rule whose meter was counted otherwise before begins anew.
        let fits = match (&self, window) {
            (Self::Level(_), Window::Now) => true,
            (Self::Log { window: own, .. }, Window::Last(window)) => *own == window,
            (Self::Period { .. }, Window::Day | Window::Week | Window::Month | Window::Total) => true,
            _ => false,
        };
        if !fits {
            *self = Self::new(window);
        }
        match self {
            Self::Level(level) => {
                *level = level.saturating_add(amount);
                now.0
            }
            Self::Log { window, entries } => {
                let gone = entries.iter().take_while(|(at, _)| at.saturating_add(*window) <= now.0).count();
                entries.drain(..gone);
                let at = entries.last().map_or(now.0, |(last, _)| now.0.max(*last));
                match entries.last_mut() {
                    Some((last, n)) if *last == at => *n = n.saturating_add(amount),
                    _ => entries.push((at, amount)),
                }
                if ENTRIES < entries.len() {
                    merge(entries, (*window / 60).max(1));
                }
                at
            }
            Self::Period { start, end, used, held } => {
                let (begins, ends) = period(now, window);
                if (*start, *end) != (begins, ends) {
                    (*start, *end, *used, *held) = (begins, ends, 0, 0);
                }
                *held = held.saturating_add(amount);
                begins
            }
        }
    }

    /// Puts `actual` in the place of what was `counted` at `at`, of which `held` is still held.
    pub(super) fn settle(&mut self, now: Timestamp, at: u64, held: u64, counted: u64, actual: u64) {
        match self {
            Self::Level(level) => *level = level.saturating_sub(held),
            // What is past its window counts no more, whatever it was.
            Self::Log { window, .. } if at.saturating_add(*window) <= now.0 => {}
            // It may have been taken together with later ones, never with earlier ones.
            Self::Log { entries, .. } => {
                if let Some((_, n)) = entries.iter_mut().find(|(other, _)| at <= *other) {
                    *n = n.saturating_sub(counted).saturating_add(actual);
                }
            }
            Self::Period { start, used, held: all, .. } if *start == at => {
                *all = all.saturating_sub(held);
                *used = used.saturating_add(actual);
            }
            // A period that is over counts for nobody.
            Self::Period { .. } => {}
        }
    }

    /// Returns `amount` that was reserved at `at`.
    pub(super) fn lapse(&mut self, at: u64, amount: u64) {
        match self {
            Self::Level(level) => *level = level.saturating_sub(amount),
            // Windows forget by themselves.
            Self::Log { .. } => {}
            Self::Period { start, held, .. } if *start == at => *held = held.saturating_sub(amount),
            Self::Period { .. } => {}
        }
    }

    /// In how many milliseconds nothing counts any more.
    pub(super) fn reset(&self, now: Timestamp, window: Window) -> Option<u64> {
        match self {
            Self::Level(_) => None,
            Self::Log { window, entries } => {
                Some(entries.last().map_or(0, |(at, _)| at.saturating_add(*window).saturating_sub(now.0)))
            }
            Self::Period { .. } => period(now, window).1.map(|end| end.saturating_sub(now.0)),
        }
    }

    /// Whether it counts nothing and will not again.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match self {
            Self::Level(level) => *level == 0,
            Self::Log { window, entries } => live(entries, *window, now).next().is_none(),
            Self::Period { end, .. } => end.is_some_and(|end| end <= now.0),
        }
    }
}

/// The entries that still count.
fn live(entries: &[(u64, u64)], window: u64, now: Timestamp) -> impl Iterator<Item = (u64, u64)> {
    entries.iter().copied().filter(move |(at, _)| now.0 < at.saturating_add(window))
}

/// Takes entries of one stretch of `width` milliseconds together, at the latest one's time.
fn merge(entries: &mut Vec<(u64, u64)>, width: u64) {
    entries.dedup_by(|later, earlier| {
        let same = later.0 / width == earlier.0 / width;
        if same {
            *earlier = (later.0, earlier.1.saturating_add(later.1));
        }
        same
    });
}

/// The period of `window` that `now` is in: when it began, and when it ends if it does.
fn period(now: Timestamp, window: Window) -> (u64, Option<u64>) {
    let day = now.0 - now.0 % DAY;
    match window {
        Window::Total | Window::Now | Window::Last(_) => (0, None),
        Window::Day => (day, Some(day.saturating_add(DAY))),
        Window::Week => {
            // 1970-01-01 was a Thursday, three days after a Monday.
            let since_monday = (day / DAY + 3) % 7;
            let monday = day.saturating_sub(since_monday * DAY);
            (monday, Some(monday.saturating_add(7 * DAY)))
        }
        Window::Month => {
            let first = |at: Timestamp| {
                let date = at.date();
                date.get(..8).and_then(|month| Timestamp::from_date(&format!("{month}01")))
            };
            let start = first(now).unwrap_or(Timestamp(day));
            // No month is longer than 31 days, and none shorter than 28.
            let next = first(start.plus(Duration::from_millis(31 * DAY)))
                .filter(|next| start < *next)
                .unwrap_or(start.plus(Duration::from_millis(31 * DAY)));
            (start.0, Some(next.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str) -> Timestamp {
        Timestamp::from_date(date).unwrap()
    }

    #[test]
    fn periods_follow_the_calendar() {
        let noon = at("2026-11-21").plus(Duration::from_secs(43_200)); // a Saturday
        for (window, start, end) in [
            (Window::Day, "2026-11-21", "2026-11-22"),
            (Window::Week, "2026-11-16", "2026-11-23"),
            (Window::Month, "2026-11-01", "2026-12-01"),
        ] {
            assert_eq!(period(noon, window), (at(start).0, Some(at(end).0)), "{window:?}");
        }
        assert_eq!(period(at("2026-12-31"), Window::Month).1, Some(at("2027-01-01").0));
        assert_eq!(period(at("2028-02-29"), Window::Month), (at("2028-02-01").0, Some(at("2028-03-01").0)));
        assert_eq!(period(noon, Window::Total), (0, None));
    }

    #[test]
    fn a_window_is_exact_to_the_millisecond_while_entries_are_few() {
        let window = Window::Last(60_000);
        let mut meter = Meter::new(window);
        for millisecond in [0, 1_500, 30_250] {
            meter.reserve(Timestamp(100_000 + millisecond), window, 1);
        }
        let refused = |meter: &Meter, now: u64| meter.refusal(Timestamp(now), window, 3, 1);
        assert_eq!(refused(&meter, 131_000), Some((Reason::Rate, Some(29_000))));
        assert_eq!(refused(&meter, 159_999), Some((Reason::Rate, Some(1))));
        assert_eq!(refused(&meter, 160_000), None);
        assert_eq!(meter.refusal(Timestamp(131_000), window, 3, 3).unwrap().1, Some(59_250));
        assert_eq!(meter.refusal(Timestamp(131_000), window, 3, 4), Some((Reason::TooLarge, None)));
        assert_eq!(meter.reset(Timestamp(131_000), window), Some(59_250));
    }

    #[test]
    fn many_entries_stay_few_and_never_count_too_short() {
        let window = Window::Last(60_000);
        let mut meter = Meter::new(window);
        for millisecond in 0..60_000 {
            meter.reserve(Timestamp(millisecond), window, 1);
            let Meter::Log { entries, .. } = &meter else { panic!("a log") };
            assert!(entries.len() <= ENTRIES + 1);
        }
        assert_eq!(meter.counted(Timestamp(59_999), window), 60_000);
        assert!(60_000 - 30_000 <= meter.counted(Timestamp(90_000), window));
        assert!(meter.counted(Timestamp(90_000), window) <= 31_000);
    }
}
