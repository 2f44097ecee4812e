//! How texts, whole numbers, dates and times are written.

/// Bytes that do not stand for themselves in a JSON string.
pub(crate) const IS_ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escaped[byte] = true;
        byte += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped
};

/// A JSON string.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    letters(text, out);
    out.push(b'"');
}

/// What stands between the quotes of a JSON string.
pub(super) fn letters(text: &str, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| IS_ESCAPED[usize::from(*byte)]) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            special @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', special]),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b'\t' => out.extend_from_slice(br"\t"),
            control => {
                out.extend_from_slice(br"\u00");
                out.extend_from_slice(&[HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

pub(super) fn integer(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// `2021-12-05T23:41:00.123Z`; beyond the year 9999 the milliseconds.
pub(super) fn instant(ms: i64, out: &mut Vec<u8>) {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(timestamp) => out.extend_from_slice(format!("{timestamp:.3}").as_bytes()),
        Err(_) => integer(ms, out),
    }
}

/// `23:41:00.123` and `zone`.
pub(super) fn time(ms: i64, zone: &str, out: &mut Vec<u8>) {
    let ms = ms.rem_euclid(86_400_000);
    let (hours, minutes, seconds, millis) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    out.extend_from_slice(format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}{zone}").as_bytes());
}
