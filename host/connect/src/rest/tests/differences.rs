//! Where our answers differ from the original's: capture, step, reason. Steps are counted from 0, waits included.

const UNREACHABLE: &str =
    "such a name can be addressed and deleted here; the original answers with a page of HTML and keeps the connector for ever";
const NO_SOURCES: &str = "there are no source connectors here";
const OWN_PARSER: &str = "the words of our JSON parser; the status is the same";
const COMMIT: &str = "the commit says which program answers";
const LOGIN: &str = "how the consumer logs in is read before the connector is taken, so that it does not fail later";
const NAME_KEPT: &str = "a patch cannot give the configuration another connector's name; the original keeps such a configuration";
const AFTER_NAME: &str = "follows from the patch of the name that was refused";
const REAL_OFFSETS: &str =
    "moving offsets is real here, for the channels' tokens move along: the answer of a connector that has a hook";
const REASON: &str = "the reason stands behind the original's words";
const OWN_OPTION: &str = "an option of the sink that was swapped for Snowflake's";
const NOT_UP: &str = "we answer as soon as we listen; the original answers with a page of HTML until its application is loaded";

pub(crate) const DIFFERENCES: &[(&str, usize, &str)] = &[
    ("alt-config-provider", 4, "needs an environment variable of the recorded worker; providers have tests of their own"),
    ("alt-response-headers", 0, COMMIT),
    ("connectors-double-slash", 0, "an empty segment is no path: 404 as JSON instead of 400 as HTML"),
    ("create-bad-json", 0, OWN_PARSER),
    ("create-bad-utf8", 0, OWN_PARSER),
    ("create-not-json", 0, OWN_PARSER),
    ("invalid-connector-option", 0, OWN_OPTION),
    (
        "invalid-transform-predicate-missing",
        0,
        "a predicate that is not there is told at once; the original takes the connector and its tasks fail",
    ),
    ("name-backslash", 3, UNREACHABLE),
    ("name-backslash", 4, UNREACHABLE),
    ("name-backslash", 5, UNREACHABLE),
    ("name-backslash", 6, UNREACHABLE),
    ("name-colon-at", 3, "the recording caught the original in a rebalance; there are none here"),
    ("name-percent", 3, UNREACHABLE),
    ("name-percent", 4, UNREACHABLE),
    ("name-percent", 5, UNREACHABLE),
    ("name-percent", 6, UNREACHABLE),
    ("name-slash", 0, "the Location works: its slash is encoded"),
    ("name-slash", 3, UNREACHABLE),
    ("name-slash", 4, UNREACHABLE),
    ("name-slash", 5, UNREACHABLE),
    ("name-slash", 6, UNREACHABLE),
    ("offsets-bad-bodies", 11, OWN_PARSER),
    ("offsets-bad-bodies", 31, REASON),
    ("offsets-bad-bodies", 32, REASON),
    ("offsets-source", 0, NO_SOURCES),
    ("offsets-source", 1, NO_SOURCES),
    ("offsets-source", 2, NO_SOURCES),
    ("offsets-source", 3, NO_SOURCES),
    ("offsets-source", 4, NO_SOURCES),
    ("offsets-source", 5, NO_SOURCES),
    ("offsets-source", 6, NO_SOURCES),
    ("offsets-stopped-no-hook", 5, REAL_OFFSETS),
    ("offsets-stopped-no-hook", 6, REAL_OFFSETS),
    ("password-in-clear", 0, LOGIN),
    ("password-in-clear", 1, LOGIN),
    ("password-in-clear", 2, LOGIN),
    ("patch-config-odd", 5, NAME_KEPT),
    ("patch-config-odd", 6, AFTER_NAME),
    ("patch-config-odd", 7, AFTER_NAME),
    ("patch-config-odd", 9, AFTER_NAME),
    ("plugin-config-source", 0, NO_SOURCES),
    ("put-config-change-class", 3, NO_SOURCES),
    ("put-config-change-class", 4, NO_SOURCES),
    ("put-config-encoded-name", 0, UNREACHABLE),
    ("put-config-encoded-name", 1, UNREACHABLE),
    ("root-get", 0, COMMIT),
    ("startup-health-and-list", 0, NOT_UP),
    ("startup-health-and-list", 1, NOT_UP),
    ("validate-class-mismatch", 0, "both of the recorded sinks are swapped for the same one"),
    ("validate-own-option", 0, OWN_OPTION),
    ("validate-source", 0, NO_SOURCES),
    (
        "validate-value-null",
        0,
        "`file` is a key of the sink that was swapped; here it is one that nobody declares, and those may not be null",
    ),
];
