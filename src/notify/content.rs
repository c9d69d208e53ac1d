//! What leaves the house about an approval, by content level. Chats and mailboxes lie outside the database's trust zone:
//! the default says what is asked without its literals, and classified literals are withheld at every level.

use serde_json::{Map, Value, json};

use crate::config::notify::Content as Level;
use crate::gate::approval::visible::short;
use crate::gate::approval::{Approval, State};
use crate::notify::event::{EventKind, Occurrence};
use crate::statement::fingerprint::withhold_literals;
use crate::statement::scope::Dialect;

/// Longest fact in a message for people, in characters.
const FACT_CHARS_MAX: usize = 500;

/// The page of an approval.
pub fn link(public_url: &str, approval: &Approval) -> String {
    format!("{public_url}/a/{}", approval.id)
}

/// The statements as this level shows them; empty below `redacted`.
pub fn statements(approval: &Approval, level: Level) -> Vec<String> {
    let postgres = approval.request.target.protocol == "postgres";
    let shown = |text: &str| match level {
        Level::Full => text.to_owned(),
        // FAIL CLOSED: how MySQL reads quotes depends on the session's settings, which are not kept with the approval.
        _ if !postgres => "(text withheld)".to_owned(),
        // A text that reads differently with other settings is withheld, so one setting stands for both.
        _ => withhold_literals(text, &Dialect::Postgres { standard_conforming_strings: true }),
    };
    match level {
        Level::None | Level::Summary => Vec::new(),
        Level::Redacted | Level::Full => {
            approval.request.statements.iter().map(|statement| shown(&statement.text)).collect()
        }
    }
}

/// What is sent about an event: `data` of a webhook.
pub fn data(occurrence: &Occurrence, level: Level, public_url: &str) -> Value {
    let (change, approval) = (&occurrence.change, &occurrence.approval);
    let mut data = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            data.insert(key.to_owned(), value);
        }
    };
    put("approval_id", json!(approval.id));
    put("version", json!(change.version));
    put("state", json!(change.to));
    put("created_at", json!(approval.created_at));
    put("expires_at", json!(approval.expires_at));
    put("digest", json!(approval.request.digest));
    put("link", json!(link(public_url, approval)));
    if level >= Level::Summary {
        let request = &approval.request;
        put("agent", json!(request.requester.agent));
        put("owner", json!(request.requester.owner));
        put("target", json!(request.target));
        put("statements", json!(request.statements.iter().map(summary).collect::<Vec<_>>()));
        put("classes", json!(request.classes));
        put("rules", json!(rules(approval)));
        put("stages", json!(request.stages));
        put("in_transaction", json!(request.in_transaction));
        put("locks", json!(request.locks));
        put("decision", decision(occurrence, level));
        put("execution", execution(occurrence));
    }
    if level >= Level::Redacted {
        put("sql", json!(statements(approval, level)));
        put("claims", json!(approval.request.requester.claims));
    }
    if level == Level::Full {
        let parameters = approval.request.statements.iter().map(|shown| &shown.parameters);
        put("parameters", json!(parameters.collect::<Vec<_>>()));
        let lineage = approval.request.statements.iter().map(|shown| &shown.lineage);
        put("lineage", json!(lineage.collect::<Vec<_>>()));
    }
    Value::Object(data)
}

fn summary(shown: &crate::gate::approval::ShownStatement) -> Value {
    json!({
        "summary": shown.summary,
        "actions": shown.actions,
        "objects": shown.objects,
        "row_estimate": shown.row_estimate,
    })
}

/// The rules that hold it.
pub fn rules(approval: &Approval) -> Vec<&str> {
    approval.request.hits.iter().filter(|hit| hit.enforced).map(|hit| hit.rule.0.as_str()).collect()
}

/// Who brought it here. What people write is their own text, so it goes out from `redacted` on.
fn decision(occurrence: &Occurrence, level: Level) -> Value {
    let Some(person) = &occurrence.change.review else { return Value::Null };
    let found = occurrence.approval.reviews.iter().rfind(|review| review.person == *person);
    let Some(review) = found else { return Value::Null };
    let reason = review.reason.as_ref().filter(|_| level >= Level::Redacted);
    json!({
        "person": review.person, "verdict": review.verdict, "via": review.via, "assurance": review.assurance,
        "at": review.at, "reason": reason,
    })
}

fn execution(occurrence: &Occurrence) -> Value {
    let told = matches!(occurrence.change.to, State::Executing | State::Executed | State::Failed | State::Unknown);
    match (&occurrence.approval.execution, occurrence.kind()) {
        (Some(execution), EventKind::Executing) if told => json!({ "started_at": execution.started_at }),
        (Some(execution), _) if told => json!(execution),
        _ => Value::Null,
    }
}

/// One line for people: `Approval needed: ddl on shop`.
pub fn headline(approval: &Approval) -> String {
    let mut actions: Vec<String> = Vec::new();
    for action in approval.request.statements.iter().flat_map(|shown| &shown.actions) {
        let name = json!(action).as_str().unwrap_or_default().replace('_', " ");
        if !actions.contains(&name) {
            actions.push(name);
        }
    }
    let what = if actions.is_empty() { "a statement".to_owned() } else { actions.join(", ") };
    let of = match approval.state {
        State::Pending => "Approval needed",
        State::Approved => "Approved",
        State::Executing => "Running",
        State::Executed => "Executed",
        State::Failed => "Failed",
        State::Unknown => "Outcome unknown",
        State::Denied => "Denied",
        State::Expired => "Expired",
        State::Withdrawn => "Withdrawn",
        State::Revoked => "Revoked",
        State::Lapsed => "Not used in time",
    };
    format!("{of}: {what} on {}", approval.request.target.database)
}

/// Who has to say yes: `1 of dba, 2 of data-stewards or dpo`.
pub fn needs(approval: &Approval) -> String {
    let stage = |stage: &crate::policy::ruling::Stage| format!("{} of {}", stage.needed, stage.groups.join(" or "));
    approval.request.stages.iter().map(stage).collect::<Vec<_>>().join(", ")
}

/// What a message for people lists: a label and one visible line each.
pub fn facts(approval: &Approval, level: Level) -> Vec<(&'static str, String)> {
    let request = &approval.request;
    let mut facts = vec![("Request", approval.id.to_string())];
    if level >= Level::Summary {
        let (who, target) = (&request.requester, &request.target);
        facts.push(("Agent", format!("{} (owner {})", who.agent, who.owner)));
        facts.push(("Database", format!("{} ({}, role {})", target.database, target.protocol, target.role)));
        let asks: Vec<&str> = request.statements.iter().map(|shown| shown.summary.as_str()).collect();
        facts.push(("Asks for", asks.join("; ")));
        facts.push(("Rules", rules(approval).join(", ")));
        if request.in_transaction {
            let usual = || "inside an open transaction: it holds locks while it waits".to_owned();
            facts.push(("Locks", request.locks.clone().unwrap_or_else(usual)));
        }
    }
    if level >= Level::Redacted {
        let claims = &request.requester.claims;
        let claimed = [
            ("Reason (claimed)", &claims.reason),
            ("Ticket (claimed)", &claims.ticket),
            ("For (claimed)", &claims.end_user),
        ];
        facts.extend(claimed.into_iter().filter_map(|(label, claim)| Some((label, claim.clone()?))));
    }
    facts.push(("Needs", needs(approval)));
    facts.push(("Expires", approval.expires_at.to_rfc3339()));
    facts.into_iter().map(|(label, text)| (label, short(&text, FACT_CHARS_MAX))).collect()
}

/// How it stands, in one line with names and times (UTC), for messages that are updated or follow.
pub fn standing(approval: &Approval) -> String {
    let clock = |at: crate::clock::Timestamp| at.to_rfc3339().get(11..19).unwrap_or_default().to_owned();
    let mut parts = Vec::new();
    for review in &approval.reviews {
        let verdict = match review.verdict {
            crate::gate::approval::Verdict::Approve => "Approved",
            crate::gate::approval::Verdict::Deny => "Denied",
        };
        parts.push(format!("{verdict} by {} at {} UTC via {}", review.person, clock(review.at), review.via));
    }
    let rows = |rows: Option<u64>| rows.map(|rows| format!(", {rows} rows")).unwrap_or_default();
    let code = |code: &Option<String>| code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    match (approval.state, &approval.execution) {
        (State::Executing, Some(execution)) => parts.push(format!("running since {}", clock(execution.started_at))),
        (State::Executed, Some(execution)) => {
            let at = clock(execution.ended_at.unwrap_or(execution.started_at));
            parts.push(format!("executed {at}{}", rows(execution.rows)));
        }
        (State::Failed, Some(execution)) => parts.push(format!("failed{}", code(&execution.code))),
        (State::Pending, _) if !parts.is_empty() => parts.push("more people are needed".to_owned()),
        (State::Pending | State::Approved | State::Denied, _) => {}
        (state, _) => parts.push(match state {
            State::Expired => "expired: nobody decided in time".to_owned(),
            State::Withdrawn => "withdrawn".to_owned(),
            State::Revoked => "revoked before it was used".to_owned(),
            State::Lapsed => "not used in time".to_owned(),
            _ => "nobody knows whether it ran".to_owned(),
        }),
    }
    parts.join(" - ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::gate::approval::{Claims, Execution, Verdict};
    use crate::gate::desk::store::ApprovalChange;
    use crate::gate::life::{Decided, Times};
    use crate::gate::quorum::Chain;
    use crate::gate::sample;
    use crate::identity::ids::ApprovalId;

    const SECRET: &str = "geheim";

    fn approval(protocol: &str) -> Approval {
        let mut request = sample::request("bot", "d1");
        request.target.protocol = protocol.into();
        request.statements[0].text = format!("SELECT * FROM t WHERE a = '{SECRET}'");
        request.statements[0].parameters = vec![SECRET.into()];
        request.requester.claims = Claims { reason: Some(SECRET.into()), ..Claims::default() };
        let span = std::time::Duration::from_secs(60);
        let times = Times { expires: span, use_within: span };
        Approval::new(ApprovalId::from_random([3; 10]), request, times, Timestamp::from_millis(1_795_165_924_000))
    }

    fn denied(approval: &Approval) -> Approval {
        let chain = Chain::of(&approval.request.requester, None, |_| Ok::<_, ()>(Vec::new())).unwrap();
        let now = Timestamp::from_millis(1_795_165_930_000);
        match approval.decide(&sample::decision("dana", Verdict::Deny), &chain, now).unwrap() {
            Decided::Changed(next) => *next,
            Decided::Unchanged => panic!("nothing changed"),
        }
    }

    fn told(before: Option<&Approval>, after: &Approval, level: Level) -> Value {
        let change = ApprovalChange::between(before, after);
        data(&Occurrence::new(change, after.clone(), Timestamp::from_millis(0)), level, "https://h.test")
    }

    #[test]
    fn each_level_tells_more_and_only_full_tells_literals() {
        for protocol in ["postgres", "mysql"] {
            let approval = approval(protocol);
            let texts = [Level::None, Level::Summary].map(|level| told(None, &approval, level).to_string());
            assert!(texts.iter().all(|text| !text.contains(SECRET) && text.contains(approval.id.as_str())));
            assert!(!texts[0].contains("bot") && texts[1].contains("bot") && texts[1].contains("Drops public.t"));
            let redacted = told(None, &approval, Level::Redacted);
            assert!(!redacted["sql"].to_string().contains(SECRET), "{redacted}");
            assert_eq!(redacted["claims"]["reason"], SECRET);
            let full = told(None, &approval, Level::Full);
            assert!(full["sql"].to_string().contains(SECRET) && full["parameters"].to_string().contains(SECRET));
        }
        assert_eq!(told(None, &approval("mysql"), Level::Redacted)["sql"][0], "(text withheld)");
        assert_eq!(told(None, &approval("postgres"), Level::Redacted)["sql"][0], "SELECT * FROM t WHERE a = ?");
    }

    #[test]
    fn event_names_who_decided_even_when_the_approval_is_further_on() {
        let asked = approval("postgres");
        let after = denied(&asked);
        let told = told(Some(&asked), &after, Level::Redacted);
        assert_eq!((told["state"].as_str(), told["version"].as_u64()), (Some("denied"), Some(2)));
        assert_eq!((&told["decision"]["person"], &told["decision"]["verdict"]), (&json!("dana"), &json!("deny")));
        assert_eq!(told["decision"]["reason"], "because");
        let late = Occurrence::new(ApprovalChange::between(None, &asked), after, Timestamp::from_millis(0));
        let first = data(&late, Level::Summary, "");
        assert_eq!((first["state"].as_str(), first.get("decision")), (Some("pending"), None));
        assert_eq!(late.at, asked.created_at);
    }

    #[test]
    fn facts_are_visible_lines_and_claims_are_marked_as_such() {
        let mut asked = approval("postgres");
        asked.request.requester.claims.reason = Some("a\u{202e}b\nc".into());
        assert!(!facts(&asked, Level::Summary).iter().any(|(label, _)| label.contains("claimed")));
        let told = facts(&asked, Level::Redacted);
        assert!(told.contains(&("Reason (claimed)", "a<U+202E>b c".to_owned())), "{told:?}");
        assert!(facts(&asked, Level::None).iter().all(|(_, text)| !text.contains("bot")));
    }

    #[test]
    fn lines_for_people_say_what_was_decided_and_how_it_ended() {
        let asked = approval("postgres");
        assert_eq!(headline(&asked), "Approval needed: ddl on shop");
        assert_eq!((needs(&asked).as_str(), standing(&asked).as_str()), ("1 of dba", ""));
        let after = denied(&asked);
        assert_eq!(headline(&after), "Denied: ddl on shop");
        assert_eq!(standing(&after), "Denied by dana at 09:12:10 UTC via api");
        let at = after.reviews[0].at;
        let execution = Some(Execution { started_at: at, ended_at: Some(at), rows: Some(3), code: None });
        let ran = Approval { state: State::Executed, execution, reviews: Vec::new(), ..after };
        assert_eq!(standing(&ran), "executed 09:12:10, 3 rows");
    }
}
