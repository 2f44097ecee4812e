use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{
    ConnectConfig, Handling, OverridePolicy, Problem, WorkerSettings, from_environment, from_properties, read_properties,
    worker_verdicts,
};
use crate::config_def::ConfigMap;
use crate::guard::Bind;
use crate::providers::Kind;
use crate::settings::Start;

fn properties(pairs: &[(&str, &str)]) -> ConfigMap {
    pairs.iter().map(|(key, value)| (key.to_string(), Some(value.to_string()))).collect()
}

fn settings(pairs: &[(&str, &str)]) -> WorkerSettings {
    from_properties(properties(pairs)).unwrap()
}

fn errors(pairs: &[(&str, &str)]) -> Vec<String> {
    from_properties(properties(pairs)).unwrap_err().into_iter().map(|error| error.0).collect()
}

fn shown(properties: &[(String, SecretString)]) -> Vec<String> {
    properties.iter().map(|(name, value)| format!("{name}={}", value.expose_secret())).collect()
}

fn file(folder: &Path, name: &str, text: &str, mode: u32) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    path.display().to_string()
}

#[test]
fn a_properties_file_is_read_as_java_reads_it() {
    let text = "# a comment\n! another\n\n  a = 1\nb:2\nc 3\nd=x\\\n   y\\\r\n  z\ne\\ f\\=g=h\\:i\nempty\nu=\\u00e9\\uD83D\\uDE00\\t\\q\na=last\nodd=end\\\\\nlast=w\\";
    let read = read_properties(text);
    let expected = [
        ("a", "last"),
        ("b", "2"),
        ("c", "3"),
        ("d", "xyz"),
        ("e f=g", "h:i"),
        ("empty", ""),
        ("u", "é😀\tq"),
        ("odd", "end\\"),
        ("last", "w"),
    ];
    assert_eq!(read, properties(&expected));
}

#[test]
fn the_images_variables_become_worker_keys() {
    let vars = [
        ("CONNECT_BOOTSTRAP_SERVERS", "kafka:9092"),
        ("CONNECT_REST_PORT", "8083"),
        ("CONNECT_VALUE_CONVERTER_SCHEMAS_ENABLE", "false"),
        ("CONNECT_CONSUMER_MAX_POLL_RECORDS", "5"),
        ("CONNECT_ODD__KEY___NAME", "x"),
        ("PATH", "/bin"),
        ("KAFKA_OPTS", "-Xmx1g -Djava.security.auth.login.config=/etc/jaas.conf"),
    ];
    let read = from_environment(vars.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    assert_eq!(
        read,
        properties(&[
            ("bootstrap.servers", "kafka:9092"),
            ("consumer.max.poll.records", "5"),
            ("odd_key-name", "x"),
            ("rest.port", "8083"),
            ("snowgate.jaas.file", "/etc/jaas.conf"),
            ("value.converter.schemas.enable", "false"),
        ])
    );
}

#[test]
fn the_section_a_properties_file_and_the_environment_give_the_same_settings() {
    let toml = r#"
        listen = "127.0.0.1:18083"
        advertise = "connect:18083"
        state = "/var/lib/connectors"
        value_converter = "org.apache.kafka.connect.storage.StringConverter"
        override_policy = "Principal"
        topic_tracking = false
        show_secrets = true
        [providers.env]
        allowed = "SF_.*"
        [properties]
        "security.protocol" = "SASL_SSL"
        "sasl.mechanism" = "PLAIN"
        "sasl.jaas.config" = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";'
        "consumer.fetch.min.bytes" = "7"
        "group.id" = "g"
        "snowgate.plugins.watch.ms" = "5000"
    "#;
    let text = r#"
        listeners=http://127.0.0.1:18083
        rest.advertised.host.name=connect
        snowgate.state=/var/lib/connectors
        value.converter=org.apache.kafka.connect.storage.StringConverter
        connector.client.config.override.policy=Principal
        topic.tracking.enable=false
        snowgate.show.secrets=true
        config.providers=env
        config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
        config.providers.env.param.allowlist.pattern=SF_.*
        security.protocol=SASL_SSL
        sasl.mechanism=PLAIN
        sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
            username="u" password="p";
        consumer.fetch.min.bytes=7
        bootstrap.servers=kafka:9092
        group.id=g
        snowgate.plugins.watch.ms=5000
    "#;
    let from_file = read_properties(text);
    let variable = |key: &str| format!("CONNECT_{}", key.to_uppercase().replace('.', "_"));
    let vars = from_file.iter().map(|(key, value)| (variable(key), value.clone().unwrap()));
    let from_vars = from_environment(vars);
    let config: ConnectConfig = toml::from_str(toml).unwrap();
    let sources = [
        config.resolve(Path::new("/etc"), &["kafka:9092".to_owned()]).unwrap(),
        from_properties(from_file).unwrap(),
        from_properties(from_vars).unwrap(),
    ];
    for settings in sources {
        assert_eq!(settings.bootstrap_servers, ["kafka:9092"]);
        assert_eq!(settings.listeners.binds, [Bind { host: "127.0.0.1".to_owned(), port: 18083, tls: false }]);
        assert_eq!((&*settings.worker_id, &*settings.advertised_url), ("connect:18083", "http://connect:18083"));
        assert_eq!(settings.state, PathBuf::from("/var/lib/connectors"));
        assert_eq!(settings.value_converter, "org.apache.kafka.connect.storage.StringConverter");
        assert_eq!(settings.override_policy, OverridePolicy::Principal);
        assert_eq!(
            (settings.topic_tracking, settings.topic_tracking_reset, settings.show_secrets, settings.admin),
            (false, true, true, true)
        );
        assert!(
            matches!(&*settings.providers, [provider] if provider.name == "env" && matches!(provider.kind, Kind::Env { allowed: Some(_) }))
        );
        let mut client = shown(&settings.client);
        client.sort();
        let login = ["sasl.mechanism=PLAIN", "sasl.password=p", "sasl.username=u", "security.protocol=sasl_ssl"];
        assert_eq!(client, login);
        let mut consumer = shown(&settings.consumer);
        consumer.sort();
        assert_eq!(consumer[0], "fetch.min.bytes=7");
        assert_eq!(consumer[1..], login);
        assert_eq!(settings.group_id, "g");
        assert_eq!(settings.plugin_watch, Some(Duration::from_secs(5)));
        assert!(!format!("{:?}", settings.client).contains("\"p\""));
    }
}

#[test]
fn an_interval_that_no_file_is_looked_at_by_is_refused() {
    for text in ["5s", "99", "3600001", "-1"] {
        let expected = format!(
            "snowgate.plugins.watch.ms: `{text}` is no number of milliseconds from 100 to 3600000; write such as 5000, or leave it out so \
             that only SIGHUP takes changed files up"
        );
        assert_eq!(errors(&[("snowgate.plugins.watch.ms", text)]), [expected]);
    }
    assert_eq!(settings(&[("snowgate.plugins.watch.ms", "100")]).plugin_watch, Some(Duration::from_millis(100)));
}

#[test]
fn nothing_written_listens_on_loopback_and_has_every_default() {
    let settings = settings(&[]);
    assert_eq!(settings.listeners.binds, [Bind { host: "127.0.0.1".to_owned(), port: 8083, tls: false }]);
    assert_eq!((&*settings.worker_id, settings.bootstrap_servers), ("127.0.0.1:8083", vec!["localhost:9092".to_owned()]));
    assert_eq!(settings.key_converter, "org.apache.kafka.connect.storage.StringConverter");
    assert_eq!(settings.value_converter, "org.apache.kafka.connect.json.JsonConverter");
    assert_eq!(settings.properties["value.converter.schemas.enable"].as_deref(), Some("false"));
    assert_eq!(settings.override_policy, OverridePolicy::All);
    assert!(!settings.show_secrets && settings.notes.is_empty() && settings.plugin_watch.is_none());
}

#[test]
fn a_converter_that_is_named_keeps_kafkas_default_for_schemas() {
    let settings = settings(&[("value.converter", "org.apache.kafka.connect.json.JsonConverter")]);
    assert!(!settings.properties.contains_key("value.converter.schemas.enable"));
}

#[test]
fn a_listener_that_others_reach_needs_protection() {
    for listener in ["http://:8083", "http://0.0.0.0:8083", "http://10.0.0.1:8083", "http://[::]:8083", "http://connect:8083"] {
        let errors = errors(&[("listeners", listener)]);
        assert_eq!(errors.len(), 1);
        for way_out in [
            "listeners: ",
            "CONNECT_SNOWGATE_TOKEN_FILE",
            "BasicAuthSecurityRestExtension",
            "CONNECT_SNOWGATE_TLS_CERTIFICATE",
            "127.0.0.1",
        ] {
            assert!(errors[0].contains(way_out), "{errors:?}");
        }
    }
    for listener in ["http://localhost:8083", "http://127.0.0.2:8083", "http://[::1]:8083"] {
        settings(&[("listeners", listener)]);
    }
    let folder = tempfile::tempdir().unwrap();
    let token = file(folder.path(), "token", "0123456789abcdef\n", 0o600);
    let open = settings(&[("listeners", "http://:8083,http://127.0.0.1:1"), ("snowgate.token.file", &token)]);
    assert_eq!(open.listeners.binds[0], Bind { host: "0.0.0.0".to_owned(), port: 8083, tls: false });
    assert_eq!(open.listeners.auth.token.unwrap().expose_secret(), "0123456789abcdef");
    assert_eq!(open.worker_id, "localhost:8083");
}

#[cfg(unix)]
#[test]
fn a_token_that_others_can_read_or_guess_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let readable = file(folder.path(), "readable", "0123456789abcdef", 0o640);
    let short = file(folder.path(), "short", "canary", 0o600);
    assert!(
        errors(&[("snowgate.token.file", &readable)])[0].contains("can be read by others than its owner; run `chmod 600` on it")
    );
    let error = errors(&[("snowgate.token.file", &short), ("listeners", "http://:8083")]).join("\n");
    assert_eq!(error, "snowgate.token.file: the token is shorter than 16 characters; make one with `openssl rand -hex 32`");
    assert!(errors(&[("snowgate.token.file", "/no/such/file")])[0].contains("`/no/such/file` cannot be read"));
    assert!(errors(&[("snowgate.token.env", "NO_SUCH_VARIABLE")])[0].contains("no environment variable `NO_SUCH_VARIABLE`"));
}

#[test]
fn connects_own_extension_reads_its_users_through_the_login_file() {
    let folder = tempfile::tempdir().unwrap();
    let users = file(folder.path(), "users.properties", "ann: one two\nbob=two\n", 0o644);
    let module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule";
    let jaas =
        file(folder.path(), "jaas.conf", &format!("KafkaConnect {{\n  {module} required\n  file=\"{users}\";\n}};\n"), 0o644);
    let extension = ("rest.extension.classes", "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension");
    for pair in [("snowgate.jaas.file", &*jaas), ("snowgate.basic.file", &*users)] {
        let settings = settings(&[extension, pair, ("listeners", "http://:8083")]);
        let users: Vec<String> = shown(&settings.listeners.auth.basic);
        assert_eq!(users, ["ann=one two", "bob=two"]);
        assert!(settings.notes.iter().any(|note| note.contains("run `chmod 600` on it")) || cfg!(not(unix)));
    }
    assert!(errors(&[extension])[0].contains("has no file of users"));
    assert!(errors(&[("rest.extension.classes", "com.example.Guard")])[0].contains("an extension that is not built in"));
}

#[test]
fn https_needs_pem_files() {
    let folder = tempfile::tempdir().unwrap();
    let pem = file(folder.path(), "both.pem", "", 0o600);
    let https = ("listeners", "https://0.0.0.0:8443");
    let own = settings(&[https, ("snowgate.tls.certificate", &pem), ("snowgate.tls.key", &pem)]);
    let java = settings(&[https, ("listeners.https.ssl.keystore.location", &pem), ("listeners.https.ssl.keystore.type", "PEM")]);
    assert_eq!(own.listeners.tls, java.listeners.tls);
    assert_eq!(own.advertised_url, "https://localhost:8443");
    assert!(errors(&[https])[0].contains("an https listener has no certificate"));
    let jks = errors(&[https, ("listeners.https.ssl.keystore.location", "/s/k.jks")]);
    assert!(jks[0].contains("keystore of type JKS") && jks[0].contains("snowgate.tls.certificate"), "{jks:?}");
    assert!(errors(&[("snowgate.tls.certificate", &pem)])[0].contains("the certificate has no key"));
}

#[test]
fn every_page_may_use_us_only_behind_a_password() {
    let errors = errors(&[("access.control.allow.origin", "*")]);
    assert!(errors[0].contains("name the pages' origins"), "{errors:?}");
    let named = settings(&[("access.control.allow.origin", "http://ui.example.test"), ("access.control.allow.methods", "GET,PUT")]);
    assert_eq!(
        (named.listeners.origins, named.listeners.cors_methods),
        (vec!["http://ui.example.test".to_owned()], vec!["GET".to_owned(), "PUT".to_owned()])
    );
}

#[test]
fn every_problem_is_told_at_once_with_its_key() {
    let errors = errors(&[
        ("listeners", "ftp://x:1"),
        ("topic.tracking.enable", "maybe"),
        ("consumer.max.poll.records", "many"),
        ("sasl.mechanism", "GSSAPI"),
        ("connector.client.config.override.policy", "Some"),
        ("config.providers", "a,b"),
        ("config.providers.a.class", "x.Vault"),
        ("log4j.root.loglevel", "loud"),
        ("log4j.loggers", "org.apache.kafka=DEBUG,com.snowflake,root=chatty"),
        ("response.http.headers.config", "put X: y"),
        ("rest.advertised.port", "big"),
    ]);
    let begins = [
        "listeners: `ftp://x:1` is not a listener; write it as http://host:port or https://host:port",
        "response.http.headers.config: `put X: y` does not begin with add, set, addDate or setDate",
        "Invalid value GSSAPI for configuration sasl.mechanism: this mechanism is not built in",
        "consumer.max.poll.records: Invalid value many for configuration max.poll.records: Not a number of type INT",
        "connector.client.config.override.policy: there is no override policy `Some`",
        "config.providers.a.class: there is no provider class `x.Vault`",
        "config.providers.b.class: provider `b` has no class",
        "Invalid value maybe for configuration topic.tracking.enable: Expected value to be either true or false; write true or false",
        "log4j.root.loglevel: there is no log level `LOUD`",
        "log4j.loggers: `com.snowflake` names no level",
        "log4j.loggers: there is no log level `CHATTY`",
    ];
    assert_eq!(errors.len(), begins.len(), "{errors:#?}");
    for (error, begin) in errors.iter().zip(begins) {
        assert!(error.starts_with(begin), "{error}\n{begin}");
    }
}

#[test]
fn the_levels_of_loggers_are_taken_as_the_image_writes_them() {
    let variables = [
        ("CONNECT_LOG4J_ROOT_LOGLEVEL", "off"),
        ("CONNECT_LOG4J_LOGGERS", "org.reflections=ERROR, com.snowflake.kafka.connector=debug,org.apache.kafka.clients=ALL"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = from_properties(from_environment(variables.into_iter())).unwrap();
    assert_eq!(settings.log_level, Some("ERROR"));
    let expected =
        [("org.reflections", "ERROR"), ("com.snowflake.kafka.connector", "DEBUG"), ("org.apache.kafka.clients", "TRACE")];
    assert_eq!(settings.log_levels, expected.map(|(logger, level)| (logger.to_owned(), level)));
    assert!(settings.notes.is_empty(), "{:?}", settings.notes);
}

#[test]
fn a_sasl_protocol_without_a_mechanism_is_refused_for_java_would_take_gssapi() {
    let errors = errors(&[("consumer.security.protocol", "SASL_SSL")]);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with("consumer.sasl.mechanism: "), "{errors:?}");
    settings(&[("consumer.security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN")]);
}

#[test]
fn the_worker_starts_consumers_where_its_properties_say() {
    assert_eq!(settings(&[("consumer.auto.offset.reset", "latest")]).start, Some(Start::Latest));
    assert_eq!(settings(&[("auto.offset.reset", "latest")]).start, None);
}

#[test]
fn keys_that_do_nothing_are_told_and_known_ones_are_not() {
    let settings = settings(&[
        ("config.storage.topic", "c"),
        ("no.such.key", "1"),
        ("producer.acks", "1"),
        ("plugin.path", "/usr/share/java, plugins"),
        ("ssl.cipher.suites", "X"),
    ]);
    assert_eq!(
        settings.notes,
        [
            "`config.storage.topic` does nothing: connectors are kept in the state folder, not in topics",
            "`no.such.key` is not a worker property we know; it is kept, and does nothing by itself",
            "`producer.acks` does nothing: a dead letter counts when every in-sync replica holds it",
        ]
    );
    assert_eq!(settings.properties["no.such.key"].as_deref(), Some("1"));
    assert_eq!(settings.plugin_path, [PathBuf::from("/usr/share/java"), PathBuf::from("plugins")]);
}

#[test]
fn rest_port_alone_stays_on_loopback_and_says_so() {
    let settings = settings(&[("rest.port", "28083")]);
    assert_eq!(settings.listeners.binds[0], Bind { host: "127.0.0.1".to_owned(), port: 28083, tls: false });
    assert!(settings.notes[0].contains("`rest.port` alone listens on 127.0.0.1 only"));
}

#[test]
fn the_admin_paths_follow_their_listeners() {
    assert!(settings(&[]).admin);
    assert!(!settings(&[("admin.listeners", "")]).admin);
    assert!(settings(&[("listeners", "http://localhost:1"), ("admin.listeners", "http://localhost:1")]).admin);
    let elsewhere = settings(&[("admin.listeners", "http://localhost:2")]);
    assert!(!elsewhere.admin && elsewhere.notes[0].contains("/admin is not served"));
}

#[test]
fn override_policies_refuse_in_the_originals_words() {
    let policy = |name: &str| {
        settings(&[("connector.client.config.override.policy", name), ("connector.client.config.override.allowlist", "a,b")])
            .override_policy
    };
    assert_eq!(
        policy("None").allows("max.poll.records").unwrap_err().0,
        "The 'None' policy does not allow 'max.poll.records' to be overridden in the connector configuration."
    );
    assert!(policy("All").allows("x").is_ok());
    let principal = policy("org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy");
    assert!(principal.allows("sasl.jaas.config").is_ok() && principal.allows("fetch.min.bytes").is_err());
    assert!(policy("Allowlist").allows("b").is_ok() && policy("Allowlist").allows("c").is_err());
}

#[test]
fn a_problem_of_the_section_names_its_field() {
    let config: ConnectConfig = toml::from_str(
        r#"
        listen = ["0.0.0.0:8083", "x"]
        advertise = "nowhere"
        tls = { certificate = "no.pem", key = "no.key" }
        override_policy = "Some"
        allowed_origins = ["*"]
        [auth.token]
        [providers.file]
        allowed_paths = ["relative"]
        [providers.env]
        allowed = "("
        [properties]
        "consumer.fetch.min.bytes" = "x"
        "#,
    )
    .unwrap();
    let problems = config.resolve(Path::new("/base"), &[]).unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|problem| &*problem.field).collect();
    let expected = [
        "auth.token",
        "listen",
        "tls.certificate",
        "tls.key",
        "allowed_origins",
        "advertise",
        "properties.\"consumer.fetch.min.bytes\"",
        "override_policy",
        "providers.file.allowed_paths",
        "providers.env.allowed",
    ];
    assert_eq!(fields, expected, "{problems:#?}");
    assert!(problems[2].message.contains("/base/no.pem"));
}

#[test]
fn a_worker_file_comes_first_and_the_section_wins() {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "worker.properties", "group.id=a\ntopic.tracking.enable=false\nbootstrap.servers=k:1\n", 0o644);
    let config: ConnectConfig = toml::from_str("worker_file = \"worker.properties\"\ntopic_tracking = true\n").unwrap();
    let settings = config.resolve(folder.path(), &["other:1".to_owned()]).unwrap();
    assert_eq!((&*settings.group_id, settings.topic_tracking, settings.bootstrap_servers), ("a", true, vec!["k:1".to_owned()]));
    assert_eq!(settings.state, folder.path().join("connect-state"));
    let missing: ConnectConfig = toml::from_str("worker_file = \"absent\"").unwrap();
    assert!(matches!(&*missing.resolve(folder.path(), &[]).unwrap_err(), [Problem { field, .. }] if field == "worker_file"));
}

#[test]
fn a_field_that_is_not_there_is_an_error() {
    assert!(toml::from_str::<ConnectConfig>("lisen = \"x\"").unwrap_err().to_string().contains("unknown field `lisen`"));
    assert!(toml::from_str::<ConnectConfig>("listen = 5").unwrap_err().to_string().contains("`host:port`, or a list of them"));
}

#[test]
fn every_verdict_is_given_once_and_says_why_where_something_differs() {
    let keys: BTreeSet<&str> = worker_verdicts().iter().map(|verdict| verdict.key).collect();
    assert_eq!(keys.len(), worker_verdicts().len());
    for verdict in worker_verdicts() {
        match verdict.handling {
            Handling::Honoured => {}
            Handling::Mapped(why) | Handling::NotNeeded(why) => assert!(why.len() > 10, "{}", verdict.key),
        }
    }
}

#[test]
fn no_debug_output_and_no_error_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "token", "canary-0123456789", 0o600);
    file(folder.path(), "users", "ann: canary-1", 0o600);
    let toml = r#"
        [auth]
        token = { file = "token" }
        basic = { file = "users" }
        [properties]
        "sasl.mechanism" = "PLAIN"
        "sasl.jaas.config" = 'x.PlainLoginModule required username="u" password="canary-2";'
        "consumer.sasl.jaas.config" = 'x.PlainLoginModule required username="u" password="canary-3";'
        "ssl.key.password" = "canary-4"
        "value.converter.basic.auth.user.info" = "u:canary-5"
    "#;
    let mut config: ConnectConfig = toml::from_str(toml).unwrap();
    let settings = config.resolve(folder.path(), &[]).unwrap();
    assert!(!format!("{config:?}{settings:?}").contains("canary"));
    config.listen = toml::from_str::<ConnectConfig>("listen = \"x\"").unwrap().listen;
    config.properties.insert("producer.sasl.jaas.config".to_owned(), toml::Value::from("canary-6").try_into().unwrap());
    let problems = config.resolve(folder.path(), &[]).unwrap_err();
    assert_eq!(problems.len(), 2);
    assert!(!format!("{problems:?}").contains("canary"));
}
