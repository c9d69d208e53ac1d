//! What people do in Slack: buttons and the form that asks why. Refusals are told to the one who clicked, and nobody else.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gate::approval::{Approval, Verdict};
use crate::gate::decision::Decision;
use crate::identity::ids::ApprovalId;
use crate::identity::person::Person;
use crate::notify::slack::Slack;
use crate::notify::slack::message::{ASSURANCE, Ticket, deny_form, escape, shows_all};
use crate::notify::slack::person::Account;

/// Slack waits 3 s for the answer to a form.
const FORM_TIME: Duration = Duration::from_millis(2500);
/// Surface of decisions made here.
const VIA: &str = "slack";

impl Slack {
    /// Takes an interaction that is known to come from Slack. Answers at once; buttons are worked on behind the answer.
    pub(super) async fn interact(&self, payload: Value) -> Option<Value> {
        let kind = payload.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "block_actions" => {
                let slack = self.clone();
                tokio::spawn(async move { slack.button(&payload).await });
                None
            }
            "view_submission" => {
                let submitted = tokio::time::timeout(FORM_TIME, self.submitted(&payload)).await;
                let refused =
                    submitted.unwrap_or_else(|_| Err("it took too long; look whether it was denied".to_owned())).err();
                refused.map(|why| json!({ "response_action": "errors", "errors": { "reason": why } }))
            }
            _ => None,
        }
    }

    async fn button(&self, payload: &Value) {
        let Some(action) = payload.pointer("/actions/0") else { return };
        let text = |key: &str| action.get(key).and_then(Value::as_str).unwrap_or_default();
        let done = match text("action_id") {
            "approve" => self.approve(payload, text("value")).await,
            "deny" => self.ask_why(payload, text("value")).await,
            // A link opens by itself.
            _ => Ok(()),
        };
        if let Err(why) = done {
            self.whisper(payload, &why).await;
        }
    }

    /// The account, and the person it belongs to. An account that belongs to nobody gets a link of its own.
    async fn who(&self, payload: &Value) -> Result<Person, String> {
        let account = self.0.accounts.account(&self.0.api, payload).await?;
        let down = |error: crate::identity::store::StoreError| format!("nothing was decided: {error}");
        let Some(name) = self.0.accounts.person(&account).map_err(down)? else {
            return Err(self.offer(&account).await);
        };
        let people = self.0.people.load();
        let known = people.iter().find(|person| person.name == name).cloned();
        known.ok_or_else(|| format!("{name} is not among the people who may decide"))
    }

    async fn offer(&self, account: &Account) -> String {
        match self.0.accounts.offer(&self.0.api, account).await {
            Ok(code) => format!(
                "this Slack account is not tied to a person yet. Open {}/slack/link/{} within ten minutes, sign in and confirm; \
                 then click again",
                self.0.public_url,
                code.expose()
            ),
            Err(error) => format!("nothing was decided: {error}"),
        }
    }

    /// The approval that a button is about, as it is now; refused if the message shows another one or an older version.
    fn shown(&self, value: &str) -> Result<(Approval, Ticket), String> {
        let ticket = Ticket::read(value).ok_or("this button cannot be read")?;
        let id = ApprovalId::parse(&ticket.id).ok_or("this button cannot be read")?;
        let found = self.0.desk.get(&id).map_err(|error| format!("nothing was decided: {error}"))?;
        let approval = found.ok_or("this approval does not exist")?;
        if approval.request.digest != ticket.digest {
            return Err("this message shows something else than what would run".to_owned());
        }
        Ok((approval, ticket))
    }

    async fn approve(&self, payload: &Value, value: &str) -> Result<(), String> {
        let person = self.who(payload).await?;
        let (approval, ticket) = self.shown(value)?;
        // The button may be older than the setting.
        if !shows_all(&approval, self.0.config.content) {
            return Err(format!("{} is not shown in full here: open the page to approve", approval.id));
        }
        self.decide(&approval, &ticket, person, Verdict::Approve, None).await
    }

    async fn ask_why(&self, payload: &Value, value: &str) -> Result<(), String> {
        let (approval, ticket) = self.shown(value)?;
        if approval.version != ticket.version {
            return Err(format!("{} has changed since this message was written; look at it again", approval.id));
        }
        // The form has to be opened within 3 s of the click, so it is asked who it was when it comes back.
        let trigger = payload.get("trigger_id").and_then(Value::as_str).unwrap_or_default();
        let form = json!({ "trigger_id": trigger, "view": deny_form(&approval) });
        let opened = self.0.api.call("views.open", &form).await;
        opened.map(|_| ()).map_err(|error| format!("the form could not be opened: {error}"))
    }

    async fn submitted(&self, payload: &Value) -> Result<(), String> {
        let text = |path: &str| payload.pointer(path).and_then(Value::as_str).unwrap_or_default();
        if text("/view/callback_id") != "deny" {
            return Err("this form is not known".to_owned());
        }
        let reason = text("/view/state/values/reason/text/value").trim();
        if reason.is_empty() {
            return Err("Please give a reason".to_owned());
        }
        let person = self.who(payload).await?;
        let (approval, ticket) = self.shown(text("/view/private_metadata"))?;
        self.decide(&approval, &ticket, person, Verdict::Deny, Some(reason.to_owned())).await
    }

    async fn decide(
        &self,
        approval: &Approval,
        ticket: &Ticket,
        person: Person,
        verdict: Verdict,
        reason: Option<String>,
    ) -> Result<(), String> {
        let decision = Decision {
            person,
            verdict,
            reason,
            via: VIA.to_owned(),
            assurance: ASSURANCE.to_owned(),
            digest: Some(ticket.digest.clone()),
            if_version: Some(ticket.version),
        };
        let decided = self.0.desk.decide(&approval.id, decision).await;
        decided.map(|_| ()).map_err(|error| format!("{}: {error}", approval.id))
    }

    /// Tells only the one who clicked. Nothing depends on it.
    async fn whisper(&self, payload: &Value, why: &str) {
        let text = |path: &str| payload.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let body = json!({
            "channel": text("/container/channel_id"),
            "user": text("/user/id"),
            "text": escape(why),
        });
        if let Err(error) = self.0.api.call("chat.postEphemeral", &body).await {
            tracing::warn!(%error, channel = self.0.config.name, "a refusal could not be told in Slack");
        }
    }
}
