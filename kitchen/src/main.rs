//! `kitchen`: the food delivery service.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser as _;
use kitchen::server::{serve, stop_signal, urls};
use kitchen::settings::{Arguments, Command};
use kitchen::{database, logs};
use mixio::Io;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

fn main() -> ExitCode {
    let Arguments { command, settings } = Arguments::parse();
    logs::init(&settings.logs);
    raise_file_limit();
    let done = Io::from_env().map_err(|error| format!("MIXIO: {error}")).and_then(|io| {
        io.set();
        match command {
            None => serve(settings, urls, opened),
            Some(Command::Migrate { check }) => {
                mixio_tokio::run(move || database::migrate(&settings.database, check)).and_then(print)
            }
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody can be told, there is still the exit code.
            let _ = writeln!(io::stderr(), "kitchen: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Each order takes two sockets, and what a shell lets us open by itself, 1,024 files mostly, is for programs that can't count further.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| match soft < hard {
        true => setrlimit(Resource::RLIMIT_NOFILE, hard, hard),
        false => Ok(()),
    });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

fn print(text: String) -> Result<(), String> {
    writeln!(io::stdout(), "{text}").map_err(|error| format!("cannot print: {error}"))
}

fn opened(address: SocketAddr) -> impl Future<Output = ()> {
    let stop = stop_signal();
    if let Err(error) = greet(address) {
        tracing::warn!(%error, "open at http://{address}/, which cannot be printed");
    }
    stop
}

fn greet(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "The kitchen is open at http://{address}/ (Ctrl-C closes it). Place an order:")?;
    writeln!(out, "    curl http://{address}/ -d user=ann -d details=pizza")?;
    writeln!(out, "or at http://{address}/connect/?user=ann in a browser, which shows ann's notifications too.")?;
    out.flush()
}
