//! Microsoft Teams by a Workflow ("When a Teams webhook request is received"): an Adaptive Card with a link to the page, and
//! a second card when it is decided, because such cards cannot be edited. The Workflow's URL is a secret with a signature in
//! its query: it goes out byte for byte.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::{Client, Url};
use serde_json::{Value, json};

use crate::config::notify::TeamsConfig;
use crate::gate::approval::visible::{block, line};
use crate::notify::channel::{Channel, Outcome};
use crate::notify::content;
use crate::notify::event::{EventKind, Occurrence};
use crate::notify::http::{self, Answer, Reach};
use crate::notify::outbox::Delivery;

/// Longest SQL in a card, in characters: Teams takes cards below 28 kB.
const SQL_CHARS_MAX: usize = 2500;
const TIMEOUT: Duration = Duration::from_secs(30);

/// One Workflow.
pub struct Teams {
    config: TeamsConfig,
    url: Url,
    client: Client,
    public_url: String,
}

impl Teams {
    /// Sets it up.
    ///
    /// # Errors
    /// The URL cannot be used, or would not go out as it was written.
    pub fn new(config: &TeamsConfig, public_url: &str) -> Result<Self, String> {
        let text = config.url.expose();
        let url = Url::parse(text).map_err(|error| format!("url: {error}"))?;
        http::check(&url, config.allow_private)?;
        if !goes_out_as_written(&url, text) {
            return Err("url: its path or query would be rewritten; copy it again from the Workflow".to_owned());
        }
        let reach = Reach { allow_private: config.allow_private, ca: None, timeout: TIMEOUT };
        let client = http::client(&reach)?;
        Ok(Self { config: config.clone(), url, client, public_url: public_url.to_owned() })
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<Answer, String> {
        http::check(&self.url, self.config.allow_private)?;
        let card = if delivery.kind == EventKind::Test { test_card(delivery) } else { delivery.body.clone() };
        let request =
            self.client.post(self.url.clone()).header("content-type", "application/json").body(card.to_string());
        http::send(request).await
    }
}

/// Is what stands behind host and port sent as it was written? Re-encoded, the signature in it would not fit any more.
fn goes_out_as_written(url: &Url, text: &str) -> bool {
    let sent = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let behind = text.split_once("://").map_or("", |(_, rest)| rest);
    let written = behind.find(['/', '?', '#']).and_then(|at| behind.get(at..)).unwrap_or("/");
    sent == written
}

impl Channel for Teams {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn kind(&self) -> &'static str {
        "teams"
    }

    fn target(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::Test || self.config.events.iter().any(|pattern| kind.matches(pattern))
    }

    fn compose(&self, occurrence: &Occurrence) -> Value {
        let approval = &occurrence.approval;
        let mut facts = content::facts(approval, self.config.content);
        let standing = content::standing(approval);
        if !standing.is_empty() {
            facts.push(("So far", line(&standing)));
        }
        let sql = content::statements(approval, self.config.content).iter().map(|sql| block(sql)).collect::<Vec<_>>();
        let link = content::link(&self.public_url, approval);
        card(&line(&content::headline(approval)), &facts, &sql.join("\n"), Some(&link))
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match self.attempt(delivery).await {
                Ok(answer) => outcome(&answer),
                Err(why) => Outcome::later(why),
            }
        })
    }

    fn at_once(&self) -> usize {
        1
    }
}

/// Teams may say 200 or 202 and write the real status into the body.
fn outcome(answer: &Answer) -> Outcome {
    let said = String::from_utf8_lossy(&answer.body);
    let hidden = said.split_once("HTTP error ").map(|(_, rest)| rest.chars().take(3).collect::<String>());
    match (answer.status, hidden) {
        (200..300, None) => Outcome::Done,
        (200..300, Some(status)) => {
            Outcome::Later { why: format!("Teams says HTTP {status}"), after: answer.retry_after }
        }
        (status, _) => Outcome::Later { why: format!("HTTP {status}"), after: answer.retry_after },
    }
}

fn test_card(delivery: &Delivery) -> Value {
    let words = delivery.body.get("message").and_then(Value::as_str).unwrap_or_default();
    card("Holdpoint: a test", &[("Message", words.to_owned())], "", None)
}

/// Text that Teams shows as it is: TextRuns know no Markdown.
fn run(text: &str, style: &Value) -> Value {
    let mut run = json!({ "type": "TextRun", "text": text });
    if let (Some(run), Some(style)) = (run.as_object_mut(), style.as_object()) {
        run.extend(style.clone());
    }
    run
}

fn card(headline: &str, facts: &[(&str, String)], sql: &str, link: Option<&str>) -> Value {
    let large = json!({ "size": "Medium", "weight": "Bolder" });
    let mut body = vec![json!({ "type": "RichTextBlock", "inlines": [run(headline, &large)] })];
    for (label, text) in facts {
        let label = run(&format!("{label}: "), &json!({ "weight": "Bolder" }));
        body.push(json!({ "type": "RichTextBlock", "spacing": "Small", "inlines": [label, run(text, &Value::Null)] }));
    }
    if !sql.is_empty() {
        let cut: String = sql.chars().take(SQL_CHARS_MAX).collect();
        let shown =
            if cut.len() < sql.len() { format!("{cut}\n… (cut here; the page shows all of it)") } else { cut };
        let plain = run(&shown, &json!({ "fontType": "Monospace" }));
        body.push(json!({
            "type": "CodeBlock", "language": "SQL", "codeSnippet": shown,
            "fallback": { "type": "RichTextBlock", "inlines": [plain] },
        }));
    }
    let actions: Vec<Value> =
        link.iter().map(|link| json!({ "type": "Action.OpenUrl", "title": "Review", "url": link })).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard", "version": "1.4", "msteams": { "width": "Full" },
                "body": body, "actions": actions,
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_would_be_rewritten_are_known() {
        let fits = |text: &str| goes_out_as_written(&Url::parse(text).unwrap(), text);
        let sig = "https://x.environment.api.powerplatform.com:443/powerautomate/a%2Fb/run?sp=%2Ftriggers%2Fmanual%2Frun&sig=Ab-_%2B%3d";
        assert!(fits(sig) && fits("https://x.example/") && fits("https://x.example"));
        for rewritten in [
            "https://x.example?a=b",
            "https://x.example/a/../b",
            "https://x.example/a?b=it's",
            "https://x.example/ä",
            "https://x.example/a#b",
        ] {
            assert!(!fits(rewritten), "{rewritten}");
        }
    }

    #[test]
    fn a_status_hidden_in_the_body_counts() {
        let of = |status, body: &str| outcome(&Answer { status, retry_after: None, body: body.as_bytes().to_vec() });
        assert_eq!((of(202, ""), of(200, "1")), (Outcome::Done, Outcome::Done));
        let hidden = of(
            200,
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId",
        );
        assert_eq!(hidden, Outcome::later("Teams says HTTP 429"));
        assert_eq!(of(400, ""), Outcome::later("HTTP 400"));
    }

    #[test]
    fn nothing_in_a_card_is_read_as_markdown_and_it_stays_small() {
        let facts = [("Reason (claimed)", "[click](https://evil.example) **now**".to_owned())];
        let card = card("a", &facts, &"SELECT 'ä' ".repeat(5000), Some("https://h.test/a/apr_1"));
        let text = card.to_string();
        assert!(!text.contains("TextBlock\",") && !text.contains("FactSet") && text.contains("cut here"));
        assert!(text.len() < 28_000, "{}", text.len());
    }
}
