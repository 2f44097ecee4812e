//! Whether a configuration may be taken.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Herder, HerderError, died};
use crate::config_def::ConfigMap;
use crate::connector::{self, Texts};
use crate::engine::Engine;
use crate::providers;
use crate::secrets::{self, MASK};
use crate::settings::ConnectorSettings;
use crate::validate::{ConfigInfos, ValidateError, validate};

/// As long as Connect lets a request take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Why there is no verdict.
pub(crate) enum NoVerdict {
    Validate(ValidateError),
    Herder(HerderError),
}

impl<E: Engine> Herder<E> {
    /// What is wrong with a configuration, as a whole: what can be seen here and, if that is nothing, what Snowflake says to the login.
    pub(crate) async fn verdict(&self, config: &ConfigMap) -> Result<ConfigInfos, NoVerdict> {
        let (config, worker) = (config.clone(), Arc::clone(&self.worker));
        let offline = spawn_blocking(move || -> Result<(ConfigInfos, Option<ConnectorSettings>), NoVerdict> {
            let resolved =
                providers::resolve(&config, &worker).map_err(|error| NoVerdict::Herder(invalid(&[error.to_string()])))?;
            let infos = validate(&resolved, &worker).map_err(NoVerdict::Validate)?;
            // A key that no provider of ours knows is only told apart from a bad one when the connector starts.
            let has_key = !Texts(&resolved).is_reference("snowflake.private.key");
            let settings = if infos.error_count() == 0 && has_key {
                let name = resolved.get("name").cloned().flatten().unwrap_or_default();
                let settings = connector::connector(&name, &resolved, &worker);
                let told = |errors: Vec<_>| invalid(&errors.iter().map(ToString::to_string).collect::<Vec<_>>());
                Some(settings.map_err(|errors| NoVerdict::Herder(told(errors)))?)
            } else {
                None
            };
            Ok((infos, settings))
        });
        let (mut infos, settings) = offline.await.map_err(|error| NoVerdict::Herder(died(error)))??;
        if let Some(settings) = settings {
            let began = jiff::Timestamp::now();
            let complaints = timeout(PATIENCE, self.engine.try_snowflake(&settings)).await.map_err(|_| {
                NoVerdict::Herder(HerderError::Failed(format!(
                    "Request timed out. The worker is currently performing multi-property validation for the connector, which began at {began}"
                )))
            })?;
            for complaint in complaints {
                infos.add(complaint.key, &format!("{}{}", complaint.key, complaint.message));
            }
        }
        Ok(infos)
    }

    /// Refuses a configuration that anything is wrong with.
    pub(super) async fn check(&self, config: &ConfigMap) -> Result<(), HerderError> {
        match self.verdict(config).await {
            Ok(infos) if infos.error_count() == 0 => Ok(()),
            Ok(infos) => Err(invalid(&infos.errors())),
            Err(NoVerdict::Herder(error)) => Err(error),
            Err(NoVerdict::Validate(error)) => match error.when_creating() {
                (400, message) => Err(HerderError::Refused(message)),
                (_, message) => Err(HerderError::Failed(message)),
            },
        }
    }

    /// Puts stored values in the place of masks, of a connector that may not be known.
    pub(crate) fn unmask(&self, config: &mut ConfigMap) {
        let name = config.get("name").cloned().flatten().unwrap_or_default();
        if let Some(connector) = self.get(&name) {
            secrets::unmask(config, Some(&connector.record.config));
        }
    }
}

/// Puts stored values in the place of masks; a mask of nothing is refused, for it is nobody's password.
pub(super) fn unmasked(mut config: ConfigMap, stored: Option<&ConfigMap>) -> Result<ConfigMap, HerderError> {
    let left = secrets::unmask(&mut config, stored);
    if left.is_empty() {
        return Ok(config);
    }
    let told = |key: &String| {
        format!(
            "Invalid value {MASK} for configuration {key}: this is how a stored secret is shown, and none is stored for this key"
        )
    };
    Err(invalid(&left.iter().map(told).collect::<Vec<_>>()))
}

/// The connector's name in its configuration must be that of the call; where there is none it is added.
pub(super) fn named(name: &str, mut config: ConfigMap) -> Result<ConfigMap, HerderError> {
    match config.get("name") {
        Some(Some(other)) if other != name => Err(HerderError::Refused(format!(
            "Connector name configuration ({other}) doesn't match connector name in the URL ({name})"
        ))),
        _ => {
            config.insert("name".to_owned(), Some(name.to_owned()));
            Ok(config)
        }
    }
}

fn invalid(errors: &[String]) -> HerderError {
    HerderError::Refused(format!(
        "Connector configuration is invalid and contains the following {} error(s):\n{}\n\
         You can also find the above list of errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`",
        errors.len(),
        errors.join("\n")
    ))
}
