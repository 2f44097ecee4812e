use super::*;

fn format(text: &str) -> Format {
    text.to_owned().try_into().unwrap()
}

fn converted(from: &str, written: &str, to: &str, offset: &str) -> String {
    let offset = super::offset(offset).unwrap();
    let time = format(from).read(written.as_bytes(), offset).unwrap();
    String::from_utf8(format(to).write(time, offset)).unwrap()
}

#[test]
fn a_moment_is_the_same_for_unix_and_the_calendar() {
    for nanoseconds in
        [0, 1, -1, 999_999_999, -999_999_999, -1_000_000_000, 253_402_207_200_999_999_999, -377_705_023_201_000_000_000]
    {
        let time = Timestamp::from_nanosecond(nanoseconds).unwrap();
        let written = format("unix_ns").write(time, Offset::UTC);
        assert_eq!(written, nanoseconds.to_string().into_bytes());
        assert_eq!(format("unix_ns").read(&written, Offset::UTC), Ok(time));
    }
}

#[test]
fn a_time_goes_from_each_format_into_each() {
    let same = [
        ("unix_s", "1638747660"),
        ("unix_ms", "1638747660000"),
        ("unix_us", "1638747660000000"),
        ("unix_ns", "1638747660000000000"),
        ("iso8601", r#""2021-12-05T23:41:00Z""#),
        ("%d/%m/%Y %H:%M:%S %z", r#""05/12/2021 23:41:00 +0000""#),
        ("%s", r#""1638747660""#),
    ];
    for (from, written) in same {
        for (to, expected) in same {
            assert_eq!(converted(from, written, to, "+00:00"), expected, "{from} {to}");
        }
    }
}

#[test]
fn no_digit_is_lost_and_a_coarser_unit_ends_in_the_past() {
    assert_eq!(converted("unix_ns", "1638747660000000001", "iso8601", "+00:00"), r#""2021-12-05T23:41:00.000000001Z""#);
    assert_eq!(converted("unix_ns", "\"1638747660000000001\"", "unix_ns", "+00:00"), "1638747660000000001");
    assert_eq!(converted("iso8601", r#""2021-12-05T23:41:00.999999Z""#, "unix_ms", "+00:00"), "1638747660999");
    assert_eq!(converted("iso8601", r#""1969-12-31T23:59:59.5Z""#, "unix_s", "+00:00"), "-1");
    assert_eq!(converted("iso8601", r#""2016-12-31T23:59:60Z""#, "unix_s", "+00:00"), "1483228799");
}

#[test]
fn the_offset_is_where_times_are_written_and_those_without_one_are_read() {
    assert_eq!(converted("unix_s", "1638747660", "iso8601", "+02:00"), r#""2021-12-06T01:41:00+02:00""#);
    assert_eq!(converted("iso8601", r#""2021-12-06 01:41:00""#, "unix_s", "+02:00"), "1638747660");
    assert_eq!(converted("iso8601", r#""2021-12-05T18:41:00-05:00""#, "unix_s", "+02:00"), "1638747660");
    assert_eq!(converted("iso8601", r#""2021-12-05T23:41:00Z""#, "unix_s", "+02:00"), "1638747660");
    assert_eq!(converted("iso8601", r#""2021-12-05T18:41:00-05:00[America/New_York]""#, "unix_s", "+02:00"), "1638747660");
    assert_eq!(converted("%Y-%m-%d %H:%M", r#""2021-12-06 01:41""#, "unix_s", "+02:00"), "1638747660");
    assert_eq!(converted("%Y-%m-%d %H:%M %:z", r#""2021-12-05 18:41 -05:00""#, "unix_s", "+02:00"), "1638747660");
    assert_eq!(converted("%Y%m%d", r#""20211206""#, "iso8601", "+02:00"), r#""2021-12-06T00:00:00+02:00""#);
}

#[test]
fn what_is_no_time_says_why() {
    let why = |from: &str, written: &str| format(from).read(written.as_bytes(), Offset::UTC).unwrap_err();
    assert_eq!(why("unix_ms", "\"x\""), "is neither a number nor text that is one");
    assert_eq!(why("unix_ms", "true"), "is neither a number nor text that is one");
    for beyond in ["1638747660000", "253402300801", "-377705116801", "1e400"] {
        assert_eq!(why("unix_s", beyond), "is out of range: times lie in the years -9999 to 9999", "{beyond}");
    }
    assert_eq!(why("iso8601", "7"), "is not text");
    assert_eq!(why("iso8601", r#""yesterday""#), "is not a time as ISO 8601 has it, such as `2021-12-05T23:41:00Z`");
    assert_eq!(why("iso8601", r#""2021-02-30T00:00:00Z""#), "is not a time as ISO 8601 has it, such as `2021-12-05T23:41:00Z`");
    assert_eq!(why("%d/%m/%Y", r#""2021-12-05""#), "is not a time as `%d/%m/%Y` has it");
}

#[test]
fn a_pattern_that_says_no_time_is_refused() {
    for good in ["%F %T%.f", "%s", "%A, %d %B %Y %I:%M %p", "%Y-%j"] {
        assert_eq!(format(good).check_reads(), Ok(()), "{good}");
    }
    for bad in ["%H:%M", "%Y", "%q %F", "%c"] {
        assert!(format(bad).check_reads().unwrap_err().contains("does not say a time"), "{bad}");
    }
    assert_eq!(format("%H:%M").check_writes(), Ok(()));
    assert!(format("%J").check_writes().unwrap_err().contains("stands for nothing"));
    assert!(format("%F %Q").check_reads().unwrap_err().contains("only offsets are known here"));
    assert!(Format::try_from("unix".to_owned()).unwrap_err().starts_with("`unix` is no format: there are `unix_s`"));
}
