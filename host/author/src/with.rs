//! The configuration that a component is given on the command line.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::report::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct With {
    /// The plugin's options as a JSON object, or `@FILE` with one, or with TOML in a `.toml` file
    #[arg(long, value_name = "JSON|@FILE")]
    with: Option<String>,

    /// A table of the pipeline that the plugin may send records to; once for each
    #[arg(long = "table", value_name = "NAME")]
    pub(crate) tables: Vec<String>,
}

impl With {
    /// One JSON object.
    pub(crate) fn read(&self) -> Result<Option<String>, Failure> {
        let Some(with) = &self.with else { return Ok(None) };
        let (text, name) = match with.strip_prefix('@').map(PathBuf::from) {
            None => (with.clone(), "`--with`".to_owned()),
            Some(file) => {
                let name = format!("`{}`", file.display());
                let text = fs::read_to_string(&file);
                let text = text.map_err(|error| Failure::input(format!("could not read {name}")).because(&error))?;
                (if is_toml(&file) { of_toml(&text, &name)? } else { text }, name)
            }
        };
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(_)) => Ok(Some(text)),
            Ok(_) => Err(Failure::input(format!("{name} is no JSON object")).hint(r#"write it like {"allow": ["BTC*"]}"#)),
            Err(error) => {
                Err(Failure::input(format!("{name} is no JSON")).because(&error).hint(r#"write it like {"allow": ["BTC*"]}"#))
            }
        }
    }
}

fn is_toml(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "toml")
}

fn of_toml(text: &str, name: &str) -> Result<String, Failure> {
    let value: Value = toml::from_str(text).map_err(|error| Failure::input(format!("{name} is no TOML")).because(&error))?;
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(with: &str) -> Result<Option<String>, String> {
        With { with: Some(with.to_owned()), tables: Vec::new() }.read().map_err(|failure| failure.to_string())
    }

    #[test]
    fn options_are_json_or_a_file_with_json_or_toml() {
        assert_eq!(With { with: None, tables: Vec::new() }.read().unwrap(), None);
        assert_eq!(read(r#"{"a": 1.50}"#).unwrap().as_deref(), Some(r#"{"a": 1.50}"#));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("with.toml");
        fs::write(&file, "allow = [\"BTC*\"]\n").unwrap();
        assert_eq!(read(&format!("@{}", file.display())).unwrap().as_deref(), Some(r#"{"allow":["BTC*"]}"#));
        for (with, piece) in
            [("[]", "`--with` is no JSON object"), ("{", "`--with` is no JSON"), ("@/none", "could not read `/none`")]
        {
            assert!(read(with).unwrap_err().contains(piece), "{with}");
        }
    }
}
