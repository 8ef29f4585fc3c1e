//! Routes, the middleware that counts, and `/metrics`.

use crate::{body::Counted, route::Route, stats::Stats};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::{sync::Arc, time::Instant};

/// What the text of `prometheus-client` is.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) fn router(stats: Arc<Stats>) -> Router {
    let mut registry = Registry::default();
    stats.register(&mut registry);
    Router::new()
        .route("/hello", get(async || "hello, world\n"))
        .route("/echo", post(async |body: Bytes| body))
        .fallback(async || StatusCode::NOT_FOUND)
        // Scrapes come after it and are not counted: what is counted is what clients asked for.
        .layer(from_fn_with_state(stats, count))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)))
}

async fn count(State(stats): State<Arc<Stats>>, request: Request, next: Next) -> Response {
    let _busy = stats.busy();
    let (route, start) = (Route::of(request.uri().path()), Instant::now());
    let response = next.run(request).await;
    stats.served(route, response.status().as_u16(), start.elapsed());
    let stats = Arc::clone(&stats);
    response.map(|body| Body::new(Counted::new(body, stats)))
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], Body::from(text)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
