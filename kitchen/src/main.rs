//! `kitchen`: the food delivery service.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser as _;
use kitchen::Settings;
use kitchen::server::{serve, stop_signal, urls};

fn main() -> ExitCode {
    let settings = Settings::parse();
    env_logger::Builder::from_env(env_logger::Env::new().filter_or("KITCHEN_LOG", "kitchen=info,warn")).init();
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
        log::warn!("open at http://{address}/, which cannot be printed: {error}");
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
