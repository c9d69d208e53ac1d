//! Slack's Web API: JSON in, JSON out, `ok` or an error's name.

use std::time::Duration;

use reqwest::{Client, Url};
use serde_json::Value;

use crate::config::notify::SlackConfig;
use crate::identity::secret::Secret;
use crate::notify::channel::Outcome;
use crate::notify::http::{self, Reach};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Errors that no other attempt with the same message gets past.
const HOPELESS: [&str; 4] = ["msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "msg_too_long"];

/// Why a call did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ApiError {
    /// No answer, or none that can be read.
    Silent(String),
    /// Too many calls.
    Slower(Option<Duration>),
    /// `ok: false`, by the error's name.
    Refused(String),
}

impl ApiError {
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Silent(why) => Outcome::later(why),
            Self::Slower(after) => Outcome::Later { why: "Slack asks to slow down".to_owned(), after },
            Self::Refused(error) if HOPELESS.contains(&error.as_str()) => Outcome::Never { why: error },
            Self::Refused(error) => Outcome::later(format!("Slack says {error}")),
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silent(why) => f.write_str(why),
            Self::Slower(_) => f.write_str("too many calls"),
            Self::Refused(error) => f.write_str(error),
        }
    }
}

pub(super) struct Api {
    base: Url,
    allow_private: bool,
    client: Client,
    bot_token: Secret,
}

impl Api {
    pub(super) fn new(config: &SlackConfig) -> Result<Self, String> {
        let base = Url::parse(&config.api_url).map_err(|error| format!("api_url: {error}"))?;
        http::check(&base, config.allow_private)?;
        let reach = Reach { allow_private: config.allow_private, ca: None, timeout: TIMEOUT };
        let client = http::client(&reach)?;
        Ok(Self { base, allow_private: config.allow_private, client, bot_token: config.bot_token.clone() })
    }

    /// Calls a method as the bot.
    pub(super) async fn call(&self, method: &str, body: &Value) -> Result<Value, ApiError> {
        self.call_with(&self.bot_token, method, body).await
    }

    /// Calls a method with another token.
    pub(super) async fn call_with(&self, token: &Secret, method: &str, body: &Value) -> Result<Value, ApiError> {
        http::check(&self.base, self.allow_private).map_err(ApiError::Silent)?;
        let url = format!("{}/{method}", self.base.as_str().trim_end_matches('/'));
        // `users.info` takes no JSON; every method takes a form, in which objects are JSON texts.
        let form: Vec<(String, String)> = body.as_object().into_iter().flatten().map(field).collect();
        let mut encoded = Url::parse("form:").map_err(|error| ApiError::Silent(error.to_string()))?;
        encoded.query_pairs_mut().extend_pairs(form);
        let request = self
            .client
            .post(url)
            .bearer_auth(token.expose())
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(encoded.query().unwrap_or_default().to_owned());
        let answer = http::send(request).await.map_err(ApiError::Silent)?;
        if answer.status == 429 {
            return Err(ApiError::Slower(answer.retry_after));
        }
        if !answer.is_success() {
            return Err(ApiError::Silent(format!("Slack answered HTTP {}", answer.status)));
        }
        let json: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| ApiError::Silent("Slack's answer cannot be read".to_owned()))?;
        match json.get("ok").and_then(Value::as_bool) {
            Some(true) => Ok(json),
            _ => {
                let error = json.get("error").and_then(Value::as_str).unwrap_or("no error's name");
                Err(ApiError::Refused(error.chars().take(80).collect()))
            }
        }
    }
}

fn field((name, value): (&String, &Value)) -> (String, String) {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (name.clone(), text)
}
