//! An approval as a Slack message. What agents write stands in `rich_text` and `plain_text`, which Slack shows as it is;
//! what Slack reads as markup is escaped.

use serde_json::{Value, json};

use crate::config::notify::Content as Level;
use crate::gate::approval::visible::{block, line, short};
use crate::gate::approval::{Approval, State};
use crate::notify::content;

/// How sure a click makes us who it was. Rules that demand more are decided at the page.
pub const ASSURANCE: &str = "slack";
/// Longest SQL in a message, all statements and parameters together, in characters.
const SQL_CHARS_MAX: usize = 2500;
/// Slack's own bounds: a header's text, and the text of a confirmation.
const HEADER_CHARS_MAX: usize = 150;
const CONFIRM_CHARS_MAX: usize = 280;

/// How much a message shows, and what its link begins with.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// How much.
    pub level: Level,
    /// Without a trailing slash.
    pub public_url: &'a str,
}

/// Text for a place where Slack reads markup: no mention, link or date can come of it.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What a button carries: which approval, which version of it, and what would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The approval's id.
    pub id: String,
    /// The version that was shown.
    pub version: u64,
    /// The digest that was shown.
    pub digest: String,
}

impl Ticket {
    /// As a button's value.
    pub fn write(approval: &Approval) -> String {
        format!("{}|{}|{}", approval.id, approval.version, approval.request.digest)
    }

    /// Reads a button's value.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('|');
        let (id, version, digest) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        parts.next().is_none().then(|| Self { id: id.to_owned(), version, digest: digest.to_owned() })
    }
}

/// The body of `chat.postMessage`, or of `chat.update` with `ts`.
pub fn message(approval: &Approval, look: &Look<'_>, channel: &str, ts: Option<&str>) -> Value {
    let sql = Sql::of(approval, look.level);
    let headline = short(&content::headline(approval), HEADER_CHARS_MAX);
    let mut blocks = vec![
        json!({ "type": "header", "text": plain(&headline) }),
        json!({ "type": "rich_text", "block_id": "facts", "elements": facts(approval, look.level) }),
    ];
    if !sql.text.is_empty() {
        let text = json!({ "type": "rich_text_preformatted", "elements": [{ "type": "text", "text": sql.text }] });
        blocks.push(json!({ "type": "rich_text", "block_id": "sql", "elements": [text] }));
    }
    let standing = content::standing(approval);
    if !standing.is_empty() {
        blocks.push(context(&short(&standing, 1000)));
    }
    if approval.state == State::Pending {
        if !sql.whole {
            blocks.push(context("This message does not show all of it: open the page to approve."));
        }
        blocks.push(actions(approval, look, &sql));
    }
    let mut body = json!({
        "channel": channel,
        "text": escape(&format!("{headline} ({})", approval.id)),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
        "metadata": {
            "event_type": "holdpoint_approval",
            "event_payload": { "approval_id": approval.id, "version": approval.version },
        },
    });
    if let (Some(ts), Some(body)) = (ts, body.as_object_mut()) {
        body.insert("ts".to_owned(), json!(ts));
    }
    body
}

/// Does a message at this level show all that would run?
pub fn shows_all(approval: &Approval, level: Level) -> bool {
    Sql::of(approval, level).whole
}

/// The statements as shown, and whether that is all there is to see.
struct Sql {
    text: String,
    whole: bool,
}

impl Sql {
    fn of(approval: &Approval, level: Level) -> Self {
        let mut parts: Vec<String> = content::statements(approval, level).iter().map(|sql| block(sql)).collect();
        if level == Level::Full {
            let parameters = approval.request.statements.iter().flat_map(|shown| &shown.parameters);
            parts.extend(parameters.enumerate().map(|(index, value)| format!("${}: {}", index + 1, line(value))));
        }
        let text = parts.join("\n");
        if text.chars().count() > SQL_CHARS_MAX {
            let cut: String = text.chars().take(SQL_CHARS_MAX).collect();
            return Self { text: format!("{cut}\n… (cut here)"), whole: false };
        }
        Self { whole: level == Level::Full && !text.trim().is_empty(), text }
    }
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [plain(text)] })
}

fn facts(approval: &Approval, level: Level) -> Vec<Value> {
    let row = |(label, text): (&str, String)| {
        let label = json!({ "type": "text", "text": format!("{label}: "), "style": { "bold": true } });
        json!({ "type": "rich_text_section", "elements": [label, { "type": "text", "text": format!("{text}\n") }] })
    };
    content::facts(approval, level).into_iter().map(row).collect()
}

/// Approving is offered only where the message shows all that would run.
fn actions(approval: &Approval, look: &Look<'_>, sql: &Sql) -> Value {
    let value = Ticket::write(approval);
    let mut buttons = Vec::new();
    if sql.whole && approval.request.assurance.is_none_or(|needed| needed.is_met_by(ASSURANCE)) {
        buttons.push(json!({
            "type": "button", "action_id": "approve", "style": "primary", "text": plain("Approve"), "value": value,
            "accessibility_label": format!("Approve {}", approval.id),
            "confirm": {
                "title": plain("Run this?"),
                "text": plain(&short(&format!("On {}: {}", approval.request.target.database, sql.text), CONFIRM_CHARS_MAX)),
                "confirm": plain("Approve"),
                "deny": plain("Back"),
            },
        }));
    }
    buttons.push(json!({
        "type": "button", "action_id": "deny", "style": "danger", "text": plain("Deny…"), "value": value,
        "accessibility_label": format!("Deny {}", approval.id),
    }));
    buttons.push(json!({
        "type": "button", "action_id": "open", "text": plain("Open the page"),
        "url": content::link(look.public_url, approval),
    }));
    json!({ "type": "actions", "block_id": "decide", "elements": buttons })
}

/// The form that asks why it is denied.
pub fn deny_form(approval: &Approval) -> Value {
    json!({
        "type": "modal",
        "callback_id": "deny",
        "private_metadata": Ticket::write(approval),
        "title": plain("Deny request"),
        "submit": plain("Deny"),
        "close": plain("Back"),
        "blocks": [
            { "type": "section", "text": plain(&short(&content::headline(approval), HEADER_CHARS_MAX)) },
            {
                "type": "input", "block_id": "reason", "label": plain("Reason (the agent reads it)"),
                "element": {
                    "type": "plain_text_input", "action_id": "text", "multiline": true,
                    "min_length": 3, "max_length": 500,
                },
            },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::gate::life::Times;
    use crate::gate::sample;
    use crate::identity::ids::ApprovalId;

    const LOOK: Look<'static> = Look { level: Level::Full, public_url: "https://h.test" };

    fn approval(sql: &str) -> Approval {
        let mut request = sample::request("bot", "d1");
        request.statements[0].text = sql.into();
        request.requester.claims.reason = Some("<!channel> *bold* <https://evil.example|ok>".into());
        let span = std::time::Duration::from_secs(60);
        Approval::new(
            ApprovalId::from_random([3; 10]),
            request,
            Times { expires: span, use_within: span },
            Timestamp::from_millis(1_795_165_924_000),
        )
    }

    fn buttons(message: &Value) -> Vec<&str> {
        let blocks = message["blocks"].as_array().unwrap();
        let actions = blocks.iter().filter(|block| block["type"] == "actions");
        actions
            .flat_map(|block| block["elements"].as_array().unwrap())
            .map(|one| one["action_id"].as_str().unwrap())
            .collect()
    }

    /// Every place whose text Slack reads as markup.
    fn markup(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if fields.get("type").is_some_and(|kind| kind == "mrkdwn") {
                    found.push(fields["text"].to_string());
                }
                fields.values().for_each(|value| markup(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| markup(value, found)),
            _ => {}
        }
    }

    #[test]
    fn approve_is_offered_only_where_all_is_shown() {
        let look = |level| Look { level, ..LOOK };
        let short = approval("DROP TABLE t");
        assert_eq!(buttons(&message(&short, &LOOK, "C1", None)), ["approve", "deny", "open"]);
        for level in [Level::None, Level::Summary, Level::Redacted] {
            assert_eq!(buttons(&message(&short, &look(level), "C1", None)), ["deny", "open"]);
        }
        let long = approval(&format!("SELECT {}", "x, ".repeat(1000)));
        let shown = message(&long, &LOOK, "C1", None);
        assert_eq!(buttons(&shown), ["deny", "open"]);
        assert!(shown.to_string().contains("cut here") && shown.to_string().len() < 12_000);
    }

    #[test]
    fn nothing_an_agent_writes_is_read_as_markup() {
        let shown = message(&approval("SELECT '<!here>'"), &LOOK, "C1", Some("1.2"));
        let mut found = Vec::new();
        markup(&shown, &mut found);
        assert_eq!(found, Vec::<String>::new());
        assert!(!shown["text"].as_str().unwrap().contains('<'));
        assert_eq!(shown["ts"], "1.2");
        assert_eq!(escape("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
    }

    #[test]
    fn a_message_of_an_ended_approval_has_no_buttons_and_says_how_it_ended() {
        let asked = approval("DROP TABLE t");
        let ended = asked.withdraw(Timestamp::from_millis(1_795_165_925_000)).unwrap();
        let shown = message(&ended, &LOOK, "C1", Some("1.2"));
        assert_eq!(buttons(&shown), Vec::<&str>::new());
        assert!(shown.to_string().contains("withdrawn"), "{shown}");
        assert_eq!(shown["metadata"]["event_payload"]["version"], 2);
    }

    #[test]
    fn a_buttons_value_is_read_back_and_nothing_else_is() {
        let asked = approval("DROP TABLE t");
        let ticket = Ticket::read(&Ticket::write(&asked)).unwrap();
        assert_eq!((ticket.id.as_str(), ticket.version, ticket.digest.as_str()), (asked.id.as_str(), 1, "d1"));
        for bad in ["", "apr", "apr|x|d", "apr|1", "apr|1|d|more", "apr|-1|d"] {
            assert_eq!(Ticket::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn forms_and_headers_stay_within_slacks_bounds() {
        let mut asked = approval("DROP TABLE t");
        asked.request.target.database = "d".repeat(500);
        let (form, shown) = (deny_form(&asked), message(&asked, &LOOK, "C1", None));
        assert!(form["title"]["text"].as_str().unwrap().chars().count() <= 24);
        assert!(shown["blocks"][0]["text"]["text"].as_str().unwrap().chars().count() <= 150);
        let actions = shown["blocks"].as_array().unwrap().last().unwrap();
        assert!(actions["elements"][0]["confirm"]["text"]["text"].as_str().unwrap().chars().count() <= 300);
        assert!(actions["elements"][0]["value"].as_str().unwrap().len() <= 2000);
    }
}
