//! The worker protocol: what workers ask of the server, by HTTP. Every call may be repeated with the
//! same content, since its lease, its attempt or its content says what it is: an idempotency key
//! changes nothing here. Source: docs/workers.md.

mod contents;
mod finishes;
mod leases;
mod questions;
mod said;
mod starts;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Api;

/// Where every path of the protocol begins.
pub(crate) const PREFIX: &str = "/v2/worker/";

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .merge(starts::router())
        .merge(leases::router())
        .merge(contents::router())
        .merge(questions::router())
        .merge(finishes::router())
}
