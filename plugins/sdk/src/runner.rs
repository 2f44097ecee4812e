//! Carries a [`Transform`] through a batch: what [`export!`](crate::export) calls inside the component, and
//! [`testing`](crate::testing) outside.

use crate::bindings::exports::snowgate::transform::transform::{Batch, Column, Description, Output};
use crate::{Emit, Record, Records, Reject, Transform, Verdict};

const KEEP: u8 = 0;
const DROP: u8 = 1;
const REPLACE: u8 = 2;
const REJECT: u8 = 3;

/// The gateway reads no more of a message, and counts what it has to copy.
const MESSAGE_BYTES: usize = 1024;

/// A configured plugin.
pub struct Runner<T> {
    transform: T,
    /// How much the last batch put out, as a measure for the next one.
    expected: Expected,
}

/// From a configuration and the pipeline's tables to a plugin.
pub type Start<T> = fn(&str, &[String]) -> Result<Runner<T>, String>;

#[derive(Default)]
struct Expected {
    bytes: usize,
    outputs: usize,
}

pub fn describe<T: Transform>() -> Description {
    Description {
        name: T::NAME.to_owned(),
        version: T::VERSION.to_owned(),
        needs: T::NEEDS,
        routes: T::ROUTES,
        config_schema: T::CONFIG_SCHEMA.map(str::to_owned),
    }
}

impl<T: Transform> Runner<T> {
    pub fn new(config: &str, tables: &[String]) -> Result<Runner<T>, String> {
        tell_panics();
        let config = if config.trim().is_empty() { "{}" } else { config };
        let config = serde_json::from_str(config).map_err(|error| without_position(&error))?;
        let mut transform = T::new(config)?;
        transform.tables(tables)?;
        Ok(Runner { transform, expected: Expected::default() })
    }

    pub fn process(&mut self, batch: &Batch) -> Output {
        let count = batch.count as usize;
        let mut output = Output {
            verdicts: Vec::with_capacity(count),
            sources: Vec::with_capacity(self.expected.outputs),
            values: Column {
                data: Vec::with_capacity(self.expected.bytes),
                ends: Vec::with_capacity(self.expected.outputs),
                nulls: Vec::new(),
            },
            keys: Column { data: Vec::new(), ends: Vec::new(), nulls: Vec::new() },
            failures: Vec::new(),
            tables: Vec::new(),
            routes: Vec::new(),
        };
        self.transform.begin(Records::new(batch));
        for index in 0..count {
            let mut emit = Emit::new(batch, &mut output, index as u32);
            let mut answer = self.transform.transform(&Record::new(batch, index), &mut emit);
            if answer == Ok(Verdict::Replace) && emit.count() == 0 {
                answer = Err(Reject::from("the plugin replaced the record by nothing"));
            }
            match answer {
                Ok(Verdict::Replace) => {}
                Ok(Verdict::Keep) => emit.withdraw(),
                Ok(Verdict::Drop) | Err(_) => {
                    emit.withdraw();
                    emit.withdraw_route();
                }
            }
            output.verdicts.push(match answer {
                Ok(Verdict::Keep) => KEEP,
                Ok(Verdict::Drop) => DROP,
                Ok(Verdict::Replace) => REPLACE,
                Err(Reject(mut why)) => {
                    why.truncate(why.floor_char_boundary(MESSAGE_BYTES));
                    output.failures.push((index as u32, why));
                    REJECT
                }
            });
        }
        self.transform.end();
        if !output.routes.is_empty() {
            assert!(T::ROUTES, "the plugin sends records to tables, so its ROUTES must be true");
            output.routes.resize(count, 0);
        }
        self.expected = Expected { bytes: output.values.data.len() * 9 / 8, outputs: output.sources.len() };
        output
    }
}

/// The configuration comes from a file of another format, so a line and a column of its JSON form would mislead.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

/// A panic is a trap, and a trap says nothing: the message goes to the gateway's log.
fn tell_panics() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|info| crate::log::error(&info.to_string())));
}
