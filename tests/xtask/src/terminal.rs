//! What people see: steps, progress, tables, problems. Colour and redrawn lines only where a terminal is on the other side.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

/// How often a progress line is printed where it cannot be redrawn.
const PLAIN_PROGRESS_EVERY: Duration = Duration::from_secs(15);
/// Columns assumed where there is no terminal to ask.
const PLAIN_WIDTH: usize = 132;

/// Prints a line; a closed pipe is no reason to stop.
pub(crate) fn say(text: impl Display) {
    let mut out = stdout().lock();
    let _closed = writeln!(out, "{text}").and_then(|()| out.flush());
}

pub(crate) fn title(text: &str) {
    say(format_args!("\n{}\n", bold(text)));
}

/// A step that is done.
pub(crate) fn done(label: &str, text: impl Display) {
    say(format_args!("  {} {label:<14} {text}", paint("32", "✓")));
}

/// A step that was left out, and why.
pub(crate) fn skipped(label: &str, text: impl Display) {
    say(format_args!("  {} {label:<14} skipped: {text}", paint("33", "–")));
}

/// A step that failed.
pub(crate) fn failed(label: &str, text: impl Display) {
    say(format_args!("  {} {label:<14} {text}", paint("31", "✗")));
}

pub(crate) fn problem(text: &str) {
    let label = if stderr().is_terminal() { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
    let mut out = stderr().lock();
    let _closed = writeln!(out, "\n{label} {text}");
}

pub(crate) fn bold(text: &str) -> String {
    paint("1", text)
}

fn paint(code: &str, text: &str) -> String {
    if stdout().is_terminal() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// A line that is redrawn in place, or printed now and then where that cannot be.
pub(crate) struct Progress {
    redraws: bool,
    printed: Instant,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress { redraws: stdout().is_terminal(), printed: Instant::now() }
    }

    pub(crate) fn show(&mut self, text: impl Display) {
        if self.redraws {
            let line: String = format!("  … {text}").chars().take(width() - 1).collect();
            let mut out = stdout().lock();
            let _closed = write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush());
        } else if self.printed.elapsed() >= PLAIN_PROGRESS_EVERY {
            self.printed = Instant::now();
            say(format_args!("  … {text}"));
        }
    }

    fn clear(&self) {
        if self.redraws {
            let mut out = stdout().lock();
            let _closed = write!(out, "\r\x1b[2K").and_then(|()| out.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Columns of the terminal.
pub(crate) fn width() -> usize {
    // SAFETY: all-zero bytes are a valid `winsize`, and the call writes nothing else.
    let columns = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        if libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) == 0 { size.ws_col } else { 0 }
    };
    if columns == 0 { PLAIN_WIDTH } else { usize::from(columns).max(40) }
}

/// A table no wider than `width`: columns that do not fit are left out, and named below it.
pub(crate) fn table(header: &[String], rows: &[Vec<String>], width: usize) -> String {
    const INDENT: &str = "  ";
    let longest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.chain(header.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let numeric = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
        cells.clone().next().is_some()
            && cells.all(|cell| cell.chars().all(|letter| letter.is_ascii_digit() || "+-.,%".contains(letter)))
    };
    let mut shown = Vec::new();
    let mut used = 0;
    for (column, name) in header.iter().enumerate() {
        let wide = longest(column);
        if used + 2 + wide <= width {
            used += 2 + wide;
            shown.push((column, wide, numeric(column)));
        } else if shown.is_empty() {
            shown.push((column, width.saturating_sub(2).max(name.len()), false));
            used = width;
        }
    }
    let line = |cell: &dyn Fn(usize) -> String| {
        let cells = shown.iter().map(|&(column, wide, numeric)| {
            let text: String = cell(column).replace('\n', " ").chars().take(wide).collect();
            if numeric { format!("{text:>wide$}") } else { format!("{text:<wide$}") }
        });
        format!("{INDENT}{}", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut lines = vec![line(&|column| header[column].clone())];
    lines.push(format!("{INDENT}{}", shown.iter().map(|(_, wide, _)| "─".repeat(*wide)).collect::<Vec<_>>().join("  ")));
    lines.extend(rows.iter().map(|row| line(&|column| row.get(column).cloned().unwrap_or_default())));
    let left_out: Vec<_> = (0..header.len()).filter(|column| shown.iter().all(|(taken, ..)| taken != column)).collect();
    if !left_out.is_empty() {
        let names = left_out.iter().map(|column| header[*column].as_str()).collect::<Vec<_>>().join(", ");
        lines.push(format!("{INDENT}and: {names}"));
    }
    lines.join("\n")
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 { format!("{:.1} s", time.as_secs_f64()) } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

/// `1 test`, `2 tests`.
pub(crate) fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(12_345_678), "12,345,678");
    }

    #[test]
    fn a_table_lines_up_and_names_what_does_not_fit() {
        let shown = table(&texts(&["SYMBOL", "N", "LONG"]), &[texts(&["BTC", "10", "abcdefghij"]), texts(&["E", "9", "x"])], 16);
        assert_eq!(shown, "  SYMBOL   N\n  ──────  ──\n  BTC     10\n  E        9\n  and: LONG");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(duration(Duration::from_millis(1_540)), "1.5 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }
}
