//! What a person sees when something is wrong, and the exit code that a script sees.
//!
//! ```text
//! error: pipeline `klines` cannot use Kafka
//!   because: topic `binance_kline` does not exist
//!
//! hint: create the topic, or correct its name in `topics`
//! ```

use std::error::Error;
use std::fmt::Write as _;

use snowgate_record::ErrorClass;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    /// The configuration is wrong, or something else that a person must change.
    Config,
    /// Kafka or Snowflake cannot be reached.
    Unreachable,
}

impl Exit {
    /// How a process ends that could not start for an error of this class.
    pub(crate) fn of(class: ErrorClass) -> Exit {
        match class {
            ErrorClass::Config => Exit::Config,
            ErrorClass::Transient => Exit::Unreachable,
            ErrorClass::Reopen | ErrorClass::Record | ErrorClass::Fatal => Exit::Failed,
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Config => 2,
            Exit::Unreachable => 3,
        }
    }
}

/// The error, its causes, and what to do about it.
pub(crate) fn explain(error: &dyn Error, hint: Option<&str>) -> String {
    let mut text = format!("error: {error}");
    for cause in causes(error) {
        write!(text, "\n  because: {cause}").expect("writing to a string does not fail");
    }
    if let Some(hint) = hint {
        write!(text, "\n\nhint: {hint}").expect("writing to a string does not fail");
    }
    text.push('\n');
    text
}

/// As [`explain`], for where an error is shown as one: a trace, a message of the REST interface.
pub(crate) fn trace(error: &dyn Error, hint: Option<&str>) -> String {
    explain(error, hint).trim_start_matches("error: ").trim_end().to_owned()
}

/// The text of each cause, from the nearest to the first.
pub(crate) fn causes(error: &dyn Error) -> Vec<String> {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not start partition 3 of `orders`")]
    struct Outer {
        source: Middle,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("channel `orders_3` could not be opened on `RAW.KAFKA.ORDERS`")]
    struct Middle {
        source: Inner,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("Snowflake answered 403: role `LOADER` may not use this table")]
    struct Inner;

    #[test]
    fn an_error_is_explained_down_to_its_first_cause() {
        let error = Outer { source: Middle { source: Inner } };
        assert_eq!(
            explain(&error, Some("grant the role its privileges, then run `snowgate check`")),
            "error: could not start partition 3 of `orders`\n  \
               because: channel `orders_3` could not be opened on `RAW.KAFKA.ORDERS`\n  \
               because: Snowflake answered 403: role `LOADER` may not use this table\n\n\
             hint: grant the role its privileges, then run `snowgate check`\n"
        );
        assert_eq!(explain(&Inner, None), "error: Snowflake answered 403: role `LOADER` may not use this table\n");
    }

    #[test]
    fn the_exit_code_tells_a_wrong_configuration_from_an_unreachable_service() {
        let code = |class| Exit::of(class).code();
        assert_eq!(code(ErrorClass::Config), 2);
        assert_eq!(code(ErrorClass::Transient), 3);
        assert_eq!(code(ErrorClass::Fatal), 1);
        assert_eq!(Exit::Done.code(), 0);
    }
}
