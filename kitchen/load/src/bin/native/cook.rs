//! Calls the kitchen service, by hyper's client.

use std::fmt;
use std::time::Duration;

use actix_web::web::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use tokio::time::timeout;

use crate::orders::Order;

/// No answer that we expect is longer.
const MAX_REPLY: usize = 64 << 10;

/// The kitchen service.
pub(crate) struct Cook {
    client: Client<HttpConnector, Full<Bytes>>,
    address: Uri,
    patience: Duration,
}

/// Why there is no useful answer.
#[derive(Debug)]
pub(crate) enum Failure {
    Silent,
    Unreachable,
    BrokeOff,
    Unexpected(u16),
    /// It has refused the order when it was asked for the first time.
    Refused,
    /// Its answer wasn't clear, when it was asked for the first time.
    Unclear,
}

impl Cook {
    pub(crate) fn new(address: Uri, patience: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            // Less than servers commonly keep an idle connection, lest a request is sent while they close it.
            .pool_idle_timeout(Duration::from_secs(3))
            .pool_timer(TokioTimer::new())
            .build(connector);
        Cook { client, address, patience }
    }

    /// Sends an order, once. Gives the status and the JSON, which is null if it can't be read.
    pub(crate) async fn ask(&self, id: i64, order: &Order) -> Result<(u16, Value), Failure> {
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(64 + order.details.len()));
        form.append_pair("order_id", &id.to_string());
        form.append_pair("user", &order.user).append_pair("details", &order.details);
        let request = Request::post(self.address.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(form.finish().into()))
            .expect("its parts are valid");
        timeout(self.patience, self.send(request)).await.unwrap_or(Err(Failure::Silent))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(u16, Value), Failure> {
        let response = self.client.request(request).await.map_err(|error| {
            log::warn!("{} fails: {error:?}", self.address);
            if error.is_connect() { Failure::Unreachable } else { Failure::BrokeOff }
        })?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_REPLY).collect().await.map_err(|error| {
            log::warn!("{} fails: {error:?}", self.address);
            if error.is::<http_body_util::LengthLimitError>() { Failure::Unexpected(status) } else { Failure::BrokeOff }
        })?;
        Ok((status, serde_json::from_slice(&body.to_bytes()).unwrap_or_default()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Silent => f.write_str("the kitchen did not answer in time"),
            Failure::Unreachable => f.write_str("the kitchen cannot be reached"),
            Failure::BrokeOff => f.write_str("the kitchen broke off its answer; it may have taken the order"),
            Failure::Refused => f.write_str("the kitchen has refused this order"),
            Failure::Unclear => f.write_str("the kitchen gave no clear answer; it may have taken the order"),
            Failure::Unexpected(201) => f.write_str("the kitchen's answer cannot be understood"),
            Failure::Unexpected(status) => write!(f, "the kitchen answered with status {status}"),
        }
    }
}
