//! A plugin's file, and what can be told of it before anything of it runs.
//!
//! Refused here: what is no component, is not the one that was asked for, imports what it may not, or exports another world.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::config::Capability;
use crate::engine::Engine;
use crate::error::Error;
use crate::host::clean;
use crate::version::{PACKAGE, Version};

/// Compiling costs time and memory in proportion; a Python component, the largest kind, has 18 MB.
const COMPONENT_BYTES: u64 = 32 * 1024 * 1024;

/// A component as it stands in its file.
pub(crate) struct Binary {
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 in hex.
    pub(crate) digest: String,
}

impl Binary {
    /// Reads what `plugin` calls its component.
    pub(crate) fn read(plugin: &str, path: &Path) -> Result<Binary, Error> {
        let failed = |source| Error::Read { plugin: plugin.to_owned(), path: path.to_owned(), source };
        let too_large = |bytes| Error::TooLarge { plugin: plugin.to_owned(), bytes, limit: COMPONENT_BYTES };
        let file = std::fs::File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if length > COMPONENT_BYTES {
            return Err(too_large(length));
        }
        let mut bytes = Vec::new();
        // The file may grow meanwhile, and a device has no length.
        file.take(COMPONENT_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > COMPONENT_BYTES {
            return Err(too_large(bytes.len() as u64));
        }
        // Both kinds begin with a magic; two bytes of version and two of layer follow, and the layer tells them apart.
        match bytes[..] {
            [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => return Err(Error::CoreModule { plugin: plugin.to_owned() }),
            [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => {}
            _ => return Err(Error::NotWasm { plugin: plugin.to_owned(), path: path.to_owned() }),
        }
        let digest = hex(&Sha256::digest(&bytes));
        Ok(Binary { bytes, digest })
    }

    /// Refuses a component other than the one whose digest is `pin`.
    pub(crate) fn check_pin(&self, plugin: &str, pin: &str) -> Result<(), Error> {
        if pin.eq_ignore_ascii_case(&self.digest) {
            return Ok(());
        }
        Err(Error::OtherDigest { plugin: plugin.to_owned(), expected: clean(pin), found: self.digest.clone() })
    }

    /// Compiles it, and refuses imports and exports that do not fit the version it is built for.
    pub(crate) fn compile(&self, engine: &Engine, plugin: &str) -> Result<(Component, Version), Error> {
        let component =
            engine.compile(plugin, self).map_err(|source| Error::Compile { plugin: plugin.to_owned(), source: source.into() })?;
        let exports = exports(engine, &component);
        check_version(plugin, &exports)?;
        check_imports(plugin, &imports(engine, &component))?;
        let other_world = || Error::OtherWorld { plugin: plugin.to_owned(), exports: list(&exports) };
        let version = Version::of(&exports).ok_or_else(other_world)?;
        Ok((component, version))
    }
}

/// SHA-256 of the component at `path`, in hex, as [`Plugin::digest`](crate::Plugin::digest) has it.
pub fn digest(path: &Path) -> Result<String, Error> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Binary::read(&name, path).map(|binary| binary.digest)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn imports(engine: &Engine, component: &Component) -> Vec<String> {
    component.component_type().imports(engine.wasm()).map(|(name, _)| name.to_owned()).collect()
}

pub(crate) fn exports(engine: &Engine, component: &Component) -> Vec<String> {
    component.component_type().exports(engine.wasm()).map(|(name, _)| name.to_owned()).collect()
}

/// What a component may do: its imports are its permissions.
pub(crate) fn capabilities(imports: &[String]) -> Vec<Capability> {
    imports.iter().filter_map(|import| capability(import)).collect()
}

/// Refuses a component that imports what the operator does not allow it.
pub(crate) fn check_allowed(plugin: &str, used: &[Capability], allowed: &[Capability]) -> Result<(), Error> {
    match used.iter().find(|used| !allowed.contains(used)) {
        Some(denied) => Err(Error::Denied { plugin: plugin.to_owned(), capability: *denied }),
        None => Ok(()),
    }
}

fn check_imports(plugin: &str, imports: &[String]) -> Result<(), Error> {
    let foreign: Vec<&String> = imports.iter().filter(|name| capability(name).is_none()).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let hint = if foreign.iter().any(|name| name.starts_with("wasi:")) {
        "; there is no WASI here: build for `wasm32-unknown-unknown`, or stub WASI"
    } else {
        ""
    };
    Err(Error::ForeignImports { plugin: plugin.to_owned(), imports: list(&foreign), hint })
}

/// The capability that an import stands for: an interface of ours, of any patch of the versions that are served, since a component may
/// be built with a newer patch than ours and use nothing of it.
fn capability(import: &str) -> Option<Capability> {
    let interface = import.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    let (name, version) = interface.split_once('@')?;
    let minor = version.match_indices('.').nth(1).map_or(version, |(end, _)| &version[..end]);
    if matches!(minor, "0.2" | "0.1") { name.parse().ok() } else { None }
}

/// Refuses what is a plugin, but of a version that is not served. That says more than which of its imports are unknown.
fn check_version(plugin: &str, exports: &[String]) -> Result<(), Error> {
    let transform = |export: &String| export.strip_prefix(PACKAGE)?.strip_prefix("/transform@").map(clean);
    match exports.iter().find_map(transform) {
        Some(found) if Version::of(exports).is_none() => Err(Error::OtherVersion { plugin: plugin.to_owned(), found }),
        _ => Ok(()),
    }
}

/// Names for an error, the first few of them.
fn list(names: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 5;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{}`", clean(name.as_ref()))).collect();
    let mut text = shown.join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_interfaces_of_a_version_that_is_served_may_be_imported() {
        assert_eq!(capability("snowgate:transform/log@0.1.0"), Some(Capability::Log));
        assert_eq!(capability("snowgate:transform/log@0.1.7"), Some(Capability::Log));
        assert_eq!(capability("snowgate:transform/metrics@0.2.0"), Some(Capability::Metrics));
        for other in [
            "snowgate:transform/log@0.3.0",
            "snowgate:transform/log@0.20.0",
            "snowgate:transform/log@0",
            "snowgate:transform/log@0.10.0",
            "snowgate:transform/logs@0.1.0",
            "snowgate:transform/log",
            "snowgate:transforms/log@0.1.0",
            "wasi:io/poll@0.2.0",
        ] {
            assert_eq!(capability(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_refused() {
        let both = Capability::ALL;
        assert!(check_allowed("p", &both, &both).is_ok() && check_allowed("p", &[], &[]).is_ok());
        let error = check_allowed("p", &both, &[Capability::Log]).unwrap_err();
        assert_eq!(error.to_string(), "plugin `p` imports `metrics`, which it is not allowed");
    }
}
