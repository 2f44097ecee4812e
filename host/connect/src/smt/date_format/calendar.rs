//! Days and their names in Java's calendar.

pub(super) const DAY_MS: i64 = 86_400_000;
/// 15 October 1582, in days since 1970: the first Gregorian one.
pub(super) const CUTOVER: i64 = -141_427;
pub(super) const CUTOVER_YEAR: i64 = 1582;

/// An instant, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    /// Days since 1970.
    pub(super) days: i64,
    pub(super) ms_of_day: i64,
    /// Zero is 1 BC.
    pub(super) year: i64,
    /// From zero.
    pub(super) month: i64,
    pub(super) day: i64,
}

impl Calendar {
    pub(super) fn of(ms: i64) -> Calendar {
        let days = ms.div_euclid(DAY_MS);
        let (year, month, day) = date_of(days);
        Calendar { days, ms_of_day: ms.rem_euclid(DAY_MS), year, month, day }
    }

    /// From Sunday, which is zero.
    pub(super) fn weekday(&self) -> i64 {
        weekday(self.days)
    }

    pub(super) fn day_of_year(&self) -> i64 {
        self.days - day_of(self.year, 0, 1) + 1
    }

    /// Weeks begin on Sunday, and the one with 1 January is the first.
    pub(super) fn week_of_year(&self) -> i64 {
        if self.week_year() > self.year {
            return 1;
        }
        let new_year = day_of(self.year, 0, 1);
        (self.days - new_year + weekday(new_year)) / 7 + 1
    }

    pub(super) fn week_of_month(&self) -> i64 {
        (self.day - 1 + weekday(self.days - self.day + 1)) / 7 + 1
    }

    pub(super) fn week_year(&self) -> i64 {
        let saturday = self.days - self.weekday() + 6;
        self.year + i64::from(saturday >= day_of(self.year + 1, 0, 1))
    }
}

/// From Sunday, which is zero.
pub(super) fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// The last day at or before `days` with that weekday.
pub(super) fn weekday_on_or_before(days: i64, wanted: i64) -> i64 {
    days - (weekday(days) - wanted).rem_euclid(7)
}

/// Days since 1970 of a date.
pub(super) fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let gregorian = days_before(year, month, true) + day - 1;
    if gregorian >= CUTOVER { gregorian } else { days_before(year, month, false) + day - 1 }
}

/// Days from 1970 to the first of a month, which may lie outside its range. Years are counted from March, so that the leap day is the last.
pub(super) fn days_before(year: i64, month: i64, gregorian: bool) -> i64 {
    let (year, month) = (year + month.div_euclid(12), month.rem_euclid(12));
    let (year, from_march) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let centuries = year.div_euclid(100);
    let leap_days = year.div_euclid(4) + if gregorian { centuries.div_euclid(4) - centuries } else { -2 };
    365 * year + leap_days + (153 * from_march + 2) / 5 - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let gregorian = days >= CUTOVER;
    // A first guess, at most one year off.
    let length = if gregorian { 365.242_5 } else { 365.25 };
    let mut year = 1970 + (days as f64 / length).floor() as i64;
    let new_year = |year: i64| days_before(year, 0, gregorian);
    while new_year(year) > days {
        year -= 1;
    }
    while new_year(year + 1) <= days {
        year += 1;
    }
    let mut month = ((days - new_year(year)) / 31).min(11);
    while month < 11 && days_before(year, month + 1, gregorian) <= days {
        month += 1;
    }
    (year, month, days - days_before(year, month, gregorian) + 1)
}
