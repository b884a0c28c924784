//! `kitchen`: the food delivery service.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser as _;
use kitchen::server::{serve, stop_signal, urls};
use kitchen::{Settings, logs};

fn main() -> ExitCode {
    let settings = Settings::parse();
    logs::init(&settings.logs);
    match serve(settings, urls, opened) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody can be told, there is still the exit code.
            let _ = writeln!(io::stderr(), "kitchen: {error}");
            ExitCode::FAILURE
        }
    }
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
