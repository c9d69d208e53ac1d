//! Names in utility statements: relations resolved as the session would, objects and their kinds in words.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{DefElem, Node, ObjectType, RangeVar, a_const};

use crate::catalog::{Catalog, Relation};
use crate::statement::scope::Scope;

/// A relation name as the session would find it.
#[derive(Clone, Debug)]
pub(in crate::statement) struct Resolved {
    /// The relation, if the catalog has it.
    pub(in crate::statement) relation: Option<Arc<Relation>>,
    /// `schema.name` if found, else as written.
    pub(in crate::statement) name: Arc<str>,
    /// Why the name cannot be trusted to mean that relation.
    pub(in crate::statement) doubt: Option<&'static str>,
}

/// Finds an existing relation.
pub(super) fn resolve(range: &RangeVar, catalog: &Catalog, scope: &Scope) -> Resolved {
    if !range.catalogname.is_empty() {
        let name = format!("{}.{}.{}", range.catalogname, range.schemaname, range.relname);
        return doubtful(&name, "it names a database; write schema.name instead");
    }
    resolve_parts(Some(range.schemaname.as_str()).filter(|schema| !schema.is_empty()), &range.relname, catalog, scope)
}

/// Finds an existing relation by its schema, if given, and name.
pub(super) fn resolve_parts(schema: Option<&str>, name: &str, catalog: &Catalog, scope: &Scope) -> Resolved {
    let temporary = scope.temporary.iter().any(|known| &**known == name);
    let found = match schema {
        Some(schema) if schema.starts_with("pg_temp") => {
            return doubtful(&format!("{schema}.{name}"), "temporary relations are not followed");
        }
        Some(schema) => catalog.relation_named(schema, name),
        None if temporary => return doubtful(name, "a temporary relation has this name"),
        None => scope.search_path.iter().find_map(|schema| catalog.relation_named(schema, name)),
    };
    let written = || schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
    Resolved {
        name: Arc::from(found.map_or_else(written, |relation| relation.qualified())),
        relation: found.cloned(),
        doubt: None,
    }
}

/// Where a new relation of this name would be created.
pub(super) fn target(range: &RangeVar, scope: &Scope) -> Resolved {
    if !range.catalogname.is_empty() {
        return doubtful(&format!("{}.{}", range.schemaname, range.relname), "it names a database; write schema.name");
    }
    let searched = || scope.search_path.iter().find(|schema| !schema.starts_with("pg_")).map(|schema| &**schema);
    let schema = Some(range.schemaname.as_str()).filter(|schema| !schema.is_empty()).or_else(searched);
    let name = match schema {
        Some(schema) if !is_temporary(range) => format!("{schema}.{}", range.relname),
        _ => range.relname.clone(),
    };
    Resolved { relation: None, name: Arc::from(name), doubt: None }
}

/// Does this name, in a CREATE, make a temporary relation?
pub(super) fn is_temporary(range: &RangeVar) -> bool {
    range.relpersistence == "t" || range.schemaname.starts_with("pg_temp")
}

fn doubtful(name: &str, why: &'static str) -> Resolved {
    Resolved { relation: None, name: Arc::from(name), doubt: Some(why) }
}

/// The strings of a name list: `schema.name` and the like. `None` if it holds anything but strings.
pub(super) fn parts(nodes: &[Node]) -> Option<Vec<&str>> {
    nodes.iter().map(|node| text(node.node.as_ref())).collect()
}

/// The text of a string node.
pub(super) fn text(node: Option<&NodeEnum>) -> Option<&str> {
    match node? {
        NodeEnum::String(string) => Some(&string.sval),
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            a_const::Val::Sval(string) => Some(&string.sval),
            _ => None,
        },
        _ => None,
    }
}

/// A constant as the text that SET and options would take it for.
pub(super) fn value(node: Option<&NodeEnum>) -> Option<String> {
    match node? {
        NodeEnum::String(string) => Some(string.sval.clone()),
        NodeEnum::Integer(integer) => Some(integer.ival.to_string()),
        NodeEnum::Float(float) => Some(float.fval.clone()),
        NodeEnum::Boolean(boolean) => Some(boolean.boolval.to_string()),
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            a_const::Val::Sval(string) => Some(string.sval.clone()),
            a_const::Val::Ival(integer) => Some(integer.ival.to_string()),
            a_const::Val::Fval(float) => Some(float.fval.clone()),
            a_const::Val::Boolval(boolean) => Some(boolean.boolval.to_string()),
            a_const::Val::Bsval(_) => None,
        },
        _ => None,
    }
}

/// The options of a list, in order; `None` if something else is among them.
pub(super) fn options(nodes: &[Node]) -> Option<Vec<&DefElem>> {
    let mut found = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(NodeEnum::DefElem(option)) = node.node.as_ref() else { return None };
        found.push(&**option);
    }
    Some(found)
}

/// An option's Boolean: absent means true. `None` if it is not one.
pub(super) fn boolean(option: &DefElem) -> Option<bool> {
    let Some(arg) = option.arg.as_ref() else { return Some(true) };
    match value(arg.node.as_ref())?.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Some(true),
        "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// An object kind in words, lower case; `object` for what has no everyday name.
pub(super) fn kind(object: i32) -> &'static str {
    match ObjectType::try_from(object).unwrap_or(ObjectType::Undefined) {
        ObjectType::ObjectAccessMethod => "access method",
        ObjectType::ObjectAggregate => "aggregate",
        ObjectType::ObjectAttribute | ObjectType::ObjectType => "type",
        ObjectType::ObjectCast => "cast",
        ObjectType::ObjectColumn => "column",
        ObjectType::ObjectCollation => "collation",
        ObjectType::ObjectConversion => "conversion",
        ObjectType::ObjectDatabase => "database",
        ObjectType::ObjectDefacl => "default privileges",
        ObjectType::ObjectDomain | ObjectType::ObjectDomconstraint => "domain",
        ObjectType::ObjectEventTrigger => "event trigger",
        ObjectType::ObjectExtension => "extension",
        ObjectType::ObjectFdw => "foreign data wrapper",
        ObjectType::ObjectForeignServer => "server",
        ObjectType::ObjectForeignTable => "foreign table",
        ObjectType::ObjectFunction => "function",
        ObjectType::ObjectIndex => "index",
        ObjectType::ObjectLanguage => "language",
        ObjectType::ObjectLargeobject => "large object",
        ObjectType::ObjectMatview => "materialized view",
        ObjectType::ObjectOpclass => "operator class",
        ObjectType::ObjectOperator => "operator",
        ObjectType::ObjectOpfamily => "operator family",
        ObjectType::ObjectParameterAcl => "parameter",
        ObjectType::ObjectPolicy => "policy",
        ObjectType::ObjectProcedure => "procedure",
        ObjectType::ObjectPublication | ObjectType::ObjectPublicationNamespace | ObjectType::ObjectPublicationRel => {
            "publication"
        }
        ObjectType::ObjectRole => "role",
        ObjectType::ObjectRoutine => "routine",
        ObjectType::ObjectRule => "rule",
        ObjectType::ObjectSchema => "schema",
        ObjectType::ObjectSequence => "sequence",
        ObjectType::ObjectSubscription => "subscription",
        ObjectType::ObjectStatisticExt => "statistics",
        ObjectType::ObjectTabconstraint => "constraint",
        ObjectType::ObjectTable => "table",
        ObjectType::ObjectTablespace => "tablespace",
        ObjectType::ObjectTransform => "transform",
        ObjectType::ObjectTrigger => "trigger",
        ObjectType::ObjectTsconfiguration => "text search configuration",
        ObjectType::ObjectTsdictionary => "text search dictionary",
        ObjectType::ObjectTsparser => "text search parser",
        ObjectType::ObjectTstemplate => "text search template",
        ObjectType::ObjectUserMapping => "user mapping",
        ObjectType::ObjectView => "view",
        _ => "object",
    }
}
