//! Brokers that want TLS and a password, as production's do. On Apache Kafka; the embedded broker has neither.

use std::env;

use snowgate_e2e::{Config, Gateway, World, gateway};

/// The listener that wants TLS and a password, and what it takes to come in.
struct Secure {
    bootstrap: String,
    ca: String,
    user: String,
    password: String,
}

impl Secure {
    /// `None` on the embedded broker.
    fn of(world: &World) -> Option<Secure> {
        let variable =
            |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is set: use `cargo xtask test --kafka apache`"));
        world.kafka.is_apache().then(|| Secure {
            bootstrap: variable("KAFKA_SECURE_BOOTSTRAP"),
            ca: variable("KAFKA_SECURE_CA"),
            user: variable("KAFKA_SECURE_USER"),
            password: variable("KAFKA_SECURE_PASSWORD"),
        })
    }

    /// A configuration that comes in by `mechanism`, with the password from a file as it should be.
    fn config(&self, world: &World, mechanism: &str, password: &str) -> Config {
        let file = world.file("password", "txt");
        std::fs::write(&file, password).expect("the test's folder is writable");
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("the file is ours");
        let mut config = Config::new(world);
        config.brokers.clone_from(&self.bootstrap);
        config.kafka = format!(
            "[kafka.properties]\n\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = {mechanism:?}\n\"sasl.username\" = {:?}\n\
             \"sasl.password\" = {{ file = {file:?} }}\n\"ssl.ca.location\" = {:?}\n\"session.timeout.ms\" = \"6000\"\n",
            self.user, self.ca
        );
        config
    }
}

#[test]
fn records_come_over_tls_with_a_password_by_either_mechanism() {
    let world = World::new(2);
    let Some(secure) = Secure::of(&world) else { return };
    for (round, mechanism) in (0..).zip(["PLAIN", "SCRAM-SHA-512"]) {
        let gateway = Gateway::start(&world, &secure.config(&world, mechanism, &secure.password));
        for partition in 0..2 {
            world.produce_numbers(partition, round * 100..(round + 1) * 100);
        }
        world.wait_for_rows((round + 1) * 200);
        let log = gateway.stop_cleanly();
        assert!(!log.contains(&secure.password), "the password is in the log:\n{log}");
    }
    world.assert_exactly_once();
}

#[test]
fn a_wrong_password_and_a_certificate_that_nobody_vouches_for_are_named() {
    let world = World::new(1);
    let Some(secure) = Secure::of(&world) else { return };
    let says = |config: &Config, pieces: &[&str]| {
        let (code, text) = gateway::run(&world, "run", &config.to_text());
        assert_ne!(code, 0, "{text}");
        for piece in pieces {
            assert!(text.contains(piece), "`{piece}` is missing in:\n{text}");
        }
        assert!(!text.contains("not-the-password"), "{text}");
    };
    says(&secure.config(&world, "SCRAM-SHA-512", "not-the-password"), &["hint: check the `sasl.` entries of `[kafka.properties]`"]);
    let mut stranger = secure.config(&world, "PLAIN", &secure.password);
    stranger.kafka =
        stranger.kafka.lines().filter(|line| !line.contains("ssl.ca.location")).map(|line| format!("{line}\n")).collect();
    says(&stranger, &["hint: check `security.protocol` and `ssl.ca.location` in `[kafka.properties]`"]);
}

#[test]
fn a_right_that_is_missing_is_named_before_anything_moves() {
    let world = World::new(1);
    let Some(secure) = Secure::of(&world) else { return };
    let (readable, writable) = (world.unique("readable_topic"), world.unique("writable_topic"));
    for topic in [&readable, &writable] {
        world.kafka.create_topic(topic, 1);
    }
    let config = || secure.config(&world, "SCRAM-SHA-512", &secure.password);

    // One thing wrong after another, and what each is called.
    let unreadable = Config { topic: writable.clone(), ..config() };
    let unwritable = config().pipeline(&format!("dead_letter_topic = {readable:?}"));
    let stranger = Config { group: world.unique("others_group"), ..config() };
    let group = stranger.group.clone();
    for (config, step, cause) in [
        (unreadable, format!("failed  topic `{writable}`"), format!("topic `{writable}` may not be used with these credentials")),
        (unwritable, format!("failed  dead letter topic `{readable}`"), format!("topic `{readable}` may not be used")),
        (stranger, format!("failed  consumer group `{group}`"), format!("consumer group `{group}` may not be used")),
    ] {
        let (code, text) = gateway::run(&world, "check", &config.to_text());
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(&step) && text.contains("1 step of"), "{text}");
        let (code, text) = gateway::run(&world, "run", &config.to_text());
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(&cause), "`{cause}` is missing in:\n{text}");
    }

    let fine = Config { topic: readable, ..config() }.pipeline(&format!("dead_letter_topic = {writable:?}"));
    let (code, text) = gateway::run(&world, "check", &fine.to_text());
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("ok      consumer group"), "{text}");
}
