//! Random requests: whatever is sent, the answer is never a failure of ours, and never a decision by the wrong person.

use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::rig::Rig;

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[a-z:]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof![
            Just("reason".to_owned()),
            Just("digest".to_owned()),
            Just("name".to_owned()),
            Just("owner".to_owned()),
            Just("person".to_owned()),
            Just("scopes".to_owned()),
            Just("sql".to_owned()),
            Just("database".to_owned()),
            ".{0,8}"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

const PATHS: [&str; 9] = [
    "/v1/approvals/ID:approve",
    "/v1/approvals/ID:deny",
    "/v1/approvals/ID:revoke",
    "/v1/approvals/ID:withdraw",
    "/v1/agents",
    "/v1/tokens",
    "/v1/explain",
    "/v1/agents/bot:disable",
    "/v1/rules:reload",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_body_makes_it_fail(path in 0..PATHS.len(), body in json(), who in 0..4usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let rig = Rig::new().await;
            let id = rig.pending("bot").await;
            let token = ["otto", "mia", "admin", "reader"][who];
            let reply = rig.call("POST", &PATHS[path].replace("ID", &id), token, &[], Some(body)).await;
            prop_assert!(reply.status < 500, "{} {}", reply.status, reply.json);
            let state = rig.get(&format!("/v1/approvals/{id}"), "reader").await.json["state"].clone();
            prop_assert!(state == "pending" || state == "withdrawn", "{state}");
            Ok(())
        })?;
    }

    #[test]
    fn no_path_query_or_header_makes_it_fail(
        path in "/v1/(approvals|agents|tokens|audit/events|events)/[a-zA-Z0-9_:%./-]{0,24}",
        query in "[a-z_]{0,10}=[a-zA-Z0-9%+&=-]{0,20}",
        header in "[ -~]{0,40}",
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let rig = Rig::new().await;
            let whole = format!("{path}?{query}");
            if whole.parse::<axum::http::Uri>().is_ok() {
                for method in ["GET", "POST", "DELETE"] {
                    let headers = [("if-match", header.as_str()), ("idempotency-key", &header), ("content-type", "application/json")];
                    let reply = rig.raw(method, &whole, "all", &headers, bytes.clone()).await;
                    prop_assert!(reply.status < 500, "{method} {whole}: {} {}", reply.status, reply.json);
                }
            }
            Ok(())
        })?;
    }
}
