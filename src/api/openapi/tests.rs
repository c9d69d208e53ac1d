//! The description of the API: the checked-in copy is up to date, and names what the code names.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::api::approvals::resource::Resource;
use crate::api::openapi::shapes::{ActionName, EffectName, StateName, VerdictName};
use crate::gate::approval::{State, Verdict};
use crate::policy::action::Action;
use crate::policy::ruling::Effect;

const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

#[test]
fn checked_in_copy_is_the_description() {
    let mut now = serde_json::to_string_pretty(&description()).unwrap();
    now.push('\n');
    if std::env::var_os("HOLDPOINT_BLESS").is_some() {
        std::fs::write(COPY, &now).unwrap();
    }
    let copy = std::fs::read_to_string(COPY).unwrap_or_default();
    assert!(copy == now, "docs/openapi.json is old: HOLDPOINT_BLESS=1 cargo test --lib openapi writes it anew");
}

#[test]
fn every_reference_is_defined() {
    let document = serde_json::to_value(description()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut missing = Vec::new();
    walk(&document, &mut |value| {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return };
        if document.pointer(reference.trim_start_matches('#')).is_none() {
            missing.push(reference.to_owned());
        }
    });
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_operation_beside_health_names_its_scope() {
    let document = serde_json::to_value(description()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert_eq!(operation.get("security").is_some(), path.starts_with("/v1/"), "{path}");
        }
    }
}

#[test]
fn described_approval_has_the_fields_of_the_real_one() {
    let document = serde_json::to_value(description()).unwrap();
    let resource: Resource = serde_json::from_value(full_approval()).unwrap();
    let real = serde_json::to_value(resource).unwrap();
    compare(&document, "Approval", &json!({"$ref": "#/components/schemas/Approval"}), &real);
}

/// Objects have the same keys, arrays and options are followed into.
fn compare(document: &Value, path: &str, schema: &Value, real: &Value) {
    let schema = follow(document, schema);
    match real {
        Value::Object(fields) => {
            let described: BTreeSet<&String> = schema["properties"].as_object().expect(path).keys().collect();
            assert_eq!(described, fields.keys().collect(), "{path}");
            for (name, value) in fields {
                compare(document, &format!("{path}.{name}"), &schema["properties"][name], value);
            }
        }
        Value::Array(items) => {
            for item in items {
                compare(document, path, &schema["items"], item);
            }
        }
        _ => {}
    }
}

fn follow<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(options) = schema.get("oneOf").and_then(Value::as_array) {
        let real = options.iter().find(|option| option.get("$ref").is_some());
        return real.map_or(schema, |real| follow(document, real));
    }
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => follow(document, document.pointer(reference.trim_start_matches('#')).unwrap()),
        None => schema,
    }
}

fn walk(value: &Value, visit: &mut dyn FnMut(&Value)) {
    visit(value);
    match value {
        Value::Object(fields) => fields.values().for_each(|field| walk(field, visit)),
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

fn full_approval() -> Value {
    let at = "2026-11-21T05:30:00Z";
    json!({
        "id": "apr_0000000000000000", "version": 1, "state": "pending", "created_at": at, "expires_at": at,
        "use_within_seconds": 900, "use_by": at, "decided_at": at, "waiting": true, "comments": [{"person": "p", "text": "t", "at": at, "via": "api"}],
        "request": {
            "digest": "d", "rules_version": "r", "classes": [], "masked_columns": [], "in_transaction": false, "locks": "l",
            "rows_so_far": 1, "reason_required": true, "assurance": "oidc", "stages": [{"groups": ["dba"], "needed": 1}],
            "requester": {"agent": "bot", "owner": "mia", "issued_by": "root", "session": 1, "client_addr": "a",
                "claims": {"reason": null, "ticket": null, "end_user": null, "model": null, "application_name": null, "traceparent": null}},
            "target": {"protocol": "postgres", "database": "shop", "role": "app"},
            "statements": [{"text": "t", "summary": "s", "actions": ["read"], "objects": [], "lineage": [], "parameters": [], "row_estimate": 1}],
            "hits": [{"rule": "r", "effect": "hold", "enforced": true, "message": null, "because": "b"}]
        },
        "reviews": [{"person": "p", "verdict": "approve", "reason": null, "at": at, "via": "api", "assurance": "token", "groups": [], "digest_seen": "d"}],
        "execution": {"started_at": at, "ended_at": at, "rows": 1, "code": null},
        "progress": [{"groups": ["dba"], "needed": 1, "have": 1}], "links": {"self": "l", "page": "p"}
    })
}

/// Reads the core's name of a value as ours; a variant the description lacks fails here.
fn same<C: serde::Serialize, S: serde::de::DeserializeOwned>(core: &[C]) -> Vec<S> {
    core.iter().map(|value| serde_json::from_value(serde_json::to_value(value).unwrap()).unwrap()).collect()
}

#[test]
fn described_names_are_those_of_the_core() {
    use State::{Approved, Denied, Executed, Executing, Expired, Failed, Lapsed, Pending, Revoked, Unknown, Withdrawn};
    let states = [Pending, Approved, Executing, Executed, Failed, Unknown, Denied, Expired, Withdrawn, Revoked, Lapsed];
    assert_eq!(same::<_, StateName>(&states).len(), 11);
    assert_eq!(same::<_, VerdictName>(&[Verdict::Approve, Verdict::Deny]).len(), 2);
    assert_eq!(same::<_, EffectName>(&[Effect::Allow, Effect::Hold, Effect::Deny]).len(), 3);
    let actions = [
        Action::Read,
        Action::BulkRead,
        Action::Export,
        Action::CopyClassified,
        Action::Write,
        Action::BulkWrite,
        Action::Ddl,
        Action::Privilege,
        Action::Routine,
        Action::Import,
        Action::Server,
        Action::Probe,
        Action::Session,
        Action::Opaque,
    ];
    assert_eq!(same::<_, ActionName>(&actions).len(), 14);
}
