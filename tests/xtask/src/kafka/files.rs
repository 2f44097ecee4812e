//! The files that a local Apache Kafka is made of: what Maven is to fetch, how nodes log, how one node is configured.

use super::wire::{Acl, Operation, Resource};

/// Pinned: tests and figures are about this version.
pub(crate) const VERSION: &str = "4.3.1";

/// What a broker is made of. `kafka-tools` holds the command-line tools; Kafka logs through slf4j 1.7, whose binding is
/// `log4j-slf4j-impl`.
pub(super) const BROKER: &[(&str, &str, &str)] = &[
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "kafka-tools", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),
    ("org.apache.logging.log4j", "log4j-core", "2.24.3"),
];

/// What a Connect worker is made of.
pub(super) const CONNECT: &[(&str, &str, &str)] = &[
    ("org.apache.kafka", "connect-runtime", VERSION),
    ("org.apache.kafka", "connect-json", VERSION),
    ("org.apache.kafka", "connect-transforms", VERSION),
    ("org.apache.kafka", "connect-file", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),
    ("org.apache.logging.log4j", "log4j-core", "2.24.3"),
];

/// Has Maven copy jars and what they need into `lib/`. Compiles nothing.
pub(super) fn pom(dependencies: &[(&str, &str, &str)]) -> String {
    let dependency = |&(group, artifact, version): &(&str, &str, &str)| {
        format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
        )
    };
    let dependencies: String = dependencies.iter().map(dependency).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>snowgate.local</groupId>
  <artifactId>kafka</artifactId>
  <version>{VERSION}</version>
  <packaging>pom</packaging>
  <dependencies>
{}  </dependencies>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.8.1</version>
    <executions><execution>
      <phase>package</phase>
      <goals><goal>copy-dependencies</goal></goals>
      <configuration>
        <outputDirectory>${{project.basedir}}/lib</outputDirectory>
        <includeScope>runtime</includeScope>
      </configuration>
    </execution></executions>
  </plugin></plugins></build>
</project>
"#,
        dependencies
    )
}

/// Warnings and worse, to the node's log.
pub(super) const LOGGING: &str = "\
status = error
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
";

/// From a node's port to the one that wants TLS and a password; the controller's is in between.
pub(super) const SECURE_STEP: u16 = 2;

/// What [`USER`] may do with topics and groups of these names; for tests of what it may not.
pub(super) const ACLS: &[Acl] = &[
    Acl { resource: Resource::Topic, prefix: "readable_", user: USER, operation: Operation::Read },
    Acl { resource: Resource::Topic, prefix: "readable_", user: USER, operation: Operation::Describe },
    Acl { resource: Resource::Topic, prefix: "writable_", user: USER, operation: Operation::Write },
    Acl { resource: Resource::Topic, prefix: "writable_", user: USER, operation: Operation::Describe },
    Acl { resource: Resource::Group, prefix: "others_", user: "somebody", operation: Operation::Read },
];

/// Who may come in by the listener that wants TLS and a password. Both listeners are on loopback, and this is no secret.
pub(crate) const USER: &str = "snowgate";
pub(crate) const PASSWORD: &str = "snowgate-secret";

/// A node's `server.properties`: broker and controller in one, on loopback only. Its certificate is in `keystore`.
pub(super) fn properties(node: u16, ports: &[u16], data: &str, keystore: &str) -> String {
    let (nodes, broker) = (ports.len(), ports[usize::from(node) - 1]);
    let controllers: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{}", port + 1)).collect();
    let in_sync = if nodes > 1 { 2 } else { 1 };
    let listeners = format!(
        "PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{},SASL_SSL://127.0.0.1:{}",
        broker + 1,
        broker + SECURE_STEP
    );
    let login = |module: &str, options: &str| format!("org.apache.kafka.common.security.{module} required{options};");
    let lines = [
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", node.to_string()),
        ("controller.quorum.bootstrap.servers", controllers.join(",")),
        ("listeners", listeners.clone()),
        ("advertised.listeners", listeners),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL".to_owned()),
        ("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-512".to_owned()),
        ("listener.name.sasl_ssl.plain.sasl.jaas.config", login("plain.PlainLoginModule", &format!(" user_{USER}=\"{PASSWORD}\""))),
        ("listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config", login("scram.ScramLoginModule", "")),
        // Whoever comes in by the open listener may do everything; others what `ACLS` says, and all that it says nothing about.
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned()),
        ("super.users", "User:ANONYMOUS".to_owned()),
        ("allow.everyone.if.no.acl.found", "true".to_owned()),
        ("ssl.keystore.type", "PKCS12".to_owned()),
        ("ssl.keystore.location", keystore.to_owned()),
        ("ssl.keystore.password", PASSWORD.to_owned()),
        ("inter.broker.listener.name", "PLAINTEXT".to_owned()),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        ("log.dirs", data.to_owned()),
        ("num.partitions", "4".to_owned()),
        // A misspelt topic should be an error here as it is in production.
        ("auto.create.topics.enable", "false".to_owned()),
        ("default.replication.factor", nodes.to_string()),
        ("min.insync.replicas", in_sync.to_string()),
        ("offsets.topic.replication.factor", nodes.to_string()),
        ("offsets.topic.num.partitions", "8".to_owned()),
        ("transaction.state.log.replication.factor", nodes.to_string()),
        ("transaction.state.log.min.isr", in_sync.to_string()),
        ("transaction.state.log.num.partitions", "8".to_owned()),
        ("share.coordinator.state.topic.replication.factor", nodes.to_string()),
        ("share.coordinator.state.topic.min.isr", in_sync.to_string()),
        // A group of one should not wait for more.
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        // Tests send dead letters that are larger than the record they are about.
        ("message.max.bytes", "20000000".to_owned()),
        ("replica.fetch.max.bytes", "20000000".to_owned()),
        ("log.retention.hours", "24".to_owned()),
    ];
    lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_names_all_controllers_and_only_loopback() {
        let text = properties(2, &[9092, 9102, 9112], "/data", "/keys");
        assert!(text.contains("controller.quorum.bootstrap.servers=127.0.0.1:9093,127.0.0.1:9103,127.0.0.1:9113\n"), "{text}");
        let listeners = "listeners=PLAINTEXT://127.0.0.1:9102,CONTROLLER://127.0.0.1:9103,SASL_SSL://127.0.0.1:9104\n";
        assert!(text.contains(listeners), "{text}");
        assert!(text.contains("min.insync.replicas=2\n") && text.contains("default.replication.factor=3\n"), "{text}");
        assert!(!text.contains("0.0.0.0"));
    }

    #[test]
    fn the_pom_pins_every_version() {
        let pom = pom(BROKER);
        assert_eq!(pom.matches("<dependency>").count(), 4);
        assert_eq!(pom.matches("<version>4.3.1</version></dependency>").count(), 2);
    }
}
