//! Patterns for texts, as operators write them in options: `*` stands for any characters or none, `?` for exactly one.
//!
//! ```
//! use snowgate_plugin::pattern;
//!
//! assert!(pattern::matches(b"BTC*", b"BTCUSDT"));
//! assert!(!pattern::matches(b"BTC?", b"BTCUSDT"));
//! ```

/// Whether the whole of `text` is as `pattern` says.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how far into the text it reaches so far. An earlier star never has to give way again.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += width(&text[t..]);
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, reach)) = star else { return false };
                let reach = reach + width(&text[reach..]);
                star = Some((at, reach));
                (p, t) = (at + 1, reach);
            }
        }
    }
    t == text.len() && pattern[p..].iter().all(|byte| *byte == b'*')
}

/// How many bytes the first character has.
fn width(text: &[u8]) -> usize {
    let width = match text[0] {
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
        _ => 1,
    };
    width.min(text.len())
}

#[cfg(test)]
mod tests {
    fn matches(pattern: &str, text: &str) -> bool {
        super::matches(pattern.as_bytes(), text.as_bytes())
    }

    #[test]
    fn a_pattern_says_what_the_whole_text_is() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "BTC"),
            ("BTC*", "BTC"),
            ("*USDT", "BTCUSDT"),
            ("B*T*T", "BTCUSDT"),
            ("*T*", "ETH"),
            ("A**B", "AB"),
            ("?", "é"),
            ("*?", "日"),
            ("a?c*", "abcd"),
            ("*ab*ab", "abxabab"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "A"),
            ("BTC*", "XBTC"),
            ("*USDT", "USDTX"),
            ("AB*BC", "ABC"),
            ("*X*X*", "AXB"),
            ("A*B*C", "ACB"),
            ("?", ""),
            ("??", "é"),
            ("*??", "日"),
            ("btc", "BTC"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_match_without_harm() {
        assert!(super::matches(b"*", &[0xff, 0xfe]));
        assert!(!super::matches(b"?", &[0xff, b'a', b'b', b'c', b'd']));
        assert!(super::matches(b"?*", &[0xff]));
    }
}
