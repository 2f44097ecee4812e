//! The plug-ins there are, their keys, and what is wrong with a configuration.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, put};
use axum::{Json, Router};

use super::body::Document;
use super::errors::ApiError;
use super::path::{Parameters, Segments};
use super::shapes::PluginInfo;
use super::{at, carried, version};
use crate::engine::Engine;
use crate::herder::{Herder, NoVerdict};
use crate::plugins::{self, Class, PluginKind};
use crate::validate::{ConfigInfos, Definition};

pub(super) fn routes<E: Engine>() -> Router<Arc<Herder<E>>> {
    at("/connector-plugins", "HEAD, GET, OPTIONS", get(list))
        .merge(at("/connector-plugins/{plugin}/config", "HEAD, GET, OPTIONS", get(definition)))
        .merge(at("/connector-plugins/{plugin}/config/validate", "OPTIONS, PUT", put(validate)))
}

async fn list(parameters: Parameters) -> Json<Vec<PluginInfo>> {
    let connectors_only = parameters.first("connectorsOnly").is_none() || parameters.is_true("connectorsOnly");
    let shown = plugins::all().iter().filter(|plugin| plugin.kind == PluginKind::Sink || !connectors_only);
    let info = |plugin: &plugins::Plugin| PluginInfo { class: plugin.class, kind: plugin.kind.as_str(), version: plugin.version };
    Json(shown.map(info).collect())
}

async fn definition(Segments(plugin): Segments<String>, parameters: Parameters) -> Result<Json<Vec<Definition>>, ApiError> {
    if let Some(wanted) = parameters.first("version").filter(|wanted| !wanted.is_empty()) {
        let is_met = version::meets(wanted).ok_or_else(|| ApiError::refused(format!("Invalid version specification: {wanted}")))?;
        let found = plugins::connector(&plugin).or_else(|| plugins::all().iter().find(|known| known.class == plugin));
        if let Some(found) = found
            && let Some(offered) = found.version
            && !is_met(offered)
        {
            let class = found.class;
            return Err(ApiError::refused(format!("Plugin {class} is here in version {offered}, which does not match {wanted}")));
        }
    }
    if let Some(keys) = plugins::definition(&plugin) {
        return Ok(Json(keys.iter().map(Definition::from).collect()));
    }
    // A transform without `$Key` or `$Value` is a class, but none that anybody can have.
    match plugins::find(&plugin, PluginKind::Transformation) {
        Some(Class::Abstract(_)) => Err(ApiError::internal("Instantiation error")),
        _ => Err(ApiError::not_found(format!("Unknown plugin {plugin}."))),
    }
}

async fn validate<E: Engine>(
    State(herder): State<Arc<Herder<E>>>,
    Segments(plugin): Segments<String>,
    document: Document,
) -> Result<Json<ConfigInfos>, ApiError> {
    let mut config = document.config("java.util.Map.get(Object)", "connectorConfig")?;
    let less_ending = |name: &str| name.strip_suffix("Connector").unwrap_or(name).to_owned();
    if let Some(Some(class)) = config.get("connector.class")
        && !less_ending(class).ends_with(&less_ending(&plugin))
    {
        return Err(ApiError::refused(format!("Included connector type {class} does not match request type {plugin}")));
    }
    herder.unmask(&mut config);
    let verdict = carried(async move { Ok(herder.verdict(&config).await) }).await?;
    match verdict {
        Ok(infos) => Ok(Json(infos)),
        Err(NoVerdict::Herder(error)) => Err(error.into()),
        Err(NoVerdict::Validate(error)) => Err(ApiError::internal(error.when_validating().1)),
    }
}
