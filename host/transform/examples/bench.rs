use snowgate_record::*;
use snowgate_transform::*;
use std::sync::Arc;
fn main() {
    let dir = std::path::PathBuf::from(std::env::var_os("SNOWGATE_PLUGINS").unwrap());
    let engine = Engine::new().unwrap();
    let load = |f: &str, c: &str| {
        Arc::new(
            Plugin::load(
                &engine,
                &PluginSettings { name: f.into(), path: dir.join(f), config_json: c.into(), limits: Limits::default() },
            )
            .unwrap(),
        )
    };
    let filter = load("symbol_filter.wasm", r#"{"allow":["*USDT"]}"#);
    let flat = load("kline_flatten.wasm", "{}");
    let keep = load("hostile.wasm", r#"{"do":"keep","on":"zzzzzzzz"}"#);
    let mut b = RecordBatch::new(TopicPartition::new("k", 0));
    for i in 0..500i64 {
        let v = format!(
            r#"{{"stream": "btcusdt@kline_1m", "data": {{"e": "kline", "E": 16387476{i:05}, "s": "BTCUSDT", "k": {{"t": 1638747600000, "T": 1638747659999, "s": "BTCUSDT", "i": "1m", "f": 100, "L": 200, "o": "50123.0010", "c": "50123.0020", "h": "50123.0025", "l": "50123.0015", "v": "1000.12345", "n": 100, "x": true, "q": "1.0000", "V": "500", "Q": "0.500", "B": "123456"}}}}}}"#
        );
        b.push(Offset::new(i).unwrap(), 0, TimestampType::CreateTime, None, Some(v.as_bytes()));
    }
    for (n, ps) in [
        ("none", vec![]),
        ("filter", vec![filter.clone()]),
        ("flatten", vec![flat.clone()]),
        ("both", vec![filter, flat]),
        ("hostile keep", vec![keep]),
    ] {
        let mut c = Chain::new(&ps).unwrap();
        let mut out = Transformed::new();
        let mut best = f64::MAX;
        for _ in 0..9 {
            let t = cpu();
            for _ in 0..400 {
                c.process(&b, &mut out).unwrap();
            }
            best = best.min((cpu()-t) as f64 / 200000.0);
        }
        println!("{n}: {best:.0} ns/record, survivors {}", out.records.len());
    }
}
fn cpu()->u64{ std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse().unwrap() }
