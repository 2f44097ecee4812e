//! `snowgate plugin run`: records to a component, and what becomes of each.

use std::path::PathBuf;

use serde_json::json;

use crate::project::Target;
use crate::records::{Answer, Verdict};
use crate::report::{Failure, counted, note, printed};
use crate::shown::{self, Loaded};
use crate::source::Options;
use crate::with::With;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component, or a project that was built
    #[arg(default_value = ".")]
    target: PathBuf,

    #[command(flatten)]
    with: With,

    #[command(flatten)]
    source: Options,

    /// Stop after so many records
    #[arg(long, value_name = "RECORDS")]
    limit: Option<usize>,

    /// End with one JSON object on standard error: `records`, `kept`, `dropped`, `replaced`, `outputs`, `rejected`
    #[arg(long)]
    json: bool,
}

#[derive(Default)]
struct Sum {
    records: usize,
    kept: usize,
    dropped: usize,
    replaced: usize,
    outputs: usize,
    rejected: usize,
}

pub(crate) fn execute(args: &Args) -> Result<(), Failure> {
    let file = match Target::of(&args.target)? {
        Target::Component { file, .. } => file,
        Target::Project(project) => project.component(),
    };
    let config = args.with.read()?.unwrap_or_else(|| "{}".to_owned());
    let loaded = Loaded::load(&shown::engine(false)?, &file, &config, &args.with.tables)?;
    let mut instance = loaded.start()?;
    let mut source = args.source.open()?;
    let mut sum = Sum::default();
    'read: loop {
        let records = source.next(args.limit.map_or(usize::MAX, |limit| limit - sum.records))?;
        if records.is_empty() {
            break;
        }
        // A batch is of one topic; lines may name several.
        for records in records.chunk_by(|one, next| one.topic == next.topic) {
            for answer in instance.show(records, records.len())? {
                sum.add(&answer);
                if !printed(answer.to_line()) {
                    // Who reads has heard enough, as `head` has.
                    break 'read;
                }
            }
        }
    }
    note(sum.to_text(args.json));
    Ok(())
}

impl Sum {
    fn add(&mut self, answer: &Answer) {
        self.records += 1;
        match &answer.verdict {
            Verdict::Keep => self.kept += 1,
            Verdict::Drop => self.dropped += 1,
            Verdict::Replace(outputs) => {
                self.replaced += 1;
                self.outputs += outputs.len();
            }
            Verdict::Reject { .. } => self.rejected += 1,
        }
    }

    fn to_text(&self, as_json: bool) -> String {
        let Sum { records, kept, dropped, replaced, outputs, rejected } = self;
        if as_json {
            return json!({
                "records": records, "kept": kept, "dropped": dropped, "replaced": replaced, "outputs": outputs, "rejected": rejected,
            })
            .to_string();
        }
        let records = counted(*records, "record");
        format!("{records}: {kept} kept, {dropped} dropped, {replaced} replaced by {outputs}, {rejected} rejected")
    }
}
