//! The forms in which connectors' configurations come.

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::ImportError;
use super::http::Address;
use crate::config_def::ConfigMap;

/// An object: each key with its value as it is written.
type Fields<'a> = IndexMap<String, &'a RawValue>;

/// Where a worker tells its connectors with their configurations; one connector's own address is asked as it is.
pub(super) fn address(url: &str) -> Result<Address, ImportError> {
    let bare = url.split(['?', '#']).next().unwrap_or(url);
    if bare.split_once("/connectors/").is_some_and(|(_, name)| !name.is_empty()) {
        return Address::parse(bare);
    }
    Ok(base(bare)?.with("/connectors?expand=info"))
}

/// A worker's own address.
pub(super) fn base(url: &str) -> Result<Address, ImportError> {
    Address::parse(url.trim_end_matches('/').trim_end_matches("/connectors"))
}

/// Each connector's name and configuration, in the order of the text.
pub(super) fn connectors(text: &str, default_name: Option<&str>) -> Result<Vec<(String, ConfigMap)>, ImportError> {
    let raw: &RawValue = serde_json::from_str(text).map_err(ImportError::Json)?;
    let mut found = Vec::new();
    collect(raw, default_name, &mut found)?;
    Ok(found)
}

fn collect(raw: &RawValue, default_name: Option<&str>, found: &mut Vec<(String, ConfigMap)>) -> Result<(), ImportError> {
    if raw.get().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(ImportError::Json)?;
        // One level of them: a list may be of lists without end.
        return items.into_iter().try_for_each(|item| match item.get().starts_with('[') {
            true => Err(ImportError::Shape("a list of connectors holds another list".to_owned())),
            false => collect(item, None, found),
        });
    }
    if raw.get().starts_with('"') {
        return Err(ImportError::Shape(
            "there are names and no configurations: this worker does not know `expand=info`; name one connector, `…/connectors/NAME`".to_owned(),
        ));
    }
    if !is_object(raw) {
        return Err(ImportError::Shape(format!("there is no connector in `{}`", raw.get().chars().take(40).collect::<String>())));
    }
    let fields = fields(raw)?;
    if let Some(config) = fields.get("config").filter(|config| is_object(config)) {
        let name = fields.get("name").map(|name| text(name)).transpose()?.flatten();
        found.push(named(name, config, default_name)?);
    } else if fields.values().all(|value| is_object(value)) {
        for (name, entry) in &fields {
            let inner = self::fields(entry)?;
            let info = inner.get("info").copied().unwrap_or(entry);
            let info = self::fields(info)?;
            let config = info.get("config").filter(|config| is_object(config));
            let config = config.ok_or_else(|| ImportError::Shape(format!("`{name}` has no configuration")))?;
            found.push(named(Some(name.clone()), config, None)?);
        }
    } else {
        found.push(named(None, raw, default_name)?);
    }
    Ok(())
}

/// A configuration with the name that stands beside it, or in it.
fn named(name: Option<String>, config: &RawValue, default_name: Option<&str>) -> Result<(String, ConfigMap), ImportError> {
    let config = fields(config)?.into_iter().map(|(key, raw)| match text(raw) {
        Ok(value) => Ok((key, value)),
        Err(_) => Err(ImportError::Shape(format!("`{key}` is neither a text nor a number nor a flag"))),
    });
    let config: ConfigMap = config.collect::<Result<_, _>>()?;
    let own = || config.get("name").cloned().flatten();
    let name = name.or_else(own).or_else(|| default_name.map(str::to_owned));
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| ImportError::Shape("a connector has no name".to_owned()))?;
    Ok((name, config))
}

fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

fn fields(raw: &RawValue) -> Result<Fields<'_>, ImportError> {
    serde_json::from_str(raw.get()).map_err(ImportError::Json)
}

/// The text of a scalar, numbers and flags as they are written.
fn text(raw: &RawValue) -> Result<Option<String>, ImportError> {
    match raw.get().as_bytes() {
        [b'"', ..] => serde_json::from_str(raw.get()).map(Some).map_err(ImportError::Json),
        [b'{' | b'[', ..] => Err(ImportError::Shape("a text is wanted".to_owned())),
        b"null" => Ok(None),
        _ => Ok(Some(raw.get().to_owned())),
    }
}
