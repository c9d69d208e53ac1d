//! Who clicked: accounts of our workspaces only, no guests, no bots, no leavers; and which person of the configuration an
//! account belongs to, by an explicit list or by a one-time link that the person confirms after signing in.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::{Clock, Timestamp};
use crate::config::notify::SlackConfig;
use crate::identity::credential::random_secret;
use crate::identity::ids::PersonName;
use crate::identity::secret::Secret;
use crate::identity::store::StoreError;
use crate::notify::outbox::NoteStore;
use crate::notify::slack::api::Api;

/// `team/user` -> the person's name.
const ACCOUNTS: &str = "slack-account";
/// Hash of a code -> the account that asked.
const LINKS: &str = "slack-link";
/// How long a one-time link works.
const LINK_TIME: Duration = Duration::from_secs(600);
/// What marks an account as none of ours.
const REFUSED: [(&str, &str); 6] = [
    ("deleted", "this Slack account is deactivated"),
    ("is_bot", "bots do not decide"),
    ("is_workflow_bot", "bots do not decide"),
    ("is_restricted", "guests of the workspace do not decide"),
    ("is_ultra_restricted", "guests of the workspace do not decide"),
    ("is_stranger", "people of other workspaces do not decide"),
];

/// A Slack account, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) team: String,
    pub(super) user: String,
    pub(super) name: String,
}

/// Whose account a one-time link would tie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkShown {
    /// The workspace's id.
    pub team: String,
    /// What the workspace calls itself, if Slack said so.
    #[serde(default)]
    pub workspace: Option<String>,
    /// The account's id.
    pub user: String,
    /// What the account calls itself.
    pub name: String,
    /// Until when the link works.
    pub expires_at: Timestamp,
}

/// Why an account was not tied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Unknown, used, or expired.
    #[error("this link does not work any more; click the button in Slack again for a new one")]
    NoLink,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) struct Accounts {
    team_ids: Vec<String>,
    people: std::collections::BTreeMap<String, String>,
    notes: Arc<dyn NoteStore>,
    clock: Arc<dyn Clock>,
}

/// The name of the bot's own workspace, if that is the one: words for the person who confirms, nothing depends on it.
async fn workspace(api: &Api, team: &str) -> Option<String> {
    let answer = api.call("auth.test", &json!({})).await.ok()?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    (text("team_id") == team && !text("team").is_empty()).then(|| text("team").chars().take(80).collect())
}

fn code_hash(code: &str) -> String {
    hex::encode(Sha256::digest(code.as_bytes()))
}

impl Accounts {
    pub(super) fn new(config: &SlackConfig, notes: Arc<dyn NoteStore>, clock: Arc<dyn Clock>) -> Self {
        Self { team_ids: config.team_ids.clone(), people: config.people.clone(), notes, clock }
    }

    /// The account behind an interaction, asked from Slack itself. `Err` says why it may not decide.
    pub(super) async fn account(&self, api: &Api, payload: &Value) -> Result<Account, String> {
        let text = |path: &str| payload.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let foreign = || "people of other workspaces do not decide".to_owned();
        let (team, user) = (text("/team/id"), text("/user/id"));
        let home = text("/user/team_id");
        if user.is_empty() || !self.is_ours(team) || !(home.is_empty() || self.is_ours(home)) {
            return Err(foreign());
        }
        let answer = api.call("users.info", &json!({ "user": user })).await;
        // FAIL CLOSED: who cannot be looked up does not decide.
        let answer = answer.map_err(|error| format!("your Slack account cannot be looked up: {error}"))?;
        let info = answer.get("user").ok_or("your Slack account cannot be looked up")?;
        let said = |key: &str| info.get(key).and_then(Value::as_str).unwrap_or_default();
        if said("id") != user || !self.is_ours(said("team_id")) {
            return Err(foreign());
        }
        let mark = REFUSED.iter().find(|(key, _)| info.get(*key).is_some_and(|mark| *mark != Value::Bool(false)));
        if let Some((_, why)) = mark {
            return Err((*why).to_owned());
        }
        let name = [said("real_name"), said("name")].into_iter().find(|name| !name.is_empty()).unwrap_or(user);
        let team = said("team_id").to_owned();
        Ok(Account { team, user: user.to_owned(), name: name.chars().take(80).collect() })
    }

    fn is_ours(&self, team: &str) -> bool {
        self.team_ids.iter().any(|ours| ours == team)
    }

    /// The person an account belongs to.
    pub(super) fn person(&self, account: &Account) -> Result<Option<PersonName>, StoreError> {
        if let Some(name) = self.people.get(&account.user) {
            return Ok(Some(PersonName(name.clone())));
        }
        let key = format!("{}/{}", account.team, account.user);
        Ok(self.notes.note(ACCOUNTS, &key)?.map(PersonName))
    }

    /// A code that ties this account to whoever confirms it. Kept as a hash, for ten minutes.
    pub(super) async fn offer(&self, api: &Api, account: &Account) -> Result<Secret, StoreError> {
        let code = random_secret();
        let link = LinkShown {
            team: account.team.clone(),
            workspace: workspace(api, &account.team).await,
            user: account.user.clone(),
            name: account.name.clone(),
            expires_at: self.clock.now().after(LINK_TIME),
        };
        let text = serde_json::to_string(&link).map_err(|error| StoreError::Failed(error.to_string()))?;
        self.forget_old().await?;
        self.notes.put_note(LINKS, &code_hash(code.expose()), Some(text)).await?;
        Ok(code)
    }

    async fn forget_old(&self) -> Result<(), StoreError> {
        for (key, text) in self.notes.notes(LINKS)? {
            if self.valid(&text).is_err() {
                self.notes.put_note(LINKS, &key, None).await?;
            }
        }
        Ok(())
    }

    fn valid(&self, text: &str) -> Result<LinkShown, LinkError> {
        let link: LinkShown = serde_json::from_str(text).map_err(|_| LinkError::NoLink)?;
        if self.clock.now() >= link.expires_at { Err(LinkError::NoLink) } else { Ok(link) }
    }

    pub(super) fn link_shown(&self, code: &str) -> Result<LinkShown, LinkError> {
        let note = self.notes.note(LINKS, &code_hash(code))?;
        self.valid(&note.ok_or(LinkError::NoLink)?)
    }

    pub(super) async fn link(&self, code: &str, person: &PersonName) -> Result<LinkShown, LinkError> {
        let note = self.notes.take_note(LINKS, &code_hash(code)).await?;
        let link = self.valid(&note.ok_or(LinkError::NoLink)?)?;
        let key = format!("{}/{}", link.team, link.user);
        self.notes.put_note(ACCOUNTS, &key, Some(person.0.clone())).await?;
        Ok(link)
    }
}
