//! The one-row question that tells how a session reads text and resolves names, and its answer as a [`Scope`].

use std::sync::Arc;

use super::{Dialect, Scope};

/// To be run in the agent's own session. Every name and operator is qualified, because that session's `search_path` and
/// temporary objects may be hostile. Temporary types count like temporary relations: they too are found first.
pub const QUERY: &str = "\
SELECT pg_catalog.current_setting('standard_conforming_strings'), \
pg_catalog.array_to_json(pg_catalog.current_schemas(true))::pg_catalog.text, \
current_user::pg_catalog.text, \
(SELECT pg_catalog.json_agg(t.typname)::pg_catalog.text FROM pg_catalog.pg_type t \
WHERE t.typnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()), \
(SELECT pg_catalog.json_agg(c.relname)::pg_catalog.text FROM pg_catalog.pg_class c \
WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()), \
pg_catalog.current_setting('client_encoding')";

/// Reads the answer to [`QUERY`]: one row of text fields, `None` for NULL. `None` if it is not of that form, and then
/// the session's scope is unknown and nothing may be judged.
pub fn answer(row: &[Option<String>]) -> Option<Scope> {
    let [strings, path, role, types, relations, encoding] = row else { return None };
    let mut temporary = names(types.as_deref())?;
    for name in names(relations.as_deref())? {
        if !temporary.contains(&name) {
            temporary.push(name);
        }
    }
    Some(Scope {
        dialect: Dialect::Postgres {
            standard_conforming_strings: match strings.as_deref()? {
                "on" => true,
                "off" => false,
                _ => return None,
            },
        },
        search_path: names(Some(path.as_deref()?))?,
        role: Arc::from(role.as_deref()?),
        temporary,
        utf8: encoding.as_deref()? == "UTF8",
    })
}

/// A JSON array of names; NULL is none.
fn names(json: Option<&str>) -> Option<Vec<Arc<str>>> {
    let Some(json) = json else { return Some(Vec::new()) };
    let names: Vec<String> = serde_json::from_str(json).ok()?;
    Some(names.into_iter().map(Arc::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: [Option<&str>; 6]) -> Vec<Option<String>> {
        fields.iter().map(|field| field.map(str::to_owned)).collect()
    }

    #[test]
    fn an_answer_reads_as_a_scope() {
        let fields = row([
            Some("on"),
            Some(r#"["pg_temp_3","pg_catalog","a \"b\""]"#),
            Some("agent"),
            Some(r#"["t","_t","mood"]"#),
            Some(r#"["t","t_pkey"]"#),
            Some("UTF8"),
        ]);
        let scope = answer(&fields).unwrap();
        assert!(scope.standard_conforming_strings() && scope.utf8);
        assert_eq!(scope.search_path.iter().map(|s| &**s).collect::<Vec<_>>(), ["pg_temp_3", "pg_catalog", "a \"b\""]);
        assert_eq!(scope.temporary.iter().map(|s| &**s).collect::<Vec<_>>(), ["t", "_t", "mood", "t_pkey"]);
        let plain = row([Some("off"), Some("[]"), Some("agent"), None, None, Some("LATIN1")]);
        let scope = answer(&plain).unwrap();
        assert!(!scope.standard_conforming_strings() && !scope.utf8 && scope.temporary.is_empty());
    }

    #[test]
    fn an_answer_of_another_form_is_no_scope() {
        assert_eq!(answer(&[]), None);
        assert_eq!(answer(&row([None, Some("[]"), Some("a"), None, None, Some("UTF8")])), None);
        assert_eq!(answer(&row([Some("on"), Some("{a}"), Some("a"), None, None, Some("UTF8")])), None);
        assert_eq!(answer(&row([Some("on"), None, Some("a"), None, None, Some("UTF8")])), None);
    }
}
