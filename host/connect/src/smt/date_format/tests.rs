//! Against what the original says, on Java 17.

use super::DateFormat;

fn format(pattern: &str, ms: i64) -> String {
    DateFormat::new(pattern).expect(pattern).format(ms)
}

fn parse(pattern: &str, text: &str) -> Option<i64> {
    DateFormat::new(pattern).expect(pattern).parse(text)
}

#[test]
fn every_letter_is_written_as_java_does() {
    for (pattern, sunday, before_1970, before_christ) in [
        ("yyyy yy y yyyyy", "2021 21 2021 02021", "1969 69 1969 01969", "0001 01 1 00001"),
        (
            "M MM MMM MMMM MMMMM LLL",
            "12 12 Dec December December Dec",
            "12 12 Dec December December Dec",
            "12 12 Dec December December Dec",
        ),
        ("d dd D F w ww W", "5 05 339 1 50 50 2", "31 31 365 5 1 01 5", "31 31 366 5 1 01 5"),
        ("E EEEE u uu G", "Sun Sunday 7 07 AD", "Wed Wednesday 3 03 AD", "Fri Friday 5 05 BC"),
        ("H k K h a m s S SSSS", "23 23 11 11 PM 41 0 123 0123", "23 23 11 11 PM 59 59 999 0999", "23 23 11 11 PM 59 59 999 0999"),
        (
            "z zzzz Z X XXX",
            "UTC Coordinated Universal Time +0000 Z Z",
            "UTC Coordinated Universal Time +0000 Z Z",
            "UTC Coordinated Universal Time +0000 Z Z",
        ),
        ("'o''clock' ''", "o'clock '", "o'clock '", "o'clock '"),
    ] {
        assert_eq!(format(pattern, 1_638_747_660_123), sunday);
        assert_eq!(format(pattern, -1), before_1970);
        assert_eq!(format(pattern, -62_135_769_600_001), before_christ);
    }
    assert_eq!(format("H k K h", 0), "0 24 0 12");
    assert_eq!(format("YYYY-ww", 1_640_908_800_000), "2022-01");
    assert_eq!(format("yyyy", 253_402_300_800_000), "10000");
}

#[test]
fn the_calendar_is_julian_before_the_15th_of_october_1582() {
    assert_eq!(format("yyyy-MM-dd", -12_219_292_800_000), "1582-10-15");
    assert_eq!(format("yyyy-MM-dd", -12_219_292_800_001), "1582-10-04");
    assert_eq!(format("yyyy-MM-dd", -20_000_000_000_000), "1336-03-15");
    assert_eq!(parse("yyyy-MM-dd", "1582-10-10"), Some(-12_218_860_800_000));
    assert_eq!(parse("yyyy", "1582"), Some(-12_243_225_600_000));
    assert_eq!(parse("yyyy-MM-dd", "1500-03-01"), Some(-14_825_808_000_000));
    assert_eq!(parse("yyyy-MM-dd", "0000-00-00"), Some(-62_170_156_800_000));
    assert_eq!(parse("G yyyy", "BC 5"), Some(-62_293_622_400_000));
}

#[test]
fn the_ends_of_time_are_written_without_overflow() {
    assert_eq!(format("yyyy-MM-dd HH:mm:ss.SSS", i64::MAX), "292278994-08-17 07:12:55.807");
    assert_eq!(format("yyyy-MM-dd HH:mm:ss.SSS", i64::MIN), "292269055-12-02 16:47:04.192");
}

#[test]
fn dates_are_read_as_leniently_as_java_does() {
    for (pattern, text, ms) in [
        ("yyyy-MM-dd", "21-1-2", -61_504_531_200_000),
        ("yyyy-MM-dd", "2021-1-2", 1_609_545_600_000),
        ("yyyy-MM-dd", "-5-01-01", -62_325_158_400_000),
        ("yyyyMMdd", "2021125", 1_638_662_400_000),
        ("yyyyMMdd", "202112055", 1_642_982_400_000),
        ("yyyyMM", " 202103", -55_524_614_400_000),
        ("HH:mm", "25:61", 93_660_000),
        ("hh:mm a", "12:41 am", 2_460_000),
        ("KK a", "0 PM", 43_200_000),
        ("kk", "24", 0),
        ("H a", "13 AM", 46_800_000),
        ("MMM", "DECEMBER", 28_857_600_000),
        ("EEE yyyy", "Mon 2021", 1_609_718_400_000),
        ("yyyy u", "2021 3", 1_609_891_200_000),
        ("yyyy D", "2021 400", 1_643_932_800_000),
        ("YYYY ww u", "2021 49 1", 1_638_144_000_000),
        ("ww", "49", 28_684_800_000),
        ("yyyy ww", "2021 49", 1_638_057_600_000),
        ("yyyy-MM W", "2021-12 2", 1_638_662_400_000),
        ("yyyy-MM F E", "2021-12 2 Mon", 1_639_353_600_000),
        ("yyyy-MM F", "2021-12 2", 1_639_267_200_000),
        ("YYYY-MM-dd", "2021-12-05", 1_609_027_200_000),
        ("yyyy-MM-dd E", "2021-12-05 Mon", 1_638_662_400_000),
        ("yyyy MM", "2021   3", 1_614_556_800_000),
        ("HH", "1.9", 3_600_000),
        ("d", "-5", -518_400_000),
        ("dd", "45", 3_801_600_000),
        ("yyyy", "99999999999", 1_471_883_220_702_496_768),
        ("SSS", "99999999999999999999", 2_147_483_647),
    ] {
        assert_eq!(parse(pattern, text), Some(ms), "{text} as {pattern}");
    }
    for (pattern, text) in [
        ("MMM", "13"),
        ("yyyy MM", "2021\t3"),
        ("yyyy  MM", "2021 3"),
        ("yyyy'y'", "2021"),
        ("d", "+5"),
        ("E", "xyz"),
        ("ss.SSS", "5"),
        ("yyyy", ""),
    ] {
        assert_eq!(parse(pattern, text), None, "{text} as {pattern}");
    }
}

#[test]
fn a_year_of_two_digits_is_never_more_than_80_years_ago() {
    let pattern = DateFormat { century_start: -730_000_000_000, ..DateFormat::new("yy").expect("a pattern") };
    // The hundred years begin on 13 November 1946.
    assert_eq!(pattern.parse("46"), Some(2_398_377_600_000));
    assert_eq!(pattern.parse("47"), Some(-725_846_400_000));
    assert_eq!(pattern.parse("21"), Some(1_609_459_200_000));
    assert_eq!(pattern.parse("1"), Some(-62_135_769_600_000));
}

#[test]
fn zones_are_read_in_the_form_the_letter_asks_for() {
    for (pattern, text, ms) in [
        ("z", "EST", Some(18_000_000)),
        ("z", "CEST", Some(-7_200_000)),
        ("z", "+0100", Some(-3_600_000)),
        ("Z", "GMT+02:00", Some(-7_200_000)),
        ("Z", "-0530", Some(19_800_000)),
        ("X", "+0130", Some(-3_600_000)),
        ("XX", "+0130", Some(-5_400_000)),
        ("XXX", "+01:30", Some(-5_400_000)),
        ("Z", "+01:00", None),
        ("XX", "+01:30", None),
        ("XXX", "+0130", None),
        ("z", "GMT+1", None),
        ("z", "Z", None),
    ] {
        assert_eq!(parse(pattern, text), ms, "{text} as {pattern}");
    }
}

#[test]
fn a_pattern_that_java_refuses_is_refused_in_its_words() {
    for (pattern, why) in
        [("bogus", "Illegal pattern character 'b'"), ("yyyy'", "Unterminated quote"), ("XXXX", "invalid ISO 8601 format: length=4")]
    {
        assert_eq!(DateFormat::new(pattern).expect_err(pattern), why);
    }
}

/// Patterns put together by chance, each with an instant, what Java writes, a text that is close to it, and what Java reads in that.
#[test]
fn patterns_made_by_chance_are_written_and_read_as_java_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/connect/simple-date-format.tsv");
    let lines = std::fs::read_to_string(path).expect("the fixture");
    let mut different = Vec::new();
    for line in lines.lines() {
        let [pattern, ms, written, text, read] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        // Java was asked 80 years later.
        let format = DateFormat { century_start: -729043200000, ..DateFormat::new(pattern).expect(pattern) };
        let again = format.parse(text).map_or("ERR".to_owned(), |ms| ms.to_string());
        let ours = (format.format(ms.parse().expect(ms)), again);
        if (ours.0.as_str(), ours.1.as_str()) != (written, read) {
            different.push(format!("{line}: {ours:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(lines.lines().count(), 700);
}
