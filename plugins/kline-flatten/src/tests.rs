//! What `kline-flatten` makes of the shapes that come in, and of those that should not.

use super::*;
use snowgate_plugin::testing::{Bench, Outcome};

const EVENT: &str = concat!(
    r#"{"e": "kline", "E": 1638747660000, "s": "BTCUSDT", "k": {"t": 1638747600000, "T": 1638747659999,"#,
    r#" "s": "BTCUSDT", "i": "1m", "f": 100, "L": 200, "o": "0.0010", "c": "0.0020", "h": "0.0025", "l": "0.0015","#,
    r#" "v": "1000", "n": 100, "x": true, "q": "1.0000", "V": "500", "Q": "0.500", "B": "123456"}}"#,
);

const ROW: &str = concat!(
    r#"{"event_time":1638747660000,"symbol":"BTCUSDT","interval":"1m","open_time":1638747600000,"#,
    r#""close_time":1638747659999,"first_trade_id":100,"last_trade_id":200,"open_price":0.0010,"close_price":0.0020,"#,
    r#""high_price":0.0025,"low_price":0.0015,"base_volume":1000,"trade_count":100,"is_closed":true,"#,
    r#""quote_volume":1.0000,"taker_buy_base_volume":500,"taker_buy_quote_volume":0.500}"#,
);

fn bench(config: &str) -> Bench<KlineFlatten> {
    Bench::new(config).unwrap()
}

fn enveloped(event: &str) -> String {
    format!(r#"{{"stream": "btcusdt@kline_1m", "data": {event}}}"#)
}

#[test]
fn a_bare_event_becomes_one_flat_row_with_every_digit() {
    assert_eq!(bench("{}").value(EVENT).text(), ROW);
}

#[test]
fn an_enveloped_event_becomes_the_same_row_and_keeps_its_stream() {
    let row = format!(r#"{},"stream":"btcusdt@kline_1m"}}"#, ROW.trim_end_matches('}'));
    assert_eq!(bench("{}").value(&enveloped(EVENT)).text(), row);
    let compact = enveloped(EVENT).replace(": ", ":").replace(", ", ",");
    assert_eq!(bench("{}").value(&compact).text(), row);
}

#[test]
fn a_row_that_is_flat_already_is_kept_and_so_is_a_tombstone() {
    let mut bench = bench("{}");
    assert_eq!(bench.value(ROW), Outcome::Kept);
    assert_eq!(bench.records(&[(None, None)]), [Outcome::Kept]);
}

#[test]
fn open_klines_are_dropped_only_on_request() {
    let open = EVENT.replace(r#""x": true"#, r#""x": false"#);
    let open_row = ROW.replace("true", "false");
    let mut every = bench(r#"{"closed_only": false}"#);
    let mut closed = bench(r#"{"closed_only": true}"#);
    assert_eq!(every.value(&open).text(), open_row);
    assert_eq!(every.value(&open_row), Outcome::Kept);
    assert_eq!(closed.value(&open), Outcome::Dropped);
    assert_eq!(closed.value(&enveloped(&open)), Outcome::Dropped);
    assert_eq!(closed.value(&open_row), Outcome::Dropped);
    assert_eq!(closed.value(EVENT).text(), ROW);
    assert_eq!(closed.value(ROW), Outcome::Kept);
}

#[test]
fn fields_may_come_in_any_order_and_new_ones_do_not_disturb() {
    let reordered =
        EVENT.replace(r#""e": "kline", "#, "").replace("}}", r#", "Z": {"deep": ["}"]}}, "e": "kline", "later": null}"#);
    assert_eq!(bench("{}").value(&reordered).text(), ROW);
    let numbers = EVENT.replace(r#""0.0010""#, "0.0010").replace(r#""k""#, r#""\u006b""#);
    assert_eq!(bench("{}").value(&numbers).text(), ROW);
}

#[test]
fn anything_else_is_rejected_with_a_reason() {
    let mut bench = bench("{}");
    let mut why = |value: &str| bench.value(value).why().to_owned();
    assert_eq!(why("[1]"), "the value is not a JSON object");
    assert_eq!(
        why(r#"{"a": 1}"#),
        "the value is neither a kline event, nor one in a combined-stream envelope, nor a flat kline row"
    );
    assert_eq!(why(&EVENT.replace("\"kline\"", "\"trade\"")), "`e` is not `kline`, so the event is another kind");
    assert_eq!(why(&EVENT.replace(r#""E": 1638747660000, "#, "")), "the event has no `E`, its time");
    assert_eq!(why(&EVENT.replace(r#""s": "BTCUSDT", "#, "")), "the event has no `s`, its symbol");
    assert_eq!(why(&EVENT.replace(r#""h": "0.0025", "#, "")), "the kline has no `h`");
    assert_eq!(why(&EVENT.replace("0.0025", "00.25")), "`h` is not a decimal number");
    assert_eq!(why(&EVENT.replace("0.0025", "NaN")), "`h` is not a decimal number");
    assert_eq!(why(&EVENT.replace("1638747600000", "1638747600000.5")), "`t` is not a whole number");
    assert_eq!(why(&EVENT.replace("true", "1")), "`x` is not true or false");
    assert_eq!(why(&EVENT.replace("\"1m\"", "1")), "`i` is not text");
    assert_eq!(why(&EVENT[..EVENT.len() - 1]), format!("the JSON makes no sense at byte {}", EVENT.len() - 1));
    assert_eq!(why(&format!("{EVENT}x")), format!("the JSON makes no sense at byte {}", EVENT.len()));
}

#[test]
fn an_option_that_does_not_exist_is_refused() {
    assert_eq!(
        Bench::<KlineFlatten>::new(r#"{"closd_only": true}"#).err().unwrap(),
        "unknown field `closd_only`, expected `closed_only`"
    );
}

#[test]
fn the_schema_is_what_the_options_say() {
    snowgate_plugin::testing::assert_schema::<KlineFlatten>("config.schema.json");
}
