//! `kitchen`: the food delivery service.
#![forbid(unsafe_code)]

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
            eprintln!("kitchen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn opened(address: SocketAddr) -> impl Future<Output = ()> {
    let stop = stop_signal();
    println!("The kitchen is open at http://{address}/ (Ctrl-C closes it). Place an order:");
    println!("    curl http://{address}/ -d user=ann -d details=pizza");
    println!("or at http://{address}/connect/?user=ann in a browser, which shows ann's notifications too.");
    stop
}
