//! Webhooks after the Standard Webhooks specification, as plain JSON or as structured CloudEvents 1.0.

pub mod signature;

use futures_util::future::BoxFuture;
use reqwest::{Client, Url};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::notify::{Content as Level, WebhookConfig, WebhookFormat};
use crate::notify::channel::{Channel, Outcome};
use crate::notify::content;
use crate::notify::event::{EventKind, Occurrence};
use crate::notify::http::{self, Answer, Reach};
use crate::notify::outbox::Delivery;
use crate::notify::webhook::signature::Key;

/// Receivers of Standard Webhooks expect bodies below 20 kB. What would be larger is told at a lower level.
const BODY_BYTES_MAX: usize = 20_000;

/// What the envelope takes of it, at most.
const ENVELOPE_BYTES: usize = 1000;

/// One receiver.
pub struct Webhook {
    config: WebhookConfig,
    url: Url,
    keys: Vec<Key>,
    client: Client,
    public_url: String,
    clock: std::sync::Arc<dyn Clock>,
}

impl Webhook {
    /// Sets it up.
    ///
    /// # Errors
    /// What cannot be used: URL, secret, CA file.
    pub fn new(config: &WebhookConfig, public_url: &str, clock: std::sync::Arc<dyn Clock>) -> Result<Self, String> {
        let url = Url::parse(config.url.expose()).map_err(|error| format!("url: {error}"))?;
        http::check(&url, config.allow_private)?;
        let secrets = std::iter::once(&config.secret).chain(&config.previous_secret);
        let keys = secrets.map(|secret| Key::parse(secret.expose())).collect::<Result<_, _>>()?;
        let reach = Reach { allow_private: config.allow_private, ca: config.ca.as_deref(), timeout: config.timeout };
        let client = http::client(&reach)?;
        Ok(Self { config: config.clone(), url, keys, client, public_url: public_url.to_owned(), clock })
    }

    /// The body, byte for byte the same at every attempt.
    fn body(&self, delivery: &Delivery) -> Vec<u8> {
        let (kind, at) = (delivery.kind.as_str(), delivery.at.to_rfc3339());
        let envelope = match self.config.format {
            WebhookFormat::Standard => json!({ "type": kind, "timestamp": at, "data": delivery.body }),
            WebhookFormat::CloudEvents => {
                let mut event = json!({
                    "specversion": "1.0",
                    "id": delivery.id,
                    "source": self.public_url,
                    "type": format!("dev.holdpoint.{kind}.v1"),
                    "time": at,
                    "datacontenttype": "application/json",
                    "data": delivery.body,
                });
                if let (Some(approval), Some(event)) = (&delivery.about.approval, event.as_object_mut()) {
                    event.insert("subject".to_owned(), json!(approval));
                }
                event
            }
        };
        envelope.to_string().into_bytes()
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<Answer, String> {
        http::check(&self.url, self.config.allow_private)?;
        let body = self.body(delivery);
        let seconds = self.clock.now().as_millis().div_euclid(1000);
        let kind = match self.config.format {
            WebhookFormat::Standard => "application/json",
            WebhookFormat::CloudEvents => "application/cloudevents+json",
        };
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", kind)
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature::sign(&self.keys, &delivery.id, seconds, &body))
            .body(body);
        http::send(request).await
    }
}

/// The data at the highest level that fits, with a mark if it is not the one asked for.
fn fitting(occurrence: &Occurrence, asked: Level, public_url: &str) -> Value {
    for level in [Level::Full, Level::Redacted, Level::Summary, Level::None] {
        if level > asked {
            continue;
        }
        let mut data = content::data(occurrence, level, public_url);
        if let (true, Some(data)) = (level < asked, data.as_object_mut()) {
            data.insert("reduced".to_owned(), json!(true));
        }
        if data.to_string().len() + ENVELOPE_BYTES <= BODY_BYTES_MAX {
            return data;
        }
    }
    json!({ "approval_id": occurrence.change.id, "version": occurrence.change.version, "reduced": true })
}

impl Channel for Webhook {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn target(&self) -> String {
        format!("{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }

    fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::Test || self.config.events.iter().any(|pattern| kind.matches(pattern))
    }

    fn compose(&self, occurrence: &Occurrence) -> Value {
        fitting(occurrence, self.config.content, &self.public_url)
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match self.attempt(delivery).await {
                Ok(answer) => outcome(&answer),
                Err(why) => Outcome::later(why),
            }
        })
    }
}

fn outcome(answer: &Answer) -> Outcome {
    match answer.status {
        200..300 => Outcome::Done,
        410 => Outcome::Gone { why: "HTTP 410 Gone".to_owned() },
        300..400 => Outcome::later(format!("HTTP {}: redirects are not followed", answer.status)),
        429 | 502..505 => Outcome::Later { why: format!("HTTP {}", answer.status), after: answer.retry_after },
        status => Outcome::later(format!("HTTP {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::gate::approval::Approval;
    use crate::gate::desk::store::ApprovalChange;
    use crate::gate::life::Times;
    use crate::gate::sample;
    use crate::identity::ids::ApprovalId;

    #[test]
    fn what_does_not_fit_is_told_at_a_lower_level() {
        let mut request = sample::request("bot", "d1");
        request.statements[0].text = format!("SELECT {}", "x, ".repeat(10_000));
        let span = std::time::Duration::from_secs(60);
        let times = Times { expires: span, use_within: span };
        let approval = Approval::new(ApprovalId::from_random([3; 10]), request, times, Timestamp::from_millis(0));
        let change = ApprovalChange::between(None, &approval);
        let occurrence = Occurrence::new(change, approval, Timestamp::from_millis(0));
        let data = fitting(&occurrence, Level::Full, "https://h.test");
        assert_eq!((&data["reduced"], data.get("sql")), (&json!(true), None));
        assert_eq!(data["agent"], "bot");
        assert_eq!(fitting(&occurrence, Level::Summary, "https://h.test").get("reduced"), None);
    }

    #[test]
    fn statuses_mean_what_the_specification_says() {
        let of =
            |status| outcome(&Answer { status, retry_after: Some(std::time::Duration::from_secs(9)), body: vec![] });
        assert_eq!((of(200), of(204)), (Outcome::Done, Outcome::Done));
        assert!(matches!(of(410), Outcome::Gone { .. }));
        for (status, wish) in [(429, 9), (503, 9), (500, 0), (301, 0), (404, 0)] {
            let after = (wish > 0).then(|| std::time::Duration::from_secs(wish));
            assert!(matches!(of(status), Outcome::Later { after: asked, .. } if asked == after), "{status}");
        }
    }
}
