//! Structured logs: what is logged and how, and to which request a record belongs.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::panic;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::HttpRequest;
use clap::{Args, ValueEnum};
use tracing::field::{Empty, display};
use tracing::{Level, Span};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

/// What to log.
#[derive(Args, Clone, Debug)]
pub struct Logs {
    /// What to log: off, error, warn, info, debug or trace; also by origin, as in kitchen=debug,warn
    #[arg(long = "log", env = "KITCHEN_LOG", value_name = "FILTER", default_value = "kitchen=info,warn")]
    pub filter: Targets,

    /// How to log: lines to read, or a JSON object a line
    #[arg(long = "log-format", env = "KITCHEN_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// Lines for programs: a JSON object each.
    Json,
}

/// From here on, logs to the standard error. To be called once, by the program.
pub fn init(logs: &Logs) {
    // If the standard error can't be written to, then neither can it be said there.
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(false).log_internal_errors(false);
    let lines = match logs.format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    registry().with(lines).with(logs.filter.clone()).init();
    log_panics();
}

/// A panic is a record, too: so it says which request it belongs to.
fn log_panics() {
    let otherwise = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !tracing::enabled!(Level::ERROR) {
            return otherwise(panic);
        }
        let place = panic.location().map(display);
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| display(&backtrace));
        tracing::error!(
            place,
            backtrace,
            "panicked: {}",
            panic.payload_as_str().unwrap_or("with something else than text")
        );
    }));
}

/// The span of a request, for all that its view logs. Where that isn't logged anyway, this costs next to nothing: then it is none.
pub(crate) fn request_span(http: &HttpRequest, user: &str) -> Span {
    let (method, path) = (http.method().as_str(), http.path());
    tracing::info_span!("request", id = next_id(), method, path, user, order_id = Empty)
}

/// Calls `function` in a span, without its neighbours while it waits. Without a span it is a mere call.
pub(crate) fn in_span<R>(span: &Span, function: impl FnOnce() -> R) -> R {
    if span.is_disabled() { function() } else { mixio_tracing::in_span(span.clone(), function) }
}

/// A number for a request, by which it can be found among those of all kitchens, and of their earlier lives.
fn next_id() -> String {
    static FIRST: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{:016x}", FIRST.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)))
}
