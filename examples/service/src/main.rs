//! A web service that counts every request, and shows it to Prometheus.
//!
//! ```text
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
//! | file | what it does |
//! |---|---|
//! | `settings` | the environment, with a clear error for each wrong value |
//! | `route` | what is counted apart: the names of the counters |
//! | `stats` | the counters; `atomics` the same with plain atomics, to compare |
//! | `server` | routes, the middleware that counts, `/metrics` |

#[cfg_attr(feature = "atomics", path = "atomics.rs")]
mod stats;

mod route;
mod server;
mod settings;

use settings::Settings;
use stats::Stats;
use std::{error::Error, process::ExitCode, sync::Arc};
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
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match serve(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let stats = Arc::new(Stats::new(settings)?);
    let listener = TcpListener::bind(&settings.listen)
        .await
        .map_err(|error| format!("LISTEN: cannot listen on {}: {error}", settings.listen))?;
    println!("listening on {}, counting with {}", listener.local_addr()?, stats.describe());
    let server = server::router(Arc::clone(&stats));
    axum::serve(listener, server).with_graceful_shutdown(told_to_stop()).await?;
    println!("served {} requests", stats.total());
    Ok(())
}

/// Returns on an interrupt, or on a request to terminate.
async fn told_to_stop() {
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
    tokio::select! {
        _ = ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
