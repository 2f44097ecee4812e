//! The part of a worker's properties that is about the REST interface.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::Reader;
use crate::guard::{self, Auth, Bind, Limits, Listeners, ResponseHeader, Tls};
use crate::worker::read_properties;

pub(super) struct Rest {
    pub(super) listeners: Listeners,
    pub(super) worker_id: String,
    pub(super) advertised_url: String,
}

const DEFAULT_PORT: u16 = 8083;

/// A token shorter than this can be guessed.
const MIN_TOKEN: usize = 16;

const BASIC_EXTENSION: &str = "BasicAuthSecurityRestExtension";

impl Reader<'_> {
    /// `None` where the faults say why.
    pub(super) fn rest(&mut self) -> Option<Rest> {
        let binds = self.binds();
        let tls = self.tls(binds.iter().any(|bind| bind.tls));
        let auth = Auth { token: self.token(), basic: self.basic() };
        // A fault in the protection itself is told once, not again as if there were none.
        let protection_meant = ["snowgate.token.file", "snowgate.token.env", "snowgate.basic.file", "rest.extension.classes"];
        let protected = !auth.is_open() || protection_meant.iter().any(|key| self.text(key).is_some());
        if let Some(open) = binds.iter().find(|bind| !bind.tls && !protected && !bind.is_loopback()) {
            let address = open.address();
            self.fault(
                "listeners",
                format!("`{address}` can be reached from other machines, and neither TLS, a token nor passwords protect it"),
                guard::WAYS_OUT,
            );
        }
        let origins = self.list("access.control.allow.origin", "");
        if origins.iter().any(|origin| origin == "*") && !protected {
            self.fault(
                "access.control.allow.origin",
                "`*` lets every web page that someone here opens change connectors, and neither a token nor passwords are set",
                "name the pages' origins, such as https://ui.example.com, or set a token or passwords",
            );
        }
        let cors_methods = self.list("access.control.allow.methods", "GET,POST,HEAD");
        let response_headers = self.response_headers();
        let first = binds.first()?;
        let (worker_id, advertised_url, host) = self.advertised(first, &binds)?;
        let mut hosts = self.list("snowgate.allowed.hosts", "");
        hosts.push(host);
        hosts.extend(binds.iter().map(|bind| bind.host.clone()));
        let listeners = Listeners { binds, tls, auth, hosts, origins, cors_methods, response_headers, limits: Limits::default() };
        Some(Rest { listeners, worker_id, advertised_url })
    }

    fn binds(&mut self) -> Vec<Bind> {
        if self.text("listeners").is_none() {
            let tls = self.text("snowgate.tls.certificate").is_some();
            let host = self.text("rest.host.name").unwrap_or("127.0.0.1").to_owned();
            let written = self.text("rest.port").map(str::to_owned);
            let port = written.as_deref().map_or(Some(DEFAULT_PORT), |text| text.parse().ok());
            if port.is_none() {
                self.fault("rest.port", format!("`{}` is not a port", written.unwrap_or_default()), "write a number up to 65535");
            } else if written.is_some() && self.text("rest.host.name").is_none() {
                self.notes.push(format!(
                    "`rest.port` alone listens on 127.0.0.1 only, the original everywhere; to be reached from elsewhere set `listeners` to \
                     http://0.0.0.0:{} with a token or passwords, or https",
                    port.unwrap_or(DEFAULT_PORT)
                ));
            }
            return port.map(|port| Bind { host, port, tls }).into_iter().collect();
        }
        let mut binds = Vec::new();
        for listener in self.list("listeners", "") {
            match parse_listener(&listener) {
                Some(bind) => binds.push(bind),
                None => self.fault(
                    "listeners",
                    format!("`{listener}` is not a listener"),
                    "write it as http://host:port or https://host:port",
                ),
            }
        }
        binds
    }

    fn tls(&mut self, wanted: bool) -> Option<Tls> {
        let certificate = self.path("snowgate.tls.certificate");
        let key = self.path("snowgate.tls.key");
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                self.must_be_file("snowgate.tls.certificate", &certificate);
                self.must_be_file("snowgate.tls.key", &key);
                if !wanted {
                    self.notes.push("a TLS certificate is set, and no listener is https".to_owned());
                }
                Some(Tls { certificate, key })
            }
            (Some(_), None) => {
                self.fault("snowgate.tls.key", "the certificate has no key", "name the PEM file of its private key");
                None
            }
            (None, Some(_)) => {
                self.fault("snowgate.tls.certificate", "the key has no certificate", "name the PEM file of its certificate");
                None
            }
            (None, None) if wanted => self.keystore(),
            (None, None) => None,
        }
    }

    /// Java's way: a keystore, by keys below `listeners.https.` or the worker's own.
    fn keystore(&mut self) -> Option<Tls> {
        const HINT: &str = "name PEM files by snowgate.tls.certificate and snowgate.tls.key (`tls` in [connect]), or set ssl.keystore.type=PEM and \
                            ssl.keystore.location to a file with both";
        let prefix = if self.text("listeners.https.ssl.keystore.location").is_some() { "listeners.https." } else { "" };
        let location_key = format!("{prefix}ssl.keystore.location");
        let Some(location) = self.path(&location_key) else {
            self.fault("listeners", "an https listener has no certificate", HINT);
            return None;
        };
        let kind = self.text(&format!("{prefix}ssl.keystore.type")).unwrap_or("JKS").to_owned();
        if !kind.eq_ignore_ascii_case("PEM") {
            self.fault(&location_key, format!("an https listener cannot read a keystore of type {kind}"), HINT);
            return None;
        }
        self.must_be_file(&location_key, &location);
        Some(Tls { certificate: location.clone(), key: location })
    }

    fn must_be_file(&mut self, key: &str, path: &Path) {
        if !path.is_file() {
            self.fault(key, format!("there is no file `{}`", path.display()), "name a file that exists and that we may read");
        }
    }

    fn token(&mut self) -> Option<SecretString> {
        let (key, text) = if let Some(path) = self.path("snowgate.token.file") {
            let key = "snowgate.token.file";
            let text = self.read_secret(key, &path)?;
            if is_open_to_others(&path) {
                self.fault(
                    key,
                    format!("`{}` can be read by others than its owner", path.display()),
                    "run `chmod 600` on it; of a Kubernetes secret, set `defaultMode: 0400`",
                );
            }
            (key, text)
        } else {
            let key = "snowgate.token.env";
            let variable = self.text(key)?.to_owned();
            match std::env::var(&variable) {
                Ok(text) => (key, text),
                Err(_) => {
                    self.fault(key, format!("there is no environment variable `{variable}`"), "set it to the token");
                    return None;
                }
            }
        };
        let token = text.trim();
        if token.len() < MIN_TOKEN {
            self.fault(key, format!("the token is shorter than {MIN_TOKEN} characters"), "make one with `openssl rand -hex 32`");
            return None;
        }
        Some(SecretString::from(token))
    }

    /// User and password of each line. The file is named by us, or by the login file of Connect's extension.
    fn basic(&mut self) -> Vec<(String, SecretString)> {
        let extensions = self.list("rest.extension.classes", "");
        let basic = extensions.iter().any(|class| class.ends_with(BASIC_EXTENSION));
        for class in extensions.iter().filter(|class| !class.ends_with(BASIC_EXTENSION)) {
            self.notes.push(format!(
                "`rest.extension.classes` names `{class}`: no classes are loaded; only {BASIC_EXTENSION} is built in"
            ));
        }
        let (key, path) = if let Some(path) = self.path("snowgate.basic.file") {
            ("snowgate.basic.file", path)
        } else if !basic {
            if !extensions.is_empty() {
                self.fault(
                    "rest.extension.classes",
                    "an extension that is not built in may have protected the interface",
                    format!(
                        "use org.apache.kafka.connect.rest.basic.auth.extension.{BASIC_EXTENSION}, or leave it out and set a token"
                    ),
                );
            }
            return Vec::new();
        } else if let Some(jaas) = self.path("snowgate.jaas.file") {
            let Some(text) = self.read_secret("snowgate.jaas.file", &jaas) else { return Vec::new() };
            let Some(file) = login_file(&text) else {
                self.fault(
                    "snowgate.jaas.file",
                    format!("`{}` has no section KafkaConnect with a PropertyFileLoginModule and file=\"…\"", jaas.display()),
                    "write one, or name the file of users by snowgate.basic.file",
                );
                return Vec::new();
            };
            ("snowgate.jaas.file", file)
        } else {
            self.fault(
                "rest.extension.classes",
                format!("{BASIC_EXTENSION} has no file of users"),
                "name it by snowgate.basic.file (CONNECT_SNOWGATE_BASIC_FILE, `auth.basic.file` in [connect]), or the login file by \
                 -Djava.security.auth.login.config in KAFKA_OPTS",
            );
            return Vec::new();
        };
        let Some(text) = self.read_secret(key, &path) else { return Vec::new() };
        if is_open_to_others(&path) {
            self.notes.push(format!(
                "`{}` with the users' passwords can be read by others than its owner; run `chmod 600` on it",
                path.display()
            ));
        }
        let users: Vec<(String, SecretString)> = read_properties(&text)
            .into_iter()
            .filter_map(|(user, password)| Some((user, password?)))
            .filter(|(_, password)| !password.is_empty())
            .map(|(user, password)| (user, SecretString::from(password)))
            .collect();
        if users.is_empty() {
            self.fault(key, format!("`{}` has no user with a password", path.display()), "write a line `user: password` for each");
        }
        users
    }

    fn read_secret(&mut self, key: &str, path: &Path) -> Option<String> {
        let read = fs::read_to_string(path);
        read.map_err(|error| {
            self.fault(
                key,
                format!("`{}` cannot be read: {}", path.display(), error.kind()),
                "name a file that exists and that we may read",
            )
        })
        .ok()
    }

    /// `host:port`, the URL, and the host alone.
    fn advertised(&mut self, first: &Bind, binds: &[Bind]) -> Option<(String, String, String)> {
        let scheme = self.text("rest.advertised.listener").map(str::to_ascii_lowercase);
        let bind = match scheme.as_deref() {
            Some("http") => binds.iter().find(|bind| !bind.tls).unwrap_or(first),
            Some("https") => binds.iter().find(|bind| bind.tls).unwrap_or(first),
            _ => first,
        };
        let (host, port) = match self.text("snowgate.advertise").map(str::to_owned) {
            Some(written) => {
                let parsed = written.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
                if parsed.is_none() {
                    self.fault(
                        "snowgate.advertise",
                        format!("`{written}` is not host:port"),
                        "write it as in connect.example.com:8083",
                    );
                }
                parsed?
            }
            None => {
                let port = self.text("rest.advertised.port").map(str::to_owned);
                let port = match port.map(|text| text.parse::<u16>().map_err(|_| text)) {
                    None => bind.port,
                    Some(Ok(port)) => port,
                    Some(Err(text)) => {
                        self.fault("rest.advertised.port", format!("`{text}` is not a port"), "write a number up to 65535");
                        return None;
                    }
                };
                let host = self.text("rest.advertised.host.name").unwrap_or(match &*bind.host {
                    "0.0.0.0" | "::" => "localhost",
                    host => host,
                });
                (host.to_owned(), port)
            }
        };
        let shown =
            if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let scheme = if bind.tls { "https" } else { "http" };
        Some((shown.clone(), format!("{scheme}://{shown}"), host))
    }

    fn response_headers(&mut self) -> Vec<ResponseHeader> {
        const KEY: &str = "response.http.headers.config";
        let Some(text) = self.text(KEY).map(str::to_owned) else { return Vec::new() };
        ResponseHeader::parse_list(&text).unwrap_or_else(|why| {
            self.fault(KEY, why, "write it as in: add Cache-Control: no-store, \"set X-Frame-Options: DENY\"");
            Vec::new()
        })
    }
}

/// `http://host:port`; no host means every address.
fn parse_listener(text: &str) -> Option<Bind> {
    let (scheme, rest) = text.split_once("://")?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let (host, port) = rest.trim_end_matches('/').rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.contains('/') {
        return None;
    }
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    Some(Bind { host: host.to_owned(), port: port.parse().ok()?, tls })
}

/// The users' file that section `KafkaConnect` of a login file names.
fn login_file(text: &str) -> Option<PathBuf> {
    let section = text.split_once("KafkaConnect")?.1.split_once('{')?.1.split_once('}')?.0;
    let options = section.split_once("PropertyFileLoginModule")?.1;
    let file = options.split_once("file")?.1.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
    Some(PathBuf::from(file.split_once('"')?.0))
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_path: &Path) -> bool {
    false
}
