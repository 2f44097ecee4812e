//! Runs programs: to their end with a progress line ([`logged`]), for their output ([`output`]), or beside us ([`Child`]).
//!
//! A child beside us is killed when its guard goes, and by the kernel should we be killed ourselves. Its output goes to a log whose last
//! lines are shown when it matters.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::terminal::{Progress, duration};
use crate::workspace::make_folder;

/// Between two looks at something that is going on.
pub(crate) const GLANCE: Duration = Duration::from_millis(50);
/// Lines of a log that are shown when its program failed.
const TAIL: usize = 40;

/// Runs a program to its end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let name = name(command);
    let ran = command.stdin(Stdio::null()).output().map_err(|error| format!("could not run `{name}`: {error}"))?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
    }
    let error = String::from_utf8_lossy(&ran.stderr);
    Err(format!("`{name}` failed ({}):\n{}", ran.status, tail(error.trim_end(), TAIL)))
}

/// Runs a program to its end, its output in `log`, with a progress line that counts what cargo has compiled or tested.
pub(crate) fn logged(label: &str, command: &mut Command, log: &Path) -> Outcome<ExitStatus> {
    if let Some(folder) = log.parent() {
        make_folder(folder)?;
    }
    let started = Instant::now();
    let mut child = Child::spawn(command, log)?;
    let mut progress = Progress::new();
    loop {
        if let Some(status) = child.ended()? {
            return Ok(status);
        }
        progress.show(format_args!("{label}: {}{}", so_far(&child.log()), duration(started.elapsed())));
        std::thread::sleep(GLANCE);
    }
}

/// How far cargo is, by what it has printed: tests, or else crates.
fn so_far(log: &str) -> String {
    let tests = log.lines().filter(|line| line.starts_with("test ") && line.ends_with("... ok")).count();
    let crates = log.lines().filter(|line| line.trim_start().starts_with("Compiling ")).count();
    match (tests, crates) {
        (0, 0) => String::new(),
        (0, crates) => format!("{crates} crates, "),
        (tests, _) => format!("{tests} tests, "),
    }
}

/// As [`logged`], where anything but success is a problem.
pub(crate) fn succeed(label: &str, command: &mut Command, log: &Path) -> Outcome {
    let status = logged(label, command, log)?;
    if status.success() {
        return Ok(());
    }
    let text = fs::read_to_string(log).unwrap_or_default();
    Err(format!("{label} failed ({status}). The end of `{}`:\n\n{}", log.display(), tail(&text, TAIL)))
}

/// A program that runs beside us.
pub(crate) struct Child {
    name: String,
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts it; both its outputs go to `log`.
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> Outcome<Child> {
        let name = name(command);
        let file = File::create(log).map_err(|error| format!("could not write `{}`: {error}", log.display()))?;
        let error = file.try_clone().map_err(|error| format!("could not share `{}`: {error}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file).stderr(error);
        end_with_parent(command);
        let process = command.spawn().map_err(|error| format!("could not start `{name}`: {error}"))?;
        Ok(Child { name, process, log: log.to_owned() })
    }

    /// All it has printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn ended(&mut self) -> Outcome<Option<ExitStatus>> {
        self.process.try_wait().map_err(|error| format!("could not look after `{}`: {error}", self.name))
    }

    /// A problem if it has ended, for it should still be running.
    pub(crate) fn must_run(&mut self) -> Outcome {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(self.problem(&format!("ended too early ({status})"))),
        }
    }

    /// What happened to it, with the end of its log.
    pub(crate) fn problem(&self, what: &str) -> String {
        format!("`{}` {what}. The end of `{}`:\n\n{}", self.name, self.log.display(), tail(&self.log(), TAIL))
    }

    /// Waits for its end; anything but success is a problem.
    pub(crate) fn succeed(mut self, patience: Duration) -> Outcome<String> {
        let until = Instant::now() + patience;
        loop {
            match self.ended()? {
                Some(status) if status.success() => return Ok(self.log()),
                Some(status) => return Err(self.problem(&format!("failed ({status})"))),
                None if Instant::now() > until => return Err(self.problem(&format!("did not end within {}", duration(patience)))),
                None => std::thread::sleep(GLANCE),
            }
        }
    }

    /// Asks it to end, as an operator would, and expects it to.
    pub(crate) fn stop(self, patience: Duration) -> Outcome<String> {
        signal(self.process.id(), libc::SIGTERM);
        self.succeed(patience)
    }

    /// CPU seconds, user and system, of all its threads so far.
    pub(crate) fn cpu_seconds(&self) -> Outcome<f64> {
        let stat = self.proc("stat")?;
        // The name stands in parentheses and may hold anything; utime and stime are the 12th and 13th fields after it.
        let fields: Vec<_> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
        let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
            return Err(format!("`/proc` says nothing of `{}`", self.name));
        };
        // SAFETY: asks for a number and touches no memory.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        Ok((user + system) / per_second as f64)
    }

    /// The most memory it has held so far, in bytes.
    pub(crate) fn peak_memory(&self) -> Outcome<u64> {
        self.status_field("VmHWM").map(|kilobytes| kilobytes * 1024)
    }

    /// A number that the kernel keeps of it, such as `Threads`, or `VmRSS` in kilobytes.
    pub(crate) fn status_field(&self, field: &str) -> Outcome<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
        number.ok_or_else(|| format!("`/proc` does not know the {field} of `{}`", self.name))
    }

    fn proc(&self, file: &str) -> Outcome<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.process.id()))
            .map_err(|error| self.problem(&format!("is not there ({error})")))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _already_gone = self.process.wait();
    }
}

/// Has the kernel kill the program should we die before it.
fn end_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec the closure makes one system call and touches no memory of ours.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        });
    }
}

pub(crate) fn signal(pid: u32, signal: libc::c_int) {
    if let Ok(pid) = libc::pid_t::try_from(pid) {
        // SAFETY: sends a signal; nothing is read or written.
        unsafe { libc::kill(pid, signal) };
    }
}

/// The process whose number a file holds, if it runs and its command line names that file of ours: the number may have been given to
/// another.
pub(crate) fn running(pid_file: &Path, named: &str) -> Option<u32> {
    let pid: u32 = fs::read_to_string(pid_file).ok()?.trim().parse().ok()?;
    let ours = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(line) => String::from_utf8_lossy(&line).contains(named),
        // Where there is no /proc, `ps` knows; and a process that is gone is in neither.
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => {
            output(Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()])).is_ok_and(|line| line.contains(named))
        }
    };
    ours.then_some(pid)
}

/// Waits until `look` finds something, or for too long.
pub(crate) fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(format!("waited {} for {what}, in vain", duration(patience)));
        }
        std::thread::sleep(GLANCE);
    }
}

/// Whether a program can be found.
pub(crate) fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

/// The last lines of a text.
fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let first = command.get_args().next().map(|argument| format!(" {}", argument.to_string_lossy())).unwrap_or_default();
    format!("{}{first}", program.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_program_is_shown_with_its_last_words() {
        let error = output(Command::new("sh").args(["-c", "echo one >&2; echo two >&2; exit 3"])).expect_err("it failed");
        assert_eq!(error, "`sh -c` failed (exit status: 3):\n    one\n    two");
    }

    #[test]
    fn only_the_end_of_a_long_log_is_shown() {
        let text = (0..100).map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
        assert_eq!(tail(&text, 2), "    98\n    99");
    }

    #[test]
    fn progress_counts_crates_and_then_tests() {
        assert_eq!(so_far("nothing yet"), "");
        assert_eq!(so_far("   Compiling a\n   Compiling b\n"), "2 crates, ");
        assert_eq!(so_far("   Compiling a\ntest one ... ok\ntest two ... FAILED\n"), "1 tests, ");
    }

    #[test]
    fn a_missing_program_is_not_installed() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program-anywhere"));
    }
}
