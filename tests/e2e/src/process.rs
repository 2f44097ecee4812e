//! A child process whose output goes to a file, and which never outlives the test.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::{PATIENCE, eventually, eventually_within};

pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; standard output and error go to `log`.
    pub fn start<S: AsRef<OsStr>>(program: &Path, arguments: &[S], environment: &[(String, String)], log: &Path) -> Process {
        let output = File::create(log).expect("the test's folder is writable");
        let error = output.try_clone().expect("a file can be shared");
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(error)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        Process { child, log: log.to_owned() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All it has printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn wait_for_log(&self, text: &str) {
        eventually(&format!("`{text}` in the log:\n{}", self.log()), || self.log().contains(text).then_some(()));
    }

    pub fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).expect("a process number fits");
        // SAFETY: signals a child that was not waited for, so its number is still its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0, "the child can be signalled");
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_within(PATIENCE)
    }

    pub fn wait_within(&mut self, patience: Duration) -> ExitStatus {
        let log = self.log.clone();
        eventually_within(patience, &format!("the process to end; its log is {}", log.display()), || {
            self.child.try_wait().expect("a child can be waited for")
        })
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        if self.is_running() {
            self.signal(libc::SIGKILL);
        }
        self.wait();
    }

    /// Resident memory now, in bytes.
    pub fn resident(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id())).expect("the process is there");
        let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("the second field is resident pages");
        pages * 4096
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("---- last lines of {}", self.log.display());
            for line in tail.iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}
