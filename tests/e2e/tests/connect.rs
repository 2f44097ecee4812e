//! The first user stops a Connect worker, starts this one on its port, posts the same file, and goes on.

use serde_json::{Value, json};
use snowgate_e2e::connector::seed;
use snowgate_e2e::sandbox::Account;
use snowgate_e2e::{Worker, World, eventually, gateway};

const KLINE: &str = r#"{"stream": "btcusdt@kline_1m", "data": {"e": "kline", "k": {"s": "BTCUSDT", "c": "0.0020"}}}"#;

#[test]
fn the_first_users_connector_runs_survives_a_restart_and_ends() {
    let world = World::new(4);
    let snowflake_sink = world.unique("snowflake-sink");
    for partition in 0..4 {
        world.produce_numbers(partition, 0..1_000);
    }
    let worker = Worker::start(&world, "");
    let connector = seed(&world, &snowflake_sink, &[]);
    let (status, made) = worker.send("POST", "/connectors", Some(&connector));
    assert_eq!((status, &made["name"], &made["type"]), (201, &json!(snowflake_sink), &json!("sink")), "{made:#}");
    worker.wait_for_state(&snowflake_sink, "RUNNING");
    world.assert_exactly_once();
    assert_eq!(worker.get("/connectors").1, json!([snowflake_sink]));
    assert_eq!(worker.get(&format!("/connectors/{snowflake_sink}/topics")).1[&snowflake_sink]["topics"], json!([world.topic]));

    // The group is the one that Connect would use, so a switch goes on where it stopped.
    let group = |partition| world.kafka.group_offset(&format!("connect-{snowflake_sink}"), &world.topic, partition);
    eventually("the group offsets", || (0..4).all(|partition| group(partition) == Some(1_000)).then_some(()));

    let written = worker.kill();
    for partition in 0..4 {
        world.produce_numbers(partition, 1_000..1_500);
    }
    let worker = Worker::start_written(&world, written);
    worker.wait_for_state(&snowflake_sink, "RUNNING");
    world.assert_exactly_once();
    let select =
        format!("SELECT RECORD_CONTENT:n::int, RECORD_METADATA:offset::int FROM CRYPTO_DB.PUBLIC.{} LIMIT 10", world.topic);
    assert_eq!(world.sandbox.query(&select).len(), 10);

    assert_eq!(worker.send("DELETE", &format!("/connectors/{snowflake_sink}"), None).0, 204);
    let (status, answer) = worker.get(&format!("/connectors/{snowflake_sink}/status"));
    assert_eq!((status, &answer["message"]), (404, &json!(format!("No status found for connector {snowflake_sink}"))));
    worker.stop_cleanly();
    world.assert_exactly_once();
}

#[test]
fn a_paused_connector_loads_nothing_until_it_is_resumed() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.produce_numbers(0, 0..10);
    let worker = Worker::start(&world, "");
    worker.create(&seed(&world, &sink, &[]));
    world.wait_for_rows(10);
    assert_eq!(worker.send("PUT", &format!("/connectors/{sink}/pause"), None).0, 202);
    worker.wait_for_state(&sink, "PAUSED");
    world.produce_numbers(0, 10..20);
    let written = worker.kill();
    let worker = Worker::start_written(&world, written);
    worker.wait_for_state(&sink, "PAUSED");
    assert_eq!(world.account().rows, 10);
    assert_eq!(worker.send("PUT", &format!("/connectors/{sink}/resume"), None).0, 202);
    world.assert_exactly_once();
    worker.wait_for_state(&sink, "RUNNING");
    worker.stop_cleanly();
}

#[test]
fn altered_offsets_move_the_channels_too_and_records_are_read_again_or_passed_over() {
    let world = World::new(2);
    let sink = world.unique("sink");
    world.produce_numbers(0, 0..10);
    world.produce_numbers(1, 0..10);
    let worker = Worker::start(&world, "");
    worker.create(&seed(&world, &sink, &[]));
    world.wait_for_rows(20);
    let at = |partition: i32, offset: Value| json!({"partition": {"kafka_topic": world.topic, "kafka_partition": partition}, "offset": offset});
    let change = json!({"offsets": [at(0, json!({"kafka_offset": 4})), at(1, json!({"kafka_offset": 15}))]});
    let (status, answer) = worker.send("PATCH", &format!("/connectors/{sink}/offsets"), Some(&change));
    assert_eq!(status, 400, "a running connector's offsets stay: {answer}");
    assert_eq!(worker.send("PUT", &format!("/connectors/{sink}/stop"), None).0, 204);
    eventually("the connector to be stopped", || (worker.status(&sink)["connector"]["state"] == "STOPPED").then_some(()));
    let (status, answer) = worker.send("PATCH", &format!("/connectors/{sink}/offsets"), Some(&change));
    if !world.kafka.is_apache() {
        // The embedded broker takes no group offset from outside a group that it knows: then nothing was changed.
        assert_eq!(status, 500, "{answer}");
        world.produce_numbers(1, 10..20);
        assert_eq!(worker.send("PUT", &format!("/connectors/{sink}/resume"), None).0, 202);
        world.assert_exactly_once();
        worker.stop_cleanly();
        return;
    }
    assert_eq!((status, &answer["message"]), (200, &json!("The offsets for this connector have been altered successfully")));
    let offsets = worker.get(&format!("/connectors/{sink}/offsets")).1;
    let of = |partition: i64| {
        let list = offsets["offsets"].as_array().expect("a list");
        list.iter()
            .find(|entry| entry["partition"]["kafka_partition"] == partition)
            .map(|entry| entry["offset"]["kafka_offset"].clone())
    };
    assert_eq!((of(0), of(1)), (Some(json!(4)), Some(json!(15))));

    // Beyond the end: the records up to 15 are passed over. Before it: six records are loaded once more.
    world.produce_numbers(1, 10..20);
    assert_eq!(worker.send("PUT", &format!("/connectors/{sink}/resume"), None).0, 202);
    eventually("the rows of both", || (world.account().rows == 20 + 6 + 5).then_some(()));
    assert_eq!(world.account(), Account { rows: 31, distinct: 25, duplicates: 6, out_of_order: world.account().out_of_order });
    worker.stop_cleanly();
}

#[test]
fn reset_offsets_are_forgotten_in_kafka_and_in_snowflake() {
    let world = World::new(1);
    let sink_reset = world.unique("sink-reset");
    if !world.kafka.is_apache() {
        // The embedded broker takes no group offset from outside a group that it knows.
        return;
    }
    world.produce_numbers(0, 0..10);
    let worker = Worker::start(&world, "");
    worker.create(&seed(&world, &sink_reset, &[]));
    world.wait_for_rows(10);
    assert_eq!(worker.send("PUT", &format!("/connectors/{sink_reset}/stop"), None).0, 204);
    eventually("the group to be empty", || {
        (worker.send("DELETE", &format!("/connectors/{sink_reset}/offsets"), None).0 == 200).then_some(())
    });
    assert_eq!(worker.get(&format!("/connectors/{sink_reset}/offsets")).1, json!({"offsets": []}));
    assert_eq!(worker.send("PUT", &format!("/connectors/{sink_reset}/resume"), None).0, 202);
    eventually("all rows again", || (world.account().rows == 20).then_some(()));
    worker.stop_cleanly();
}

#[test]
fn a_record_that_cannot_be_converted_fails_its_task_with_the_reason_and_loses_nothing() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.kafka.produce(&world.topic, 0, [KLINE, "not json", KLINE]);
    let worker = Worker::start(&world, "");
    worker.create(&seed(&world, &sink, &[]));
    let task = worker.wait_for_trace(&sink, "offset 1");
    assert_eq!(task["state"], "FAILED", "{task:#}");
    assert!(task["trace"].as_str().unwrap().contains("org.apache.kafka.connect.errors.DataException"), "{task:#}");
    world.wait_for_rows(1);
    // The operator lets such records be dropped; the rest follows.
    let mut config = seed(&world, &sink, &[("errors.tolerance", "all")])["config"].clone();
    config["errors.log.enable"] = json!("true");
    assert_eq!(worker.send("PUT", &format!("/connectors/{sink}/config"), Some(&config)).0, 200);
    eventually("the record behind it", || (world.account().rows == 2).then_some(()));
    worker.wait_for_state(&sink, "RUNNING");
    worker.stop_cleanly();
}

#[test]
fn a_dead_letter_carries_connects_headers() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.kafka.produce(&world.topic, 0, [KLINE, "not json", KLINE]);
    let worker = Worker::start(&world, "");
    let more = [
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", world.dead_letter_topic.as_str()),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
    ];
    worker.create(&seed(&world, &sink, &more));
    world.wait_for_rows(2);
    eventually("the dead letter", || (world.kafka.end(&world.dead_letter_topic, 0) >= 1).then_some(()));
    worker.stop_cleanly();
    let letters = world.kafka.read(&world.dead_letter_topic, 1);
    let [letter] = letters.as_slice() else { panic!("one dead letter: {letters:?}") };
    assert_eq!(letter.value.as_deref(), Some(&b"not json"[..]));
    let header = |name: &str| letter.headers[&format!("__connect.errors.{name}")].as_str();
    assert_eq!((header("topic"), header("partition"), header("offset")), (world.topic.as_str(), "0", "1"));
    assert_eq!((header("connector.name"), header("stage")), (sink.as_str(), "VALUE_CONVERTER"));
    assert_eq!(header("class.name"), "org.apache.kafka.connect.json.JsonConverter");
}

#[test]
fn failed_records_are_logged_where_that_is_asked_for_and_with_their_error_where_that_is() {
    let world = World::new(1);
    world.kafka.produce(&world.topic, 0, ["not json", KLINE]);
    let worker = Worker::start(&world, "");
    for (name, log, messages) in [("quiet", "false", "true"), ("brief", "true", "false"), ("full", "true", "true")] {
        let map = format!("{}:{name}", world.topic);
        let more = [
            ("errors.tolerance", "all"),
            ("errors.log.enable", log),
            ("errors.log.include.messages", messages),
            ("snowflake.topic2table.map", map.as_str()),
        ];
        worker.create(&seed(&world, &world.unique(name), &more));
    }
    for table in ["QUIET", "BRIEF", "FULL"] {
        eventually("the record behind it", || (world.sandbox.account(table, &world.topic).rows == 1).then_some(()));
    }
    let log = worker.gateway.stop_cleanly();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("record cannot be loaded")).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines.iter().all(|line| line.contains("offset=0") && line.contains(&world.topic)), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("error=")).count(), 1, "{lines:#?}");
}

#[test]
fn a_stalled_snowflake_is_told_in_the_status_and_goes_away_with_its_cause() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.produce_numbers(0, 0..10);
    let answer = json!({"respond": {"status": 503, "body": {"code": "BUSY", "message": "scripted"}, "apply": false}});
    world.sandbox.fault(json!({"kind": "append", "nth": 1, "times": 0, "action": answer}));
    let worker = Worker::start(&world, "");
    worker.create(&seed(&world, &sink, &[]));
    let task = worker.wait_for_trace(&sink, "503");
    assert_eq!(task["state"], "RUNNING", "it may pass by itself: {task:#}");
    assert_eq!(worker.get("/readyz").0, 503);
    world.sandbox.clear_faults();
    world.assert_exactly_once();
    eventually("the trace to go", || worker.status(&sink)["tasks"][0].get("trace").is_none().then_some(()));
    eventually("readiness", || (worker.get("/readyz").0 == 200).then_some(()));
    worker.stop_cleanly();
}

#[test]
fn a_connector_that_its_group_gives_no_partition_says_so_and_is_ready_all_the_same() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.produce_numbers(0, 0..10);
    // The embedded broker decides nearly a session timeout after a member came.
    let connector = seed(&world, &sink, &[("tasks.max", "1"), ("consumer.override.session.timeout.ms", "6000")]);
    let workers = [Worker::start(&world, ""), Worker::start(&world, "")];
    workers.iter().for_each(|worker| worker.create(&connector));
    world.wait_for_rows(10);
    let spare = eventually("one of two members to say that it has no partition", || {
        workers.iter().find(|worker| worker.status(&sink)["tasks"][0]["trace"].is_string())
    });
    let status = spare.status(&sink);
    let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
    assert!(trace.contains("has given it no partition for") && trace.contains("other members have all partitions"), "{status:#}");
    assert_eq!((&status["connector"]["state"], &status["tasks"][0]["state"]), (&json!("RUNNING"), &json!("RUNNING")));
    assert_eq!(spare.get("/readyz").0, 200);
    workers.into_iter().for_each(|worker| drop(worker.stop_cleanly()));
    world.assert_exactly_once();
}

#[test]
fn transforms_change_the_rows_and_the_table_as_in_connect() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.kafka.produce_with(&world.topic, 0, "BTCUSDT", r#"{"a": {"b": 1.50, "c": "x"}, "secret": "s"}"#, ("source", "7"));
    let worker = Worker::start(&world, "");
    let more = [
        ("transforms", "flat,drop,add,route"),
        ("transforms.flat.type", "org.apache.kafka.connect.transforms.Flatten$Value"),
        ("transforms.flat.delimiter", "_"),
        ("transforms.drop.type", "org.apache.kafka.connect.transforms.ReplaceField$Value"),
        ("transforms.drop.exclude", "secret"),
        ("transforms.add.type", "org.apache.kafka.connect.transforms.InsertField$Value"),
        ("transforms.add.static.field", "origin"),
        ("transforms.add.static.value", "binance"),
        ("transforms.route.type", "org.apache.kafka.connect.transforms.RegexRouter"),
        ("transforms.route.regex", ".*"),
        ("transforms.route.replacement", "routed_klines"),
    ];
    worker.create(&seed(&world, &sink, &more));
    let rows = eventually("the row", || Some(world.sandbox.rows("ROUTED_KLINES")).filter(|rows| !rows.is_empty()));
    assert_eq!(rows[0]["RECORD_CONTENT"], json!({"a_b": 1.5, "a_c": "x", "origin": "binance"}));
    let metadata = &rows[0]["RECORD_METADATA"];
    assert_eq!(
        (&metadata["topic"], &metadata["key"], &metadata["headers"]),
        (&json!("routed_klines"), &json!("BTCUSDT"), &json!({"source": 7}))
    );
    worker.stop_cleanly();
}

#[test]
fn a_value_that_only_its_converter_reads_keeps_its_key_and_headers() {
    let world = World::new(1);
    let sink = world.unique("sink");
    // Jackson takes numbers with leading zeros and stops after the first document; the row's writer takes neither.
    world.kafka.produce_with(&world.topic, 0, "BTCUSDT", r#"{"a": 007} and more"#, ("source", "7"));
    world.kafka.produce_with(&world.topic, 0, "BTCUSDT", r#"{"a": 7}"#, ("source", "7"));
    let worker = Worker::start(&world, "");
    worker.create(&seed(&world, &sink, &[]));
    world.wait_for_rows(2);
    for row in world.sandbox.rows(&world.table()) {
        let metadata = &row["RECORD_METADATA"];
        assert_eq!(
            (&row["RECORD_CONTENT"], &metadata["key"], &metadata["headers"]),
            (&json!({"a": 7}), &json!("BTCUSDT"), &json!({"source": 7}))
        );
    }
    worker.stop_cleanly();
}

#[test]
fn a_plugin_takes_a_jars_place_in_the_chain() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.kafka.produce(&world.topic, 0, [r#"{"stream": "btcusdt@kline_1m", "data": {"e": "kline", "E": 1638747660000, "s": "BTCUSDT", "k": {"t": 1638747600000, "T": 1638747659999, "s": "BTCUSDT", "i": "1m", "f": 100, "L": 200, "o": "0.0010", "c": "0.0020", "h": "0.0025", "l": "0.0015", "v": "1000", "n": 100, "x": true, "q": "1.0000", "V": "500", "Q": "0.500", "B": "123456"}}}"#]);
    let worker = Worker::start(&world, "");
    let plugin = gateway::plugin("kline_flatten.wasm");
    let more =
        [("transforms", "flat"), ("transforms.flat.type", "snowgate.plugin"), ("transforms.flat.path", plugin.to_str().unwrap())];
    worker.create(&seed(&world, &sink, &more));
    world.wait_for_rows(1);
    assert_eq!(world.sandbox.rows(&world.table())[0]["RECORD_CONTENT"]["symbol"], "BTCUSDT");
    worker.stop_cleanly();
}

#[test]
fn a_connectors_plugin_is_reloaded_when_its_file_changed() {
    let world = World::new(1);
    let sink = world.unique("sink");
    let kline = crate::plugins::kline("BTCUSDT", "91250.1", true);
    world.kafka.produce(&world.topic, 0, [&kline]);
    let file = world.file("plugin", "wasm");
    let mut bytes = std::fs::read(gateway::plugin("kline_flatten.wasm")).unwrap();
    std::fs::write(&file, &bytes).unwrap();
    let worker = Worker::start(&world, "");
    let more =
        [("transforms", "flat"), ("transforms.flat.type", "snowgate.plugin"), ("transforms.flat.path", file.to_str().unwrap())];
    worker.create(&seed(&world, &sink, &more));
    world.wait_for_rows(1);
    let reload = |bytes: &[u8], told: &str| {
        std::fs::write(&file, bytes).unwrap();
        worker.gateway.process.signal(libc::SIGHUP);
        worker.gateway.wait_for_log(told);
    };
    // An empty custom section: another file, and the same plugin.
    bytes.extend_from_slice(&[0, 2, 1, b'x']);
    reload(&bytes, "plugins swapped");
    reload(b"trash", "reload failed, its pipeline goes on as before");
    world.kafka.produce(&world.topic, 0, [&kline]);
    world.wait_for_rows(2);
    assert!(world.sandbox.rows(&world.table()).iter().all(|row| row["RECORD_CONTENT"]["symbol"] == "BTCUSDT"));
    let (_, metrics) = worker.get("/metrics");
    for result in ["success", "failure"] {
        let line = format!("snowgate_reloads_total{{result=\"{result}\"}} 1");
        assert!(metrics.as_str().unwrap().contains(&line), "{metrics}");
    }
    worker.stop_cleanly();
}

#[test]
fn a_connectors_plugin_is_taken_up_by_itself_where_the_workers_properties_say_so() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.kafka.produce(&world.topic, 0, [&crate::plugins::kline("BTCUSDT", "91250.1", true)]);
    let file = world.file("plugin", "wasm");
    let mut bytes = std::fs::read(gateway::plugin("kline_flatten.wasm")).unwrap();
    std::fs::write(&file, &bytes).unwrap();
    let worker = Worker::start(&world, "[connect.properties]\n\"snowgate.plugins.watch.ms\" = \"200\"");
    let more =
        [("transforms", "flat"), ("transforms.flat.type", "snowgate.plugin"), ("transforms.flat.path", file.to_str().unwrap())];
    worker.create(&seed(&world, &sink, &more));
    world.wait_for_rows(1);
    // An empty custom section: another file, and the same plugin.
    bytes.extend_from_slice(&[0, 2, 1, b'x']);
    std::fs::write(&file, &bytes).unwrap();
    worker.gateway.wait_for_log("plugin's file changed");
    worker.gateway.wait_for_log("plugins swapped");
    worker.stop_cleanly();
}

#[test]
fn a_bad_configuration_is_refused_and_harms_no_running_connector() {
    let world = World::new(1);
    let good = world.unique("good");
    let bad = world.unique("bad");
    world.produce_numbers(0, 0..10);
    let worker = Worker::start(&world, "providers = { file = { allowed_paths = [\"/run/secrets\"] } }");
    worker.create(&seed(&world, &good, &[]));
    world.wait_for_rows(10);
    for (more, text) in [
        (("topics.regex", "k.*"), "topics and topics.regex are mutually exclusive options, but both are set."),
        (("snowflake.url.name", "nonsense"), "is not a valid snowflake url"),
        (("snowflake.user.name", "NOBODY"), "Cannot connect to Snowflake"),
        (("snowflake.database.name", "NO_SUCH_DB"), "database does not exist"),
        (("snowflake.schema.name", "NO_SUCH_SCHEMA"), "schema does not exist"),
        (("value.converter", "io.confluent.connect.avro.AvroConverter"), "AvroConverter"),
        (("snowflake.private.key", "${file:/etc/passwd:root}"), "/etc/passwd"),
    ] {
        let (status, answer) = worker.send("POST", "/connectors", Some(&seed(&world, &bad, &[more])));
        assert_eq!(status, 400, "{more:?}: {answer:#}");
        assert!(answer["message"].as_str().unwrap().contains(text), "{more:?}: {answer:#}");
    }
    assert_eq!(worker.get("/connectors").1, json!([good]));
    world.produce_numbers(0, 10..20);
    world.assert_exactly_once();
    worker.stop_cleanly();
}

#[test]
fn a_connector_by_pattern_reads_the_topics_that_match() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.produce_numbers(0, 0..10);
    let worker = Worker::start(&world, "");
    let mut connector = seed(&world, &sink, &[("topics.regex", "klines_.*(?<!dead)")]);
    connector["config"].as_object_mut().unwrap().remove("topics");
    connector["config"]["topics.regex"] = json!(format!("{}(?!.dead).*", world.topic));
    worker.create(&connector);
    world.assert_exactly_once();
    worker.stop_cleanly();
}

#[test]
fn two_tables_with_the_same_records_are_told_from_two_that_differ() {
    let world = World::new(2);
    let one = world.unique("one");
    let two = world.unique("two");
    world.produce_numbers(0, 0..30);
    world.produce_numbers(1, 0..20);
    let worker = Worker::start(&world, "");
    worker.create(&seed(&world, &one, &[]));
    let map = format!("{}:second", world.topic);
    worker.create(&seed(&world, &two, &[("snowflake.topic2table.map", map.as_str())]));
    world.wait_for_rows(50);
    eventually("the second table", || (world.sandbox.account("SECOND", &world.topic).rows == 50).then_some(()));
    worker.stop_cleanly();
    let config = snowgate_e2e::Config::new(&world).to_text();
    let (code, text) = gateway::run_with(&world, "verify", &config, &[&world.table(), "second"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("no difference in 2 partitions, 50 rows compared"), "{text}");
    world.sandbox.query("DELETE FROM CRYPTO_DB.PUBLIC.SECOND WHERE RECORD_METADATA:offset::int = 7");
    let (code, text) = gateway::run_with(&world, "verify", &config, &[&world.table(), "second"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("30 rows against 29 within the offsets that both reach"), "{text}");
}
