//! hyper's client, which is asynchronous: it is waited for.

use std::error::Error;
use std::time::Duration;

use actix_web::web::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mixio::wait;
use tokio::time::timeout;
use ureq::http::{Request, Uri, header};

use super::{FORM, Failure, IDLE, MAX_REPLY, Reply};

pub(super) struct Client {
    client: legacy::Client<HttpConnector, Full<Bytes>>,
    limit: Duration,
}

impl Client {
    pub(super) fn new(limit: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        Client { client: builder.build(connector), limit }
    }

    pub(super) fn post(&self, url: &Uri, form: String) -> Result<Reply, Failure> {
        let request = Request::post(url).header(header::CONTENT_TYPE, FORM).body(Full::from(form));
        let request = request.expect("its parts are valid");
        wait(timeout(self.limit, self.send(url, request))).unwrap_or(Err(Failure::Silent))
    }

    async fn send(&self, url: &Uri, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
        let response = self.client.request(request).await.map_err(|error| {
            failed(url, &error);
            if error.is_connect() { Failure::Unreachable } else { Failure::BrokeOff }
        })?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_REPLY).collect().await.map_err(|error| {
            failed(url, &*error);
            if error.is::<LengthLimitError>() { Failure::Unexpected(status) } else { Failure::BrokeOff }
        })?;
        Ok(Reply { status, body: body.to_bytes().into() })
    }
}

fn failed(url: &Uri, error: &(dyn Error + 'static)) {
    tracing::warn!(error, "{url} fails");
}
