//! A server as a process of its own: started, measured, stopped.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::Error;

/// How long it may take to stop, when all that it had to do is done.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that is running. It is killed when dropped.
pub struct Program {
    name: String,
    child: Child,
    /// It is to have somebody who listens.
    _output: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Program {
    /// Starts it, and reads the address that it prints. What it says besides goes to a file.
    ///
    /// # Errors
    ///
    /// If it ends, or prints no address.
    pub fn start(program: &Path, arguments: &[String], settings: &[(&str, &str)], log: &Path) -> Result<Self, Error> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let errors = File::options().create(true).append(true).open(log)?;
        // It is to end with us, however we end. The process stays the one that is started here.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(arguments).envs(settings.iter().copied());
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = child.map_err(|error| format!("setpriv, of util-linux, does not start {name}: {error}"))?;
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let address = address(&mut output);
        let Some(address) = address else {
            let _ = child.kill();
            let status = child.wait()?;
            return Err(format!("{name} prints no address ({status}): see {}", log.display()).into());
        };
        Ok(Program { name, child, _output: output, address })
    }

    /// How long its threads have been running, in user mode and in the kernel's.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn processor_time(&self) -> Result<Duration, Error> {
        // The same as `utime` and `stime` of /proc/PID/stat, but in nanoseconds and not in ticks of 10 ms.
        Ok(clock_getcpuclockid(self.pid())?.now()?.into())
    }

    /// The most memory it has had resident, in bytes.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn peak_memory(&self) -> Result<u64, Error> {
        Ok(self.status("VmHWM:")? * 1024)
    }

    /// How many threads it has.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn threads(&self) -> Result<u64, Error> {
        self.status("Threads:")
    }

    /// Stops it, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// If it doesn't end, or not well.
    pub fn stop(mut self) -> Result<(), Error> {
        kill(self.pid(), Signal::SIGTERM)?;
        let started = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("{} ends with {status}", self.name).into()),
                None if started.elapsed() > PATIENCE => return Err(format!("{} does not stop", self.name).into()),
                None => sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Ends it in the middle of whatever it does.
    pub fn end(self) {
        drop(self);
    }

    fn status(&self, key: &str) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let value = status.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next());
        Ok(value.ok_or_else(|| format!("no {key} of {}", self.name))?.parse()?)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("the kernel gives no larger ones"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the first line that has one.
fn address(output: &mut impl std::io::BufRead) -> Option<SocketAddr> {
    output.lines().map_while(Result::ok).find_map(|line| line.split_once("http://")?.1.split('/').next()?.parse().ok())
}
