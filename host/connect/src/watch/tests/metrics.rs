//! The metrics, read back as a scraper would.

use std::collections::BTreeSet;

use super::*;
use crate::watch::metrics::{Format, MAX_SERIES, text};

/// One line for each metric: name, kind, labels, help.
fn list() -> String {
    let line = |metric: &Metric| format!("{} {:?} [{}] {}\n", metric.name, metric.kind, metric.labels.join(" "), metric.help);
    METRICS.iter().map(line).collect()
}

/// Whoever changes a metric changes somebody's alarms: this list is where it shows.
#[test]
fn the_list_of_metrics_is_the_one_that_dashboards_and_alarms_know() {
    let path = repository().join("tests/fixtures/connect/metrics.txt");
    let known = std::fs::read_to_string(&path).unwrap();
    assert_eq!(known, list(), "if this is meant, make {} the right-hand side", path.display());
}

#[test]
fn names_have_their_unit_and_only_counters_end_in_total() {
    let mut names = BTreeSet::new();
    for Metric { name, kind, labels, help, .. } in METRICS {
        assert!(names.insert(*name), "{name} stands twice");
        assert!(name.starts_with("snowgate_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        assert_eq!(name.ends_with("_info"), *kind == Kind::Info, "{name}");
        assert!(
            labels.iter().all(|label| *label != "le" && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())),
            "{name}"
        );
        assert!(help.is_ascii() && !help.contains(['\n', '\\']) && !help.ends_with('.'), "{name}: {help}");
        assert!(!name.contains("duration") || name.contains("_seconds"), "{name}");
    }
}

#[derive(Debug, PartialEq)]
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    number: f64,
}

/// `NAME{LABEL="VALUE",…} NUMBER`
fn parse_series(line: &str) -> Option<Series> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    while let Some(label) = rest.strip_prefix(if labels.is_empty() { '{' } else { ',' }) {
        let (key, value) = label.split_once("=\"")?;
        let mut text = String::new();
        let mut chars = value.char_indices();
        loop {
            match chars.next()? {
                (at, '"') => break rest = &value[at + 1..],
                (_, '\\') => text.push(match chars.next()?.1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    _ => return None,
                }),
                (_, c) => text.push(c),
            }
        }
        labels.push((key.to_owned(), text));
    }
    let number = rest.strip_prefix(if labels.is_empty() { " " } else { "} " })?;
    Some(Series { name: name.to_owned(), labels, number: number.parse().ok()? })
}

/// Goes through a scrape line by line, as its reader would; gives its series. Panics at the first line that is not of the format.
fn parse(text: &str, format: Format) -> Vec<Series> {
    let mut lines: Vec<&str> = text.lines().collect();
    assert!(text.ends_with('\n'));
    if format == Format::OpenMetrics {
        assert_eq!(lines.pop(), Some("# EOF"));
    }
    let mut series = Vec::new();
    let mut seen = BTreeSet::new();
    let mut family = ("", "");
    let mut lines = lines.into_iter();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, _) = help.split_once(' ').expect("help has a text");
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).expect("a type follows each help");
            family = kind.split_once(' ').expect("a type has a name and a kind");
            assert_eq!(family.0, name);
            assert!(seen.insert(name.to_owned()), "the family {name} stands twice");
            continue;
        }
        let one = parse_series(line).unwrap_or_else(|| panic!("no series: {line}"));
        let name = &one.name;
        let endings: &[&str] = match (family.1, format) {
            ("counter", Format::OpenMetrics) => &["_total"],
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            ("info", _) => &["_info"],
            ("counter" | "gauge", _) => &[""],
            (kind, _) => panic!("{kind} is no type of ours"),
        };
        let ending = name.strip_prefix(family.0).unwrap_or_else(|| panic!("{name} stands in the family {}", family.0));
        assert!(endings.contains(&ending), "{name} is no {}", family.1);
        assert!(seen.insert(format!("{name} {:?}", one.labels)), "{line} stands twice");
        series.push(one);
    }
    series
}

#[test]
fn every_line_of_a_scrape_is_of_its_format_and_every_metric_is_there() {
    for format in [Format::OpenMetrics, Format::Plain] {
        let series = parse(&text(gateway(vec![orders(), named("b", "PAUSED")]), format).unwrap(), format);
        for metric in METRICS {
            let of_it = |name: &str| match metric.kind {
                Kind::Histogram => name.strip_prefix(metric.name).is_some_and(|end| matches!(end, "_bucket" | "_sum" | "_count")),
                _ => name == metric.name,
            };
            let found: Vec<_> = series.iter().filter(|one| of_it(&one.name)).collect();
            assert!(!found.is_empty(), "{} has no series", metric.name);
            for Series { name, labels, .. } in found {
                let mut keys: Vec<&str> = labels.iter().map(|(key, _)| key.as_str()).filter(|key| *key != "le").collect();
                let mut wanted = metric.labels.to_vec();
                keys.sort_unstable();
                wanted.sort_unstable();
                assert_eq!(keys, wanted, "{name}");
            }
        }
    }
}

#[test]
fn numbers_stand_where_their_labels_say() {
    let series = parse(&text(gateway(vec![orders()]), Format::Plain).unwrap(), Format::Plain);
    let value = |name: &str, wanted: &[(&str, &str)]| {
        let is = |labels: &[(String, String)]| {
            wanted.iter().all(|(key, value)| labels.contains(&((*key).to_owned(), (*value).to_owned())))
        };
        let mut found = series.iter().filter(|one| one.name == name && is(&one.labels)).map(|one| one.number);
        let number = found.next();
        assert_eq!(found.next(), None, "{name} {wanted:?} is not one series");
        number
    };
    let orders = ("pipeline", orders().name);
    let orders = (orders.0, orders.1.as_str());
    let partition = [orders, ("topic", "shop.orders"), ("partition", "0")];
    assert_eq!(value("snowgate_build_info", &[("version", "1.2.3")]), Some(1.0));
    assert_eq!(value("snowgate_start_time_seconds", &[]), Some(1_700_000_000.5));
    assert_eq!(value("snowgate_memory_used_bytes", &[]), Some(10.0));
    assert_eq!(value("snowgate_memory_max_bytes", &[]), Some(20.0));
    assert_eq!(value("snowgate_process_resident_bytes", &[]), Some(30.0));
    assert_eq!(value("snowgate_pipeline_state", &[orders, ("state", "STALLED")]), Some(1.0));
    assert_eq!(value("snowgate_pipeline_state", &[orders, ("state", "RUNNING")]), Some(0.0));
    assert_eq!(value("snowgate_partitions_assigned", &[orders]), Some(2.0));
    assert_eq!(value("snowgate_records_consumed_total", &[orders]), Some(1200.0));
    assert_eq!(value("snowgate_bytes_consumed_total", &[orders]), Some(480_000.0));
    assert_eq!(value("snowgate_records_dropped_total", &[orders, ("reason", "plugin_rejected")]), Some(7.0));
    assert_eq!(value("snowgate_dead_letters_total", &[orders, ("reason", "converter")]), Some(3.0));
    assert_eq!(value("snowgate_rows_committed_total", &[orders]), Some(1100.0));
    assert_eq!(value("snowgate_appends_total", &[orders]), Some(4.0));
    assert_eq!(value("snowgate_append_bytes_total", &[orders]), Some(90_000.0));
    assert_eq!(value("snowgate_append_errors_total", &[orders]), Some(1.0));
    assert_eq!(value("snowgate_append_duration_seconds_bucket", &[orders, ("le", "0.01")]), Some(1.0));
    assert_eq!(value("snowgate_append_duration_seconds_bucket", &[orders, ("le", "30")]), Some(3.0));
    assert_eq!(value("snowgate_append_duration_seconds_bucket", &[orders, ("le", "+Inf")]), Some(4.0));
    assert_eq!(value("snowgate_append_duration_seconds_count", &[orders]), Some(4.0));
    assert_eq!(value("snowgate_append_duration_seconds_sum", &[orders]), Some(41.5));
    assert_eq!(value("snowgate_plugin_records_total", &[("plugin", "flatten"), ("verdict", "keep")]), Some(5.0));
    assert_eq!(value("snowgate_plugin_records_total", &[("plugin", "flatten"), ("verdict", "reject")]), Some(2.0));
    let build = [orders, ("plugin", "flatten"), ("version", "1.2.0"), ("sha256", "5f1c")];
    assert_eq!(value("snowgate_plugin_info", &build), Some(1.0));
    assert_eq!(value("snowgate_plugin_faults_total", &[("plugin", "flatten")]), Some(1.0));
    assert_eq!(value("snowgate_plugin_duration_seconds_total", &[("plugin", "flatten")]), Some(0.25));
    assert_eq!(value("snowgate_plugin_custom_total", &[("plugin", "flatten"), ("name", "symbols_unknown")]), Some(7.0));
    for (table, committed, appended) in [("ORDERS", 99.0, 120.0), ("RETURNS", 97.0, 98.0)] {
        let channel = [&partition[..], &[("table", table)]].concat();
        assert_eq!(value("snowgate_partition_committed_offset", &channel), Some(committed));
        assert_eq!(value("snowgate_partition_appended_offset", &channel), Some(appended));
    }
    assert_eq!(value("snowgate_partition_group_offset", &partition), Some(100.0));
    assert_eq!(value("snowgate_partition_log_end_offset", &partition), Some(150.0));
    assert_eq!(value("snowgate_partition_lag_records", &partition), Some(50.0));
    assert_eq!(value("snowgate_partition_lag_seconds", &partition), Some(2.5));
    assert_eq!(value("snowgate_partition_lag_records", &[("partition", "1")]), None, "what is not known is no zero");
    assert_eq!(value("snowgate_partition_blocked", &[("partition", "0")]), None);
    assert_eq!(value("snowgate_partition_blocked", &[("partition", "1"), ("reason", "permission_denied")]), Some(1.0));
}

#[test]
fn a_family_stops_at_its_most_series_and_says_how_many_are_missing() {
    let partition =
        |partition| PartitionView { topic: "t".to_owned(), partition, lag_records: Some(1), ..PartitionView::default() };
    let many = i32::try_from(MAX_SERIES).unwrap() + 3;
    let pipeline = PipelineView { partitions: (0..many).map(partition).collect(), ..named("a", "RUNNING") };
    let series = parse(&text(gateway(vec![pipeline]), Format::Plain).unwrap(), Format::Plain);
    let lag = series.iter().filter(|one| one.name == "snowgate_partition_lag_records").count();
    assert_eq!(lag, MAX_SERIES);
    assert!(series.contains(&Series { name: "snowgate_series_left_out".to_owned(), labels: Vec::new(), number: 3.0 }));
}

#[tokio::test]
async fn whoever_asks_for_open_metrics_gets_them_and_others_the_older_text() {
    let router = router_over(|| gateway(vec![orders()]));
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let (_, headers, body) = answer(router.clone(), "/metrics", prometheus).await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(body.ends_with("# EOF\n"));
    let (_, headers, body) = answer(router, "/metrics", "*/*").await;
    assert_eq!(headers[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert!(!body.contains("# EOF"));
}

/// The names of metrics in a text: `snowgate_…`, without what a histogram adds.
fn names_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("snowgate_"));
    let histogram = |word: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        base.filter(|base| METRICS.iter().any(|metric| metric.kind == Kind::Histogram && metric.name == *base)).map(str::to_owned)
    };
    words.map(|word| histogram(word).unwrap_or_else(|| word.to_owned())).collect()
}

#[test]
fn the_dashboard_and_the_alarms_ask_only_for_metrics_that_exist_and_only_by_their_labels() {
    let known: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    let labels: BTreeSet<&str> = METRICS.iter().flat_map(|metric| metric.labels).copied().chain(["le", "instance"]).collect();
    for file in ["tests/grafana/snowgate.json", "tests/grafana/alerts.yml"] {
        let text = std::fs::read_to_string(repository().join(file)).unwrap();
        let asked = names_in(&text);
        assert!(asked.len() > 3, "{file} asks for something");
        assert_eq!(asked.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "{file}");
        for by in text.split("by (").skip(1).filter_map(|rest| rest.split(')').next()) {
            for label in by.split(',').map(str::trim) {
                assert!(labels.contains(label), "{file}: no metric has the label `{label}`");
            }
        }
    }
}

#[test]
fn every_metric_that_a_person_watches_is_on_the_dashboard() {
    let dashboard = names_in(&std::fs::read_to_string(repository().join("tests/grafana/snowgate.json")).unwrap());
    let absent: Vec<&str> = METRICS.iter().map(|metric| metric.name).filter(|name| !dashboard.contains(*name)).collect();
    assert_eq!(absent, Vec::<&str>::new());
}
