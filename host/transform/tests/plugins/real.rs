//! The plugins that ship, as components: their own tests cover what they decide, these that it arrives.

use snowgate_transform::PluginCounts;

use crate::{chain, process, settings, survivors};

fn event(symbol: &str, closed: bool) -> String {
    concat!(
        r#"{"stream": "x@kline_1m", "data": {"e": "kline", "E": 1638747660000, "s": "SYMBOL", "k": {"t": 1638747600000,"#,
        r#" "T": 1638747659999, "s": "SYMBOL", "i": "1m", "f": 100, "L": 200, "o": "0.0010", "c": "0.0020","#,
        r#" "h": "0.0025", "l": "0.0015", "v": "1000", "n": 100, "x": CLOSED, "q": "1.0000", "V": "500", "Q": "0.500","#,
        r#" "B": "123456"}}}"#,
    )
    .replace("SYMBOL", symbol)
    .replace("CLOSED", if closed { "true" } else { "false" })
}

fn row(symbol: &str, closed: bool) -> String {
    concat!(
        r#"{"event_time":1638747660000,"symbol":"SYMBOL","interval":"1m","open_time":1638747600000,"#,
        r#""close_time":1638747659999,"first_trade_id":100,"last_trade_id":200,"open_price":0.0010,"close_price":0.0020,"#,
        r#""high_price":0.0025,"low_price":0.0015,"base_volume":1000,"trade_count":100,"is_closed":CLOSED,"#,
        r#""quote_volume":1.0000,"taker_buy_base_volume":500,"taker_buy_quote_volume":0.500,"stream":"x@kline_1m"}"#,
    )
    .replace("SYMBOL", symbol)
    .replace("CLOSED", if closed { "true" } else { "false" })
}

#[test]
fn klines_of_chosen_symbols_become_flat_rows() {
    let filter = settings("symbol_filter.wasm", r#"{"allow": ["BTC*"]}"#);
    let mut chain = chain(&[filter, settings("kline_flatten.wasm", r#"{"closed_only": true}"#)]);
    let values = [event("BTCUSDT", true), event("ETHUSDT", true), event("BTCUSDT", false), event("BTCEUR", true), "{}".to_owned()];
    let out = process(&mut chain, &values.each_ref().map(String::as_str));
    assert_eq!(survivors(&out), [(100, row("BTCUSDT", true)), (106, row("BTCEUR", true))]);
    assert_eq!((out.dropped, out.rejected.len()), (2, 1));
    assert_eq!((out.rejected[0].index, &*out.rejected[0].plugin.name), (4, "symbol-filter"));
    assert_eq!(
        out.verdicts[0],
        PluginCounts { kept: 3, dropped: 1, rejected: 1, nanos: out.verdicts[0].nanos, ..PluginCounts::default() }
    );
    assert_eq!(out.verdicts[1], PluginCounts { replaced: 2, dropped: 1, nanos: out.verdicts[1].nanos, ..PluginCounts::default() });
}

#[test]
fn a_full_batch_of_klines_fits_within_the_limits() {
    let values: Vec<String> = (0..10_000).map(|n| event(if n % 2 == 0 { "BTCUSDT" } else { "ETHUSDT" }, true)).collect();
    let mut chain = chain(&[settings("kline_flatten.wasm", "{}")]);
    let out = process(&mut chain, &values.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(out.verdicts[0], PluginCounts { replaced: 10_000, nanos: out.verdicts[0].nanos, ..PluginCounts::default() });
    assert_eq!(out.records.record(9_999).value(), Some(row("ETHUSDT", true).as_bytes()));
}
