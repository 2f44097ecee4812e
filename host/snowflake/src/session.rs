//! Being logged in: the host that takes rows and the token it wants.
//!
//! A login asks the account's host for both. All callers share one session, and one login at a time serves all who wait for it.
//! A session is replaced a while before its token ends, when the host says that the token is no longer good, and when the pipe has
//! failed over to another host. While the token still lives, a failed renewal harms nobody.
//!
//! Every call to the account's host carries a login token of its own. When such a token is refused, the key file is read again, for
//! it may have been replaced, and the server's clock is compared with ours; if either explains the refusal, the call is sent once more.
//!
//! What must stay true: a token goes only to the host it was asked for, and that host is of the account's own domain.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tracing::{info, warn};
use uuid::Uuid;

use crate::account::is_loopback;
use crate::auth::KeyPair;
use crate::config::SnowflakeSettings;
use crate::error::{Asked, Call, Error, Login};
use crate::transport::{Reply, Request, TokenType, Transport, not_understood};
use crate::wire;

/// A token is renewed this long before it ends.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// After a failed renewal, the next one comes no sooner.
const RENEW_PAUSE: Duration = Duration::from_secs(3);
/// For a token that does not say how long it lives. The host says so when it has ended.
const UNTOLD_LIFE: Duration = Duration::from_secs(600);
/// No token is believed to live longer; the host says so when it has ended.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Clocks that differ by less do not explain a refused login.
const SKEW_MATTERS: i64 = 30;
/// A clock further off than this is a fault to be mended, not made up for.
const SKEW_CORRECTED: i64 = 300;

/// A host that takes rows, and the token for it.
pub(crate) struct Session {
    /// Host and port, for people.
    pub(crate) host: String,
    pub(crate) token: SecretString,
    url: Url,
    renew_at: Instant,
    ends_at: Instant,
}

impl Session {
    pub(crate) fn url(&self, path: &str) -> Url {
        self.url.join(path).expect("an absolute path joins any URL")
    }
}

type LoginCell = OnceCell<Result<Arc<Session>, Error>>;

#[derive(Default)]
struct Current {
    session: Option<Arc<Session>>,
    /// The login under way, which everyone waits for.
    login: Option<Arc<LoginCell>>,
    /// No renewal before this.
    pause_until: Option<Instant>,
}

/// The account's host, and the one session that everyone shares.
pub(crate) struct AccountHost {
    transport: Transport,
    settings: Arc<SnowflakeSettings>,
    key: Mutex<Arc<KeyPair>>,
    /// Seconds to add to our clock to get Snowflake's, where ours is known to be off.
    clock_correction: AtomicI64,
    current: Mutex<Current>,
}

impl AccountHost {
    pub(crate) fn new(transport: Transport, settings: Arc<SnowflakeSettings>) -> AccountHost {
        let key = Mutex::new(Arc::clone(&settings.key));
        AccountHost { transport, settings, key, clock_correction: AtomicI64::new(0), current: Mutex::new(Current::default()) }
    }

    pub(crate) fn settings(&self) -> &SnowflakeSettings {
        &self.settings
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The account's host and port, for people.
    pub(crate) fn host(&self) -> String {
        authority(&self.settings.url)
    }

    // ---- the session

    /// The session as it is, or a new one. Safe to drop half-way: another waiter then carries the login on.
    pub(crate) async fn session(&self) -> Result<Arc<Session>, Error> {
        let login = {
            let mut current = self.current();
            let now = Instant::now();
            if let Some(session) = &current.session {
                let paused = current.pause_until.is_some_and(|until| now < until);
                if now < session.renew_at || (paused && now < session.ends_at) {
                    return Ok(Arc::clone(session));
                }
            }
            Arc::clone(current.login.get_or_insert_default())
        };
        let result = login.get_or_init(|| self.log_in()).await.clone();
        let mut current = self.current();
        let is_first = current.login.as_ref().is_some_and(|cell| Arc::ptr_eq(cell, &login));
        if is_first {
            current.login = None;
            match &result {
                Ok(session) => {
                    current.session = Some(Arc::clone(session));
                    current.pause_until = None;
                }
                Err(_) => current.pause_until = Some(Instant::now() + RENEW_PAUSE),
            }
        }
        match (result, &current.session) {
            (Err(error), Some(session)) if Instant::now() < session.ends_at => {
                if is_first {
                    warn!(error = error.in_one_line(), "the token for loading could not be renewed, the old one still lives");
                }
                Ok(Arc::clone(session))
            }
            (result, _) => result,
        }
    }

    /// Forgets `session` if it is still the current one; the next call logs in anew.
    pub(crate) fn forget(&self, session: &Arc<Session>) {
        let mut current = self.current();
        if current.session.as_ref().is_some_and(|held| Arc::ptr_eq(held, session)) {
            current.session = None;
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // Nothing panics while it holds the lock, and a session is replaced whole.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn log_in(&self) -> Result<Arc<Session>, Error> {
        let ingest_host = self.ask_hostname().await?;
        self.ask_token(&ingest_host).await.map(Arc::new)
    }

    /// The host that takes rows, as the account's host names it.
    pub(crate) async fn ask_hostname(&self) -> Result<String, Error> {
        let asked = Asked::new(Call::Hostname, self.host(), "");
        let id = Uuid::new_v4();
        let (reply, _) = self
            .ask(&asked, |attempt| Request::new(Method::GET, self.url(&wire::with_request_id(wire::HOSTNAME_PATH, id, attempt))))
            .await?;
        let host = wire::parse_hostname(&reply.body).map_err(|text| not_understood(&asked, text))?;
        // Certificates are issued for the name with hyphens.
        let host = host.to_ascii_lowercase().replace('_', "-");
        let account_host = self.settings.url.host_str().unwrap_or_default();
        if !is_same_domain(account_host, &host) {
            return Err(Error::ForeignHost { host: asked.host, answered: host });
        }
        Ok(host)
    }

    pub(crate) async fn ask_token(&self, ingest_host: &str) -> Result<Session, Error> {
        let asked = Asked::new(Call::Token, self.host(), ingest_host);
        let id = Uuid::new_v4();
        let request = |attempt| {
            Request::new(Method::POST, self.url(&wire::with_request_id(wire::TOKEN_PATH, id, attempt)))
                .body("application/x-www-form-urlencoded", wire::token_form(ingest_host))
        };
        let (reply, asked_at) = self.ask(&asked, request).await?;
        let token = SecretString::from(wire::parse_token(&reply.body).map_err(|text| not_understood(&asked, text))?);
        let life = match life_of(token.expose_secret(), reply.date().unwrap_or_else(|| self.now())) {
            Some(seconds) => {
                Duration::from_secs(u64::try_from(seconds).map_err(|_| not_understood(&asked, "the token has already ended"))?)
            }
            None => UNTOLD_LIFE,
        };
        let life = life.min(LONGEST_LIFE);
        let mut url = self.settings.url.clone();
        url.set_host(Some(ingest_host)).map_err(|_| not_understood(&asked, "the host that takes rows has no valid name"))?;
        // A token that lives less than twice the margin is used for half its life.
        let margin = RENEW_BEFORE.min(life / 2);
        Ok(Session { host: authority(&url), token, url, renew_at: asked_at + life - margin, ends_at: asked_at + life })
    }

    // ---- calls to the account's host

    pub(crate) fn url(&self, path: &str) -> Url {
        self.settings.url.join(path).expect("an absolute path joins any URL")
    }

    /// Sends a request with a login token, and once more if the login was refused for a reason that is now mended. `request` makes it
    /// for each attempt; the time is that of the attempt that was answered.
    pub(crate) async fn ask(&self, asked: &Asked, request: impl Fn(u32) -> Request) -> Result<(Reply, Instant), Error> {
        let mut attempt = 0;
        loop {
            let key = self.key();
            let token = key.login_token(&self.settings.account, &self.settings.user, self.now());
            let asked_at = Instant::now();
            let reply = self.transport.send(asked, request(attempt), (TokenType::KeyPair, &token)).await?;
            if reply.is_success() {
                return Ok((reply, asked_at));
            }
            if reply.status != 401 {
                return Err(Error::Refused { asked: asked.clone(), source: reply.into_answer(&asked.host, &token) });
            }
            let server_time = reply.date();
            if attempt == 0 && (self.correct_clock(server_time) | self.change_key(&key).await) {
                attempt += 1;
                continue;
            }
            let login = Login {
                account: self.settings.account.clone(),
                user: self.settings.user.clone(),
                fingerprint: key.fingerprint().to_owned(),
                clock_skew: server_time.map(|time| time - unix_now()).filter(|skew| skew.abs() >= SKEW_MATTERS),
            };
            let source = reply.into_answer(&asked.host, &token);
            return Err(Error::LoginRefused { asked: asked.clone(), login: Box::new(login), source });
        }
    }

    fn key(&self) -> Arc<KeyPair> {
        Arc::clone(&self.key.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now(&self) -> i64 {
        unix_now() + self.clock_correction.load(Ordering::Relaxed)
    }

    /// Takes over the server's clock if ours is off by a little; says whether that changes the next login token.
    fn correct_clock(&self, server_time: Option<i64>) -> bool {
        let Some(server_time) = server_time else { return false };
        let off = server_time - self.now();
        let correction = server_time - unix_now();
        if off.abs() < SKEW_MATTERS || correction.abs() > SKEW_CORRECTED {
            return false;
        }
        warn!(seconds = correction, "this machine's clock is off, logging in by Snowflake's");
        self.clock_correction.store(correction, Ordering::Relaxed);
        true
    }

    /// Reads the key again; says whether it is another one than `refused`.
    async fn change_key(&self, refused: &Arc<KeyPair>) -> bool {
        let settings = Arc::clone(&self.settings);
        // Opening an encrypted key takes long on purpose.
        let read = tokio::task::spawn_blocking(move || settings.read_key_again()).await;
        let read = match read {
            Ok(Ok(key)) => key,
            Ok(Err(problems)) => {
                for problem in problems {
                    warn!(error = problem.message, "the private key could not be read again");
                }
                self.key()
            }
            Err(_) => self.key(),
        };
        if read.fingerprint() == refused.fingerprint() {
            return false;
        }
        info!(fingerprint = read.fingerprint(), "the private key was replaced");
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = read;
        true
    }
}

fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Seconds that a token lives from `now` on, if it is a JWT that says so. Nothing is verified: it is not for us.
fn life_of(token: &str, now: i64) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let claims = token.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    Some(claims.exp - now)
}

/// Whether a token of the account may go to `host`: the same host, another one of Snowflake's in the same domain, or this machine
/// where the account's host is this machine.
fn is_same_domain(account_host: &str, host: &str) -> bool {
    let snowflake = [".snowflakecomputing.com", ".snowflakecomputing.cn"];
    account_host.eq_ignore_ascii_case(host)
        || (is_loopback(account_host) && is_loopback(host))
        || snowflake.iter().any(|domain| account_host.ends_with(domain) && host.ends_with(domain) && host.len() > domain.len())
}

#[cfg(test)]
mod tests;
