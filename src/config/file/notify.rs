//! `notify:`: raw -> checked.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::file::{Check, span};
use crate::config::notify::{EmailConfig, MailTls, NotifyConfig, SlackConfig, SlackMode, TeamsConfig, WebhookConfig};
use crate::config::raw::notify::{EmailRaw, NotifyRaw, SlackRaw, TeamsRaw, WebhookRaw};
use crate::identity::secret::Secret;
use crate::policy::yaml::Step;

/// One attempt may take no longer, whatever is configured: couriers stop waiting then.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// What mail tells of by default: that somebody is asked, and that nobody answered.
const MAIL_EVENTS: [&str; 2] = ["approval.requested", "approval.expired"];

/// What Teams is told by default: one card when somebody is asked, one when it is decided.
const TEAMS_EVENTS: [&str; 4] = ["approval.requested", "approval.approved", "approval.denied", "approval.expired"];

impl Check<'_> {
    pub(super) fn notify(&mut self, raw: &NotifyRaw) -> NotifyConfig {
        let mut names = BTreeSet::new();
        let mut webhooks = Vec::new();
        for (index, webhook) in raw.webhooks.iter().enumerate() {
            let at = [Step::Key("notify"), Step::Key("webhooks"), Step::Item(index)];
            self.channel_name(&at, &webhook.name, &mut names);
            webhooks.extend(self.webhook(&at, webhook));
        }
        let mut email = Vec::new();
        for (index, mail) in raw.email.iter().enumerate() {
            let at = [Step::Key("notify"), Step::Key("email"), Step::Item(index)];
            self.channel_name(&at, &mail.name, &mut names);
            email.extend(self.email(&at, mail));
        }
        let mut teams = Vec::new();
        for (index, workflow) in raw.teams.iter().enumerate() {
            let at = [Step::Key("notify"), Step::Key("teams"), Step::Item(index)];
            self.channel_name(&at, &workflow.name, &mut names);
            teams.extend(self.teams(&at, workflow));
        }
        let slack = raw.slack.as_ref().and_then(|slack| self.slack(slack, &mut names));
        NotifyConfig {
            give_up_after: span(raw.give_up_after, 3 * 86_400_000),
            keep: span(raw.keep, 30 * 86_400_000),
            webhooks,
            email,
            slack,
            teams,
        }
    }

    fn channel_name(&mut self, at: &[Step<'_>], name: &str, names: &mut BTreeSet<String>) {
        let path = [at, &[Step::Key("name")]].concat();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if name.is_empty() || name.len() > 40 || !name.bytes().all(fits) {
            let fix = Some("write 1 to 40 letters, digits, `-` or `_`");
            self.fault(&path, format!("`{name}` is not a name for a channel"), fix);
        } else if !names.insert(name.to_owned()) {
            self.fault(&path, format!("`{name}` is there twice"), Some("every channel needs its own name"));
        }
    }

    fn webhook(&mut self, at: &[Step<'_>], raw: &WebhookRaw) -> Option<WebhookConfig> {
        let url = self.needed(at, "url", &raw.url, &raw.url_file);
        let secret = self.needed(at, "secret", &raw.secret, &raw.secret_file);
        let previous = self.secret(at, "previous_secret", &raw.previous_secret, &raw.previous_secret_file);
        let timeout = span(raw.timeout, 15_000);
        if timeout > TIMEOUT_MAX {
            let path = [at, &[Step::Key("timeout")]].concat();
            self.fault(&path, "`timeout` is longer than 30s", Some("write 30s or less"));
        }
        if let Some(url) = &url {
            self.web_address(&[at, &[Step::Key("url")]].concat(), url, raw.allow_private);
        }
        Some(WebhookConfig {
            name: raw.name.clone(),
            url: url?,
            secret: secret?,
            previous_secret: previous?,
            format: raw.format,
            content: raw.content,
            events: raw.events.clone().unwrap_or_else(|| vec!["approval.*".to_owned()]),
            allow_private: raw.allow_private,
            ca: raw.ca.as_deref().map(|file| self.path(file)),
            timeout,
        })
    }

    fn email(&mut self, at: &[Step<'_>], raw: &EmailRaw) -> Option<EmailConfig> {
        let below = |key: &'static str| [at, &[Step::Key(key)]].concat();
        let password = self.secret(at, "password", &raw.password, &raw.password_file)?;
        let login = match (&raw.user, password) {
            (Some(user), Some(password)) => Some((user.clone(), password)),
            (None, None) => None,
            _ => {
                self.fault(&below("user"), "`user` and `password` belong together", Some("give both or none"));
                return None;
            }
        };
        let loopback = raw.host.parse::<IpAddr>().map_or(raw.host == "localhost", |ip| ip.is_loopback());
        if raw.tls == MailTls::None && !loopback {
            let fix = Some("use `implicit` or `starttls`");
            self.fault(&below("tls"), "mail leaves this machine with TLS only", fix);
        }
        let port = match raw.tls {
            MailTls::Implicit => 465,
            MailTls::Starttls => 587,
            MailTls::None => 25,
        };
        Some(EmailConfig {
            name: raw.name.clone(),
            host: raw.host.clone(),
            port: raw.port.unwrap_or(port),
            tls: raw.tls,
            ca: raw.ca.as_deref().map(|file| self.path(file)),
            login,
            from: raw.from.clone(),
            to: raw.to.clone(),
            content: raw.content,
            events: raw.events.clone().unwrap_or_else(|| MAIL_EVENTS.map(str::to_owned).to_vec()),
        })
    }

    fn slack(&mut self, raw: &SlackRaw, names: &mut BTreeSet<String>) -> Option<SlackConfig> {
        let at = [Step::Key("notify"), Step::Key("slack")];
        let name = raw.name.clone().unwrap_or_else(|| "slack".to_owned());
        self.channel_name(&at, &name, names);
        let bot_token = self.needed(&at, "bot_token", &raw.bot_token, &raw.bot_token_file);
        let app_token = self.secret(&at, "app_token", &raw.app_token, &raw.app_token_file)?;
        let signing = self.secret(&at, "signing_secret", &raw.signing_secret, &raw.signing_secret_file)?;
        let mode = match (app_token, signing) {
            (Some(app_token), None) => SlackMode::Socket { app_token },
            (None, Some(signing_secret)) => SlackMode::Http { signing_secret },
            _ => {
                let fix = Some("give `app_token` for Socket Mode, or `signing_secret` for HTTP");
                self.fault(&at, "exactly one of `app_token` and `signing_secret` is needed", fix);
                return None;
            }
        };
        let api_url = raw.api_url.clone().unwrap_or_else(|| "https://slack.com/api".to_owned());
        self.web_address(&[&at[..], &[Step::Key("api_url")]].concat(), &Secret::new(&*api_url), raw.allow_private);
        Some(SlackConfig {
            name,
            bot_token: bot_token?,
            mode,
            channel: raw.channel.clone(),
            team_ids: raw.team_ids.clone(),
            people: raw.people.clone(),
            content: raw.content,
            api_url,
            allow_private: raw.allow_private,
        })
    }

    fn teams(&mut self, at: &[Step<'_>], raw: &TeamsRaw) -> Option<TeamsConfig> {
        let url = self.needed(at, "url", &raw.url, &raw.url_file)?;
        self.web_address(&[at, &[Step::Key("url")]].concat(), &url, raw.allow_private);
        Some(TeamsConfig {
            name: raw.name.clone(),
            url,
            content: raw.content,
            events: raw.events.clone().unwrap_or_else(|| TEAMS_EVENTS.map(str::to_owned).to_vec()),
            allow_private: raw.allow_private,
        })
    }

    /// An address to send to; it may be a secret, so no fault shows it.
    fn web_address(&mut self, path: &[Step<'_>], url: &Secret, allow_private: bool) {
        let text = url.expose();
        let graphic = text.chars().all(|c| c.is_ascii_graphic());
        if graphic && text.starts_with("https://") || graphic && allow_private && text.starts_with("http://") {
            return;
        }
        let fix = Some("write an `https://` URL; `http://` needs `allow_private: true`");
        self.fault(path, "this is not a URL that may be sent to", fix);
    }

    /// A secret that has to be there; `None`: a fault is noted.
    fn needed(
        &mut self,
        at: &[Step<'_>],
        key: &'static str,
        text: &Option<String>,
        file: &Option<String>,
    ) -> Option<Secret> {
        let secret = self.secret(at, key, text, file)?;
        if secret.is_none() {
            let fix = format!("write `{key}: ${{VARIABLE}}` or `{key}_file`");
            self.fault(at, format!("`{key}` is missing"), Some(&fix));
        }
        secret
    }
}
