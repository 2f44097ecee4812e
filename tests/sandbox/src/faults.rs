//! Scripted faults: which calls go wrong, and how. "The third append is applied, then the connection drops" is
//!
//! ```json
//! {"kind": "append", "nth": 3, "action": {"drop_connection": {"apply": true}}}
//! ```
//!
//! Each call is offered to the scripts in the order in which they were given; the first that matches and is due takes it. A script
//! counts the calls it matches, leaves the first `nth - 1` alone, acts on the next `times`, and is spent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// The kind of call, as the request log names it; `any` for all.
    kind: String,
    /// A text that the call's target, or the statement it carries, must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contains: Option<String>,
    /// The first matching call that goes wrong, counting from 1.
    #[serde(default = "one")]
    nth: u64,
    /// How many calls go wrong; 0 for all that follow.
    #[serde(default = "one")]
    times: u64,
    /// Waits before anything else is done.
    #[serde(default)]
    delay_ms: u64,
    #[serde(default)]
    action: Action,
}

fn one() -> u64 {
    1
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Action {
    /// The call is carried out and answered; with `delay_ms`, late.
    #[default]
    Proceed,
    /// Answers this. With `apply`, the call is carried out first.
    Respond {
        status: u16,
        #[serde(default)]
        body: Value,
        #[serde(default)]
        headers: Vec<(String, String)>,
        #[serde(default)]
        apply: bool,
    },
    /// Closes the connection without an answer.
    DropConnection {
        #[serde(default)]
        apply: bool,
    },
    /// Never answers.
    Hang {
        #[serde(default)]
        apply: bool,
    },
    /// Answers 200 with something that is not JSON.
    Garbage {
        #[serde(default)]
        apply: bool,
    },
    /// Carries the call out and answers a byte at a time.
    Drip { pause_ms: u64 },
    /// The channel of the call becomes invalid before the call is carried out.
    InvalidateChannel,
}

/// What a script does to one call.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) delay_ms: u64,
    pub(crate) action: Action,
}

impl Fault {
    /// For the request log.
    pub(crate) fn describe(&self) -> String {
        let action = serde_json::to_string(&self.action).unwrap_or_default();
        if self.delay_ms == 0 { action } else { format!("{action} after {} ms", self.delay_ms) }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    scripts: Vec<Active>,
    last_id: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Active {
    id: u64,
    script: Script,
    /// Calls that matched, and those of them that went wrong.
    matched: u64,
    hits: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, script: Script) -> u64 {
        self.last_id += 1;
        self.scripts.push(Active { id: self.last_id, script, matched: 0, hits: 0 });
        self.last_id
    }

    pub(crate) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.scripts).len()
    }

    pub(crate) fn list(&self) -> &[Active] {
        &self.scripts
    }

    /// Whether a script looks at statements, so that their text is worth the search.
    pub(crate) fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// Offers a call to the scripts; `subject` is its target and, where it carries one, its statement.
    pub(crate) fn take(&mut self, kind: &str, subject: &str) -> Option<Fault> {
        let mut fault = None;
        for active in &mut self.scripts {
            let script = &active.script;
            let matches =
                (script.kind == "any" || script.kind == kind) && script.contains.as_ref().is_none_or(|text| subject.contains(text));
            if !matches {
                continue;
            }
            active.matched += 1;
            let due = active.matched >= script.nth && (script.times == 0 || active.hits < script.times);
            if due && fault.is_none() {
                active.hits += 1;
                fault = Some(Fault { delay_ms: script.delay_ms, action: script.action.clone() });
            }
        }
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(scripts: &[&str]) -> Faults {
        let mut faults = Faults::default();
        for script in scripts {
            faults.add(serde_json::from_str(script).unwrap());
        }
        faults
    }

    #[test]
    fn the_nth_call_and_as_many_as_asked_go_wrong() {
        let mut faults = faults(&[r#"{"kind":"append","nth":3,"times":2,"action":{"drop_connection":{"apply":true}}}"#]);
        let hit: Vec<_> = (0..6).map(|_| faults.take("append", "/x").is_some()).collect();
        assert_eq!(hit, [false, false, true, true, false, false]);
        assert!(faults.take("status", "/x").is_none());
    }

    #[test]
    fn a_script_without_an_end_acts_until_it_is_cleared() {
        let mut faults = faults(&[r#"{"kind":"any","times":0,"contains":"orders","action":{"respond":{"status":503}}}"#]);
        assert!(faults.take("open", "/pipes/klines").is_none());
        assert!((0..50).all(|_| faults.take("open", "/pipes/orders").is_some()));
        assert_eq!(faults.clear(), 1);
        assert!(faults.take("open", "/pipes/orders").is_none());
    }

    #[test]
    fn a_misspelled_script_is_refused() {
        assert!(serde_json::from_str::<Script>(r#"{"kind":"append","nht":3}"#).is_err());
        assert!(serde_json::from_str::<Script>(r#"{"kind":"append","action":{"explode":{}}}"#).is_err());
    }
}
