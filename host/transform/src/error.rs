//! Why a plugin cannot be used. What goes wrong with single records is not an error but a [`Rejected`](crate::Rejected).

use std::path::PathBuf;
use std::time::Duration;

use snowgate_record::ErrorClass;

use crate::config::Capability;
use crate::schema::OptionProblem;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the WebAssembly engine could not start")]
    Engine { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("could not read plugin `{plugin}` from `{}`", path.display())]
    Read { plugin: String, path: PathBuf, source: std::io::Error },
    #[error("plugin `{plugin}` has {bytes} bytes, and a component may have {limit}")]
    TooLarge { plugin: String, bytes: u64, limit: u64 },
    #[error("plugin `{plugin}` is no WebAssembly: `{}` does not begin as a component does", path.display())]
    NotWasm { plugin: String, path: PathBuf },
    #[error(
        "plugin `{plugin}` is a core module, not a component: build it with `wasm-component-ld` as its linker, or \
         turn it into one with `wasm-tools component new`"
    )]
    CoreModule { plugin: String },
    #[error("plugin `{plugin}` could not be compiled")]
    Compile { plugin: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(
        "plugin `{plugin}` imports {imports}, which plugins may not call; they may import `log` and `metrics` of \
         `snowgate:transform@0.2.0` or `@0.1.0` alone{hint}"
    )]
    ForeignImports { plugin: String, imports: String, hint: &'static str },
    #[error("plugin `{plugin}` imports `{capability}`, which it is not allowed")]
    Denied { plugin: String, capability: Capability },
    #[error("plugin `{plugin}` is not the one it should be: its SHA-256 is `{found}`, and `{expected}` is asked for")]
    OtherDigest { plugin: String, expected: String, found: String },
    #[error("plugin `{plugin}` does not export `snowgate:transform/transform@0.2.0`, nor `@0.1.0`; it exports {exports}")]
    OtherWorld { plugin: String, exports: String },
    #[error("plugin `{plugin}` is built for `snowgate:transform@{found}`, and this gateway takes 0.2.0 and 0.1.0")]
    OtherVersion { plugin: String, found: String },
    #[error("plugin `{plugin}` does not fit the world `snowgate:transform/plugin@{version}`")]
    Mismatch { plugin: String, version: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("plugin `{plugin}` sends records to tables that it names, and its pipeline allows none")]
    NoTables { plugin: String },
    #[error("plugin `{plugin}` could not start: {message}")]
    Start { plugin: String, message: String },
    #[error("the schema that plugin `{plugin}` has for its configuration cannot be used: {message}")]
    BadSchema { plugin: String, message: String },
    #[error("plugin `{plugin}` cannot take its `with`: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    BadOptions { plugin: String, problems: Vec<OptionProblem> },
    #[error("plugin `{plugin}` refused its configuration: {message}")]
    BadConfig { plugin: String, message: String },
    #[error("plugin `{plugin}` failed at a record that tries it out, with `{reason}`: {message}")]
    SelfTest { plugin: String, reason: &'static str, message: String },
    #[error("plugin `{plugin}` failed at more than {limit} records in a minute, and rests for {} s", rests.as_secs())]
    TooManyFaults { plugin: String, limit: u32, rests: Duration },
}

impl Error {
    /// What its reader can do, where the error itself does not say it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Read { .. } => {
                "check the path, which starts at the folder of the configuration file, and that this user may read it"
            }
            Error::NotWasm { .. } => "name the `.wasm` file that the plugin's build made",
            Error::TooLarge { .. } => "build the plugin for release, without debug information",
            Error::OtherWorld { .. } | Error::Mismatch { .. } => {
                "build the plugin against the world `snowgate:transform/plugin@0.2.0`"
            }
            Error::OtherVersion { .. } => "take a build of the plugin for one of these, or a gateway that takes its version",
            Error::NoTables { .. } => "name them in the pipeline's `more_tables`, or leave the plugin out",
            Error::BadOptions { .. } | Error::BadConfig { .. } => {
                "correct the plugin's `with`; its own documentation says what it takes"
            }
            Error::Denied { .. } => "allow it, if the plugin may do that, or take another plugin",
            Error::OtherDigest { .. } => "take the file that was pinned, or pin this one once you trust it",
            Error::BadSchema { .. } => "this is for the plugin's author to mend: `config-schema` of its `describe`",
            Error::TooManyFaults { .. } => "the dead letters say why it failed; mend the plugin, or allow it more faults",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// A plugin that worked when it was loaded and cannot start again is as much a matter for a person as one that never did.
    pub fn class(&self) -> ErrorClass {
        match self {
            Error::Engine { .. } => ErrorClass::Fatal,
            // It may work again after its rest.
            Error::TooManyFaults { .. } => ErrorClass::Transient,
            Error::Read { .. }
            | Error::TooLarge { .. }
            | Error::NotWasm { .. }
            | Error::CoreModule { .. }
            | Error::Compile { .. }
            | Error::ForeignImports { .. }
            | Error::OtherWorld { .. }
            | Error::OtherVersion { .. }
            | Error::NoTables { .. }
            | Error::Mismatch { .. }
            | Error::Start { .. }
            | Error::Denied { .. }
            | Error::OtherDigest { .. }
            | Error::BadSchema { .. }
            | Error::SelfTest { .. }
            | Error::BadOptions { .. }
            | Error::BadConfig { .. } => ErrorClass::Config,
        }
    }
}
