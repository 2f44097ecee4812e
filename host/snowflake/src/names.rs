//! Names that both sides agree on: from topics to tables, channels and pipes, and from names to SQL.
//!
//! Tables are named from topics as the Kafka connector (version 3) does, so a user's table is found again: a topic that is an
//! identifier names its table as it stands, any other gets its bad characters replaced and a hash of the whole topic appended.
//! Such names are used without quotes there, so Snowflake folds them to upper case; here they are upper case from the start, and a
//! name in this program is always the one that the object has in Snowflake.

/// What Snowflake allows in an identifier, in characters.
const MAX_IDENTIFIER: usize = 255;

/// A name that no Snowflake object can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name is empty")]
    Empty,
    #[error("name `{0}` is longer than 255 characters")]
    TooLong(String),
    #[error("name `{0}` needs double quotes around it, as it is not letters, digits, `_` and `$` alone")]
    NeedsQuotes(String),
    #[error("name `{0}` has a double quote that is not doubled, or lacks its last one")]
    Unbalanced(String),
}

/// The table that rows of `topic` go to when the config names none.
pub fn table_for_topic(topic: &str) -> String {
    if is_object_identifier(topic) {
        return topic.to_ascii_uppercase();
    }
    let mut name = String::with_capacity(topic.len() + 16);
    let stripped = topic.replace(".*", "");
    if !stripped.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic()) {
        name.push('_');
    }
    // Java sees UTF-16 units: a character outside the basic plane becomes two underscores.
    name.extend(stripped.encode_utf16().map(|unit| match u8::try_from(unit) {
        Ok(byte) if byte == b'_' || byte == b'$' || byte.is_ascii_alphanumeric() => char::from(byte),
        _ => '_',
    }));
    name.push('_');
    // `wrapping_abs`, as Java's `Math.abs` leaves the smallest number negative.
    name.push_str(&java_hash(topic).wrapping_abs().to_string());
    name.to_ascii_uppercase()
}

/// The connector's test for a topic that can be a table's name as it stands. One letter alone is not enough.
fn is_object_identifier(topic: &str) -> bool {
    topic.len() >= 2 && is_unquoted(topic)
}

/// Whether SQL takes `name` without quotes.
fn is_unquoted(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && bytes.all(|byte| byte == b'_' || byte == b'$' || byte.is_ascii_alphanumeric())
}

/// Java's `String.hashCode`.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The channel of a topic's partition. No two share a name: the partition is what follows the last underscore.
pub fn channel_name(topic: &str, partition: i32) -> String {
    format!("{topic}_{partition}")
}

/// The pipe that Snowflake makes for every table.
pub fn default_pipe(table: &str) -> String {
    format!("{table}-STREAMING")
}

/// Reads an identifier as SQL does: without quotes it is folded to upper case, with them it is taken as it stands.
pub fn parse_identifier(written: &str) -> Result<String, NameError> {
    let name = match written.strip_prefix('"') {
        Some(quoted) => unquote(quoted).ok_or_else(|| NameError::Unbalanced(written.to_owned()))?,
        None if written.is_empty() => return Err(NameError::Empty),
        None if is_unquoted(written) => written.to_ascii_uppercase(),
        None => return Err(NameError::NeedsQuotes(written.to_owned())),
    };
    match name.chars().count() {
        0 => Err(NameError::Empty),
        1..=MAX_IDENTIFIER => Ok(name),
        _ => Err(NameError::TooLong(name)),
    }
}

/// What stands between quotes; `quoted` is what follows the first.
fn unquote(quoted: &str) -> Option<String> {
    let inner = quoted.strip_suffix('"')?;
    let halves: Vec<&str> = inner.split("\"\"").collect();
    if halves.iter().any(|half| half.contains('"')) { None } else { Some(halves.join("\"")) }
}

/// `name` as SQL text that means exactly this name.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_topic_that_is_an_identifier_names_its_table_in_upper_case() {
        assert_eq!(table_for_topic("binance_kline"), "BINANCE_KLINE");
        assert_eq!(table_for_topic("_t$1"), "_T$1");
        assert_eq!(table_for_topic("RAW"), "RAW");
    }

    #[test]
    fn other_topics_get_a_hash_so_that_no_two_share_a_table() {
        // The hashes are Java's of the whole topic.
        assert_eq!(table_for_topic("a"), "A_97");
        assert_eq!(table_for_topic("snowflake-sink"), "SNOWFLAKE_SINK_1996731346");
        assert_eq!(table_for_topic("1ab"), format!("_1AB_{}", i32::from(b'1') * 961 + 97 * 31 + 98));
        assert_eq!(table_for_topic("-a"), format!("__A_{}", 45 * 31 + 97));
        assert_ne!(table_for_topic("a.b"), table_for_topic("a-b"));
    }

    #[test]
    fn the_smallest_hash_stays_negative_as_in_java() {
        // A text whose hash is i32::MIN.
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(table_for_topic("polygenelubricants"), "POLYGENELUBRICANTS");
        assert_eq!(java_hash("polygenelubricants").wrapping_abs(), i32::MIN);
    }

    #[test]
    fn an_identifier_is_read_as_sql_reads_it() {
        assert_eq!(parse_identifier("crypto_db").as_deref(), Ok("CRYPTO_DB"));
        assert_eq!(parse_identifier("a").as_deref(), Ok("A"));
        assert_eq!(parse_identifier(r#""binance_kline""#).as_deref(), Ok("binance_kline"));
        assert_eq!(parse_identifier(r#""say ""hi""""#).as_deref(), Ok(r#"say "hi""#));
        assert_eq!(parse_identifier(r#""a""""#).as_deref(), Ok(r#"a""#));
        assert_eq!(parse_identifier(""), Err(NameError::Empty));
        assert_eq!(parse_identifier(r#""""#), Err(NameError::Empty));
        assert_eq!(parse_identifier("a.b"), Err(NameError::NeedsQuotes("a.b".into())));
        assert_eq!(parse_identifier("1a"), Err(NameError::NeedsQuotes("1a".into())));
        for unbalanced in [r#"""#, r#""a"#, r#""a"b""#, r#"""""#] {
            assert_eq!(parse_identifier(unbalanced), Err(NameError::Unbalanced(unbalanced.into())));
        }
        assert!(matches!(parse_identifier(&"a".repeat(256)), Err(NameError::TooLong(_))));
        assert!(parse_identifier(&"a".repeat(255)).is_ok());
    }

    #[test]
    fn channels_and_pipes_are_named_as_the_connector_and_snowflake_do() {
        assert_eq!(channel_name("binance_kline", 3), "binance_kline_3");
        assert_eq!(default_pipe("BINANCE_KLINE"), "BINANCE_KLINE-STREAMING");
    }

    proptest! {
        #[test]
        fn a_quoted_name_is_read_back_as_it_was(name in ".{1,40}") {
            prop_assert_eq!(parse_identifier(&quote_identifier(&name)), Ok(name));
        }

        #[test]
        fn no_two_partitions_share_a_channel(a in "[a-b_.]{1,4}", b in "[a-b_.0-9]{1,4}", p in 0..20i32, q in 0..20i32) {
            prop_assume!((&a, p) != (&b, q));
            prop_assert_ne!(channel_name(&a, p), channel_name(&b, q));
        }

        #[test]
        fn every_topic_names_a_table_that_needs_no_quotes(topic in "[a-zA-Z0-9._-]{1,60}") {
            prop_assert!(is_unquoted(&table_for_topic(&topic)), "{}", table_for_topic(&topic));
        }
    }
}
