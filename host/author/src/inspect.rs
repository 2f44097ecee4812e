//! `snowgate plugin inspect`: what a component is and may do, and whether this gateway would load it.

use std::path::PathBuf;

use serde_json::json;
use snowgate_transform::{Capability, Inspection};

use crate::options::{self, Choice};
use crate::project::Target;
use crate::report::{self, Failure, bold, done, say, table, thousands};
use crate::shown;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component, or a project that was built
    #[arg(default_value = ".")]
    target: PathBuf,

    /// Print one JSON object: `fits`, and what the text says, or `error`
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args) -> Result<(), Failure> {
    let file = match Target::of(&args.target)? {
        Target::Component { file, .. } => file,
        Target::Project(project) => project.component(),
    };
    let inspected = snowgate_transform::inspect(&shown::engine(false)?, &file).map_err(|error| Failure::of_plugin(&error));
    let inspection = match inspected {
        Ok(inspection) => inspection,
        Err(failure) => {
            if args.json {
                report::json(&json!({ "file": file, "fits": false, "error": failure.to_string() }));
            }
            return Err(failure);
        }
    };
    let choices = inspection.schema.as_ref().map(options::of);
    if args.json {
        let Inspection { name, version, digest, bytes, package, needs, routes, imports, exports, capabilities, schema } =
            &inspection;
        let capabilities: Vec<&str> = capabilities.iter().map(|capability| capability.as_str()).collect();
        report::json(&json!({
            "file": file, "fits": true, "name": name, "version": version, "sha256": digest, "bytes": bytes, "interface": package,
            "reads": needs, "routes": routes, "imports": imports, "exports": exports, "capabilities": capabilities, "schema": schema,
        }));
        return Ok(());
    }
    say(format_args!("{}\n", bold(&file.display().to_string())));
    say(table(&facts(&inspection)));
    match choices {
        None => say("  It says nothing about its options.\n"),
        Some(choices) if choices.is_empty() => say("  It has no options.\n"),
        Some(choices) => say(format_args!("{}\n{}", bold("Options (`with`)"), table(&rows(&choices)))),
    }
    done("fits", "this gateway loads it");
    Ok(())
}

fn facts(inspection: &Inspection) -> Vec<Vec<String>> {
    let Inspection { name, version, digest, bytes, package, needs, routes, capabilities, .. } = inspection;
    let fact = |label: &str, text: String| vec![label.to_owned(), text];
    vec![
        fact("name", format!("{name} {version}")),
        fact("interface", package.clone()),
        fact("size", format!("{} bytes", thousands(*bytes))),
        fact("sha256", digest.clone()),
        fact("reads", if needs.is_empty() { "nothing of a record".to_owned() } else { needs.join(", ") }),
        fact("may", may(*routes, capabilities)),
    ]
}

/// A component's imports are all that it can do besides answering.
fn may(routes: bool, capabilities: &[Capability]) -> String {
    let answer = if routes { "answer, send records to the tables of its pipeline" } else { "answer" };
    let say = |capability: &Capability| match capability {
        Capability::Log => "write to the gateway's log",
        Capability::Metrics => "count in the gateway's metrics",
    };
    match capabilities {
        [] => format!("{answer}, and nothing else"),
        some => format!("{answer}, {}", some.iter().map(say).collect::<Vec<_>>().join(", ")),
    }
}

fn rows(choices: &[Choice]) -> Vec<Vec<String>> {
    let row = |choice: &Choice| {
        let fallback = match (&choice.default, choice.required) {
            (Some(default), _) => format!("default {default}"),
            (None, true) => "required".to_owned(),
            (None, false) => String::new(),
        };
        vec![choice.name.clone(), choice.kind.clone(), fallback, choice.about.clone()]
    };
    choices.iter().map(row).collect()
}
