//! A web service that counts every request and shows the counts to Prometheus.
//!
//! ```text
//! cd examples/service
//! LISTEN=127.0.0.1:8080 BACKEND=Striped SHARDS=16 cargo run --release
//! curl 127.0.0.1:8080/hello ; curl 127.0.0.1:8080/metrics
//! ```
//!
//! | variable | default | |
//! |---|---|---|
//! | `LISTEN` | `127.0.0.1:8080` | address and port; port 0 takes a free one, which is printed |
//! | `BACKEND` | `Auto` | of the counters |
//! | `SHARDS` | of the machine | of the counters |
//!
//! Exit code: 0, or 1 if it cannot listen, or 2 on a wrong value.
//!
//! | file | what it does |
//! |---|---|
//! | `settings` | the environment, with a clear error for each wrong value |
//! | `route` | what is counted apart: the names of the counters |
//! | `stats` | the counters; `atomics` the same with plain atomics, to compare |
//! | `server` | routes, the middleware that counts, `/metrics` |
//! | `body` | bodies that count what of them is sent |

#[cfg_attr(feature = "atomics", path = "atomics.rs")]
mod stats;

mod body;
mod route;
mod server;
mod settings;

use settings::Settings;
use stats::Stats;
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};
use tokio::{
    net::TcpListener,
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
};

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Settings::from_environment() {
        Ok(settings) => settings,
        Err(error) => {
            tell(&mut io::stderr(), &format!("error: {error}"));
            return ExitCode::from(2);
        }
    };
    match serve(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&mut io::stderr(), &format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let stats = Arc::new(Stats::new(settings)?);
    let listener = TcpListener::bind(&settings.listen)
        .await
        .map_err(|error| format!("LISTEN: cannot listen on {:?}: {error}", settings.listen))?;
    let (address, counting) = (listener.local_addr()?, stats.describe());
    tell(&mut io::stdout(), &format!("listening on {address}, counting with {counting}"));
    let server = server::router(Arc::clone(&stats));
    axum::serve(listener, server).with_graceful_shutdown(told_to_stop()).await?;
    tell(&mut io::stdout(), &format!("served {} requests{}", stats.total(), stats.latency()));
    Ok(())
}

/// Writes a line. A service goes on if its output is closed.
fn tell(output: &mut impl Write, line: &str) {
    let _ = writeln!(output, "{line}");
}

/// Returns on an interrupt, or on a request to terminate.
async fn told_to_stop() {
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
    tokio::select! {
        _ = ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
