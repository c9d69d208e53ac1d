//! Mail over SMTP: what is asked, in text and HTML, with a link to the page. Opening the link decides nothing: the page
//! asks who is there first, and decisions are sent by a form.

use futures_util::future::BoxFuture;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde_json::{Value, json};

use crate::config::notify::{EmailConfig, MailTls};
use crate::gate::approval::visible::{block, line};
use crate::notify::channel::{Channel, Outcome};
use crate::notify::content;
use crate::notify::event::{EventKind, Occurrence};
use crate::notify::outbox::Delivery;

/// Longest statement in a mail, in characters; the page shows all of it.
const SQL_CHARS_MAX: usize = 4000;
/// For one SMTP command.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// Some people's mailboxes.
pub struct Email {
    config: EmailConfig,
    from: Mailbox,
    to: Vec<Mailbox>,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    public_url: String,
}

/// Asks programs that answer mail not to (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Email {
    /// Sets it up; nothing is connected yet.
    ///
    /// # Errors
    /// An address that is none, or a CA file that cannot be read.
    pub fn new(config: &EmailConfig, public_url: &str) -> Result<Self, String> {
        let mailbox = |text: &String| text.parse::<Mailbox>().map_err(|error| format!("`{text}`: {error}"));
        let from = mailbox(&config.from)?;
        let to = config.to.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.host.as_str())
            .port(config.port)
            .timeout(Some(TIMEOUT))
            .tls(tls(config)?);
        if let Some((user, password)) = &config.login {
            transport = transport.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        let transport = transport.build();
        Ok(Self { config: config.clone(), from, to, transport, public_url: public_url.to_owned() })
    }

    /// The mail, the same at every attempt but for its date.
    fn message(&self, delivery: &Delivery) -> Result<Message, lettre::error::Error> {
        let text = |key: &str| delivery.body.get(key).and_then(Value::as_str).unwrap_or_default();
        let test = delivery.kind == EventKind::Test;
        let subject = if test { "Holdpoint: a test" } else { text("subject") };
        let plain = if test { text("message") } else { text("text") };
        let id = |name: &str| format!("<{name}@{}>", self.from.email.domain());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .message_id(Some(id(&delivery.id)))
            .header(AutoSubmitted);
        for mailbox in &self.to {
            message = message.to(mailbox.clone());
        }
        if let Some(approval) = &delivery.about.approval {
            // Mail programs put what refers to the same id into one conversation.
            message = message.references(id(approval.as_str()));
        }
        let html = if test { maud::html! { p { (plain) } }.into_string() } else { text("html").to_owned() };
        message.multipart(MultiPart::alternative_plain_html(plain.to_owned(), html))
    }
}

fn tls(config: &EmailConfig) -> Result<Tls, String> {
    if config.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(config.host.clone());
    if let Some(file) = &config.ca {
        let pem = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let ca = Certificate::from_pem(&pem).map_err(|error| format!("{}: {error}", file.display()))?;
        parameters = parameters.add_root_certificate(ca);
    }
    let parameters = parameters.build().map_err(|error| error.to_string())?;
    Ok(if config.tls == MailTls::Implicit { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

impl Channel for Email {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn kind(&self) -> &'static str {
        "email"
    }

    fn target(&self) -> String {
        self.to.iter().map(|mailbox| mailbox.email.to_string()).collect::<Vec<_>>().join(", ")
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
        let sql: Vec<String> = content::statements(approval, self.config.content).iter().map(|sql| cut(sql)).collect();
        let (headline, link) = (line(&content::headline(approval)), content::link(&self.public_url, approval));
        let subject = format!("[{}] {headline}", approval.id);
        let (text, html) = (plain(&headline, &facts, &sql, &link), html(&headline, &facts, &sql, &link));
        json!({ "subject": subject, "text": text, "html": html })
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let message = match self.message(delivery) {
                Ok(message) => message,
                Err(error) => return Outcome::Never { why: format!("the mail cannot be written: {error}") },
            };
            match self.transport.send(message).await {
                Ok(_) => Outcome::Done,
                // A mailbox that does not exist today may exist tomorrow, and 5xx is what misconfigured servers say, too.
                Err(error) => Outcome::later(line(&error.to_string())),
            }
        })
    }

    fn at_once(&self) -> usize {
        1
    }
}

fn cut(sql: &str) -> String {
    let shown = block(sql);
    if shown.chars().count() <= SQL_CHARS_MAX {
        return shown;
    }
    let kept: String = shown.chars().take(SQL_CHARS_MAX).collect();
    format!("{kept}\n… (cut here; the page shows all of it)")
}

fn plain(headline: &str, facts: &[(&str, String)], sql: &[String], link: &str) -> String {
    let mut text = format!("{headline}\n\n");
    for (label, fact) in facts {
        text.push_str(&format!("{label}: {fact}\n"));
    }
    for sql in sql {
        text.push_str(&format!("\n{sql}\n"));
    }
    text.push_str(&format!("\nLook at it and decide there: {link}\n"));
    text
}

fn html(headline: &str, facts: &[(&str, String)], sql: &[String], link: &str) -> String {
    let page = maud::html! {
        h2 { (headline) }
        table {
            @for (label, fact) in facts {
                tr { th align="left" valign="top" { (label) } td { (fact) } }
            }
        }
        @for sql in sql { pre { (sql) } }
        p { a href=(link) { "Look at it and decide there" } }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_escaped_and_long_statements_say_that_they_are_cut() {
        let facts = [("Reason (claimed)", "<script>alert(1)</script>".to_owned())];
        let page = html("a & b", &facts, &["SELECT '</pre>'".to_owned()], "https://h.test/a/apr_1?x=\"");
        assert!(!page.contains("<script>") && page.contains("&lt;/pre&gt;") && page.contains("a &amp; b"), "{page}");
        assert!(cut(&"x".repeat(5000)).ends_with("(cut here; the page shows all of it)"));
        assert_eq!(cut("SELECT\u{202e}"), "SELECT<U+202E>");
    }
}
