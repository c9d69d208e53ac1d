//! DDL and upkeep: which object, which relations, and whether data is copied or rows are checked on the way.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType, CreateFunctionStmt, CreateSchemaStmt, CreateStmt, CreateTableAsStmt,
    DefineStmt, DropStmt, IndexStmt, Node, ObjectType, RangeVar, TruncateStmt, VacuumStmt, ViewStmt,
};

use super::server::FOLLOWS;
use super::{Build, Context, blank, names};
use crate::catalog::ColumnKey;
use crate::statement::footprint::{Access, Facet, Footprint, Position, Probe, RowBound, SessionEffect, Transfer, Verb};

fn ddl(verb: Verb, kind: &str) -> Footprint {
    blank(verb).facet(Facet::Defines).kind(kind)
}

impl Context<'_> {
    /// The statements of this file; `None` for anything else.
    pub(super) fn define(&mut self, node: &NodeEnum) -> Option<Footprint> {
        self.define_relation(node).or_else(|| self.define_code(node)).or_else(|| self.define_other(node))
    }

    fn define_relation(&mut self, node: &NodeEnum) -> Option<Footprint> {
        Some(match node {
            NodeEnum::CreateStmt(create) => self.create_table(create),
            NodeEnum::CreateTableAsStmt(create) => self.create_as(create),
            NodeEnum::ViewStmt(view) => self.create_view(view),
            NodeEnum::IndexStmt(index) => self.create_index(index),
            NodeEnum::CreateSeqStmt(create) => self.created(ddl(Verb::Create, "sequence"), create.sequence.as_ref()),
            NodeEnum::AlterSeqStmt(alter) => {
                self.existing(ddl(Verb::Alter, "sequence"), alter.sequence.as_ref(), Access::Define)
            }
            NodeEnum::AlterTableStmt(alter) => self.alter_table(alter),
            NodeEnum::RenameStmt(rename) => {
                let print = ddl(Verb::Alter, names::kind(rename.rename_type));
                self.existing(print, rename.relation.as_ref(), Access::Define)
            }
            NodeEnum::AlterObjectSchemaStmt(alter) => {
                let print = ddl(Verb::Alter, names::kind(alter.object_type));
                self.existing(print, alter.relation.as_ref(), Access::Define)
            }
            NodeEnum::AlterObjectDependsStmt(alter) => {
                let print = ddl(Verb::Alter, names::kind(alter.object_type));
                self.existing(print, alter.relation.as_ref(), Access::Define)
            }
            NodeEnum::DropStmt(drop) => self.drop_objects(drop),
            NodeEnum::TruncateStmt(truncate) => self.truncate(truncate),
            NodeEnum::CommentStmt(comment) => {
                let print = ddl(Verb::Comment, names::kind(comment.objtype));
                self.named_object(print, comment.objtype, comment.object.as_deref())
            }
            NodeEnum::RefreshMatViewStmt(refresh) => {
                let print = ddl(Verb::Refresh, "materialized view").facet(Facet::Writes);
                self.existing(print, refresh.relation.as_ref(), Access::Define)
            }
            NodeEnum::ReindexStmt(reindex) => {
                self.existing(ddl(Verb::Reindex, "index"), reindex.relation.as_ref(), Access::Define)
            }
            NodeEnum::ClusterStmt(cluster) => {
                self.existing(ddl(Verb::Maintain, "table"), cluster.relation.as_ref(), Access::Define)
            }
            NodeEnum::VacuumStmt(vacuum) => self.vacuum(vacuum),
            NodeEnum::CreateStatsStmt(create) => {
                self.existing_nodes(ddl(Verb::Create, "statistics"), &create.relations, Access::Define)
            }
            _ => return None,
        })
    }

    /// Objects that are code, or that make code run in places where it cannot be seen.
    fn define_code(&mut self, node: &NodeEnum) -> Option<Footprint> {
        let code = |verb, kind: &str| ddl(verb, kind).opaque(kind, FOLLOWS);
        Some(match node {
            NodeEnum::CreateFunctionStmt(create) => create_function(create),
            NodeEnum::CreateTrigStmt(create) => {
                self.existing(code(Verb::Create, "trigger"), create.relation.as_ref(), Access::Define)
            }
            NodeEnum::RuleStmt(rule) => {
                self.existing(code(Verb::Create, "rule"), rule.relation.as_ref(), Access::Define)
            }
            NodeEnum::DefineStmt(define) => define_statement(define),
            NodeEnum::CreateCastStmt(_) => code(Verb::Create, "cast"),
            NodeEnum::CreateConversionStmt(_) => code(Verb::Create, "conversion"),
            NodeEnum::CreateTransformStmt(_) => code(Verb::Create, "transform"),
            NodeEnum::CreateOpClassStmt(_) => code(Verb::Create, "operator class"),
            NodeEnum::CreateOpFamilyStmt(_) => ddl(Verb::Create, "operator family"),
            NodeEnum::AlterOpFamilyStmt(_) => code(Verb::Alter, "operator family"),
            NodeEnum::AlterFunctionStmt(alter) => code(Verb::Alter, names::kind(alter.objtype)),
            NodeEnum::AlterOperatorStmt(_) => code(Verb::Alter, "operator"),
            NodeEnum::AlterTypeStmt(_) => code(Verb::Alter, "type"),
            _ => return None,
        })
    }

    fn define_other(&mut self, node: &NodeEnum) -> Option<Footprint> {
        Some(match node {
            NodeEnum::CreateSchemaStmt(create) => create_schema(create),
            NodeEnum::CreatedbStmt(_) => ddl(Verb::Create, "database"),
            NodeEnum::AlterDatabaseStmt(_) | NodeEnum::AlterDatabaseRefreshCollStmt(_) => ddl(Verb::Alter, "database"),
            NodeEnum::DropdbStmt(_) => ddl(Verb::Drop, "database"),
            NodeEnum::CreateDomainStmt(_) => ddl(Verb::Create, "domain"),
            NodeEnum::AlterDomainStmt(_) => ddl(Verb::Alter, "domain"),
            NodeEnum::CompositeTypeStmt(_) | NodeEnum::CreateEnumStmt(_) => ddl(Verb::Create, "type"),
            NodeEnum::CreateRangeStmt(_) => ddl(Verb::Create, "type").opaque("type", FOLLOWS),
            NodeEnum::AlterEnumStmt(_) => ddl(Verb::Alter, "type"),
            NodeEnum::AlterCollationStmt(_) => ddl(Verb::Alter, "collation"),
            NodeEnum::AlterStatsStmt(_) => ddl(Verb::Alter, "statistics"),
            NodeEnum::AlterTsdictionaryStmt(_) => ddl(Verb::Alter, "text search dictionary"),
            NodeEnum::AlterTsconfigurationStmt(_) => ddl(Verb::Alter, "text search configuration"),
            _ => return None,
        })
    }

    /// Adds a relation that is being created; a temporary one changes what names mean from here on.
    fn created(&mut self, print: Footprint, range: Option<&RangeVar>) -> Footprint {
        let Some(range) = range else { return print.opaque("relation", "it has no name") };
        let print = print.use_of(names::target(range, self.scope), Access::Define);
        if names::is_temporary(range) {
            return print.effect(SessionEffect::ChangesReading { setting: Arc::from("temporary") });
        }
        print
    }

    /// Adds a relation that must exist, if one is named; some statements without a name take the whole database.
    pub(super) fn existing(&mut self, print: Footprint, range: Option<&RangeVar>, access: Access) -> Footprint {
        let Some(range) = range else { return print };
        let resolved = names::resolve(range, self.catalog, self.scope);
        let missing = resolved.relation.is_none() && resolved.doubt.is_none();
        let print = print.use_of(resolved, access);
        Footprint { unresolved: print.unresolved || missing, ..print }
    }

    /// Adds every relation of a list of names.
    pub(super) fn existing_nodes(&mut self, print: Footprint, nodes: &[Node], access: Access) -> Footprint {
        nodes.iter().fold(print, |print, node| match node.node.as_ref() {
            Some(NodeEnum::RangeVar(range)) => self.existing(print, Some(range), access),
            _ => print.opaque("relation", "its name is not plain"),
        })
    }

    /// Adds the relation that an object name stands for, if the object is one or belongs to one.
    pub(super) fn named_object(&mut self, print: Footprint, object: i32, node: Option<&Node>) -> Footprint {
        let Some(NodeEnum::List(list)) = node.and_then(|node| node.node.as_ref()) else { return print };
        let Some(parts) = names::parts(&list.items) else { return print };
        let relation = match ObjectType::try_from(object).unwrap_or(ObjectType::Undefined) {
            ObjectType::ObjectTable
            | ObjectType::ObjectView
            | ObjectType::ObjectMatview
            | ObjectType::ObjectSequence
            | ObjectType::ObjectForeignTable => Some(parts.as_slice()),
            ObjectType::ObjectColumn
            | ObjectType::ObjectTrigger
            | ObjectType::ObjectRule
            | ObjectType::ObjectPolicy
            | ObjectType::ObjectTabconstraint => parts.split_last().map(|(_, relation)| relation),
            _ => None,
        };
        let resolved = match relation {
            Some([name]) => names::resolve_parts(None, name, self.catalog, self.scope),
            Some([schema, name]) => names::resolve_parts(Some(schema), name, self.catalog, self.scope),
            Some(_) => return print.opaque("relation", "its name has too many parts"),
            None => return print,
        };
        print.use_of(resolved, Access::Define)
    }

    fn create_table(&mut self, create: &CreateStmt) -> Footprint {
        let print = self.created(ddl(Verb::Create, "table"), create.relation.as_ref());
        let print = self.existing_nodes(print, &create.inh_relations, Access::Define);
        create.table_elts.iter().fold(print, |print, element| match element.node.as_ref() {
            Some(NodeEnum::TableLikeClause(like)) => self.existing(print, like.relation.as_ref(), Access::Read),
            _ => print,
        })
    }

    /// CREATE TABLE AS, CREATE MATERIALIZED VIEW: what the query yields is copied.
    fn create_as(&mut self, create: &CreateTableAsStmt) -> Footprint {
        let inner = self.inner(create.query.as_deref());
        let print = copied_from(inner, names::kind(create.objtype));
        self.created(print, create.into.as_ref().and_then(|into| into.rel.as_ref()))
    }

    fn create_view(&mut self, view: &ViewStmt) -> Footprint {
        let inner = self.inner(view.query.as_deref());
        self.created(copied_from(inner, "view"), view.view.as_ref())
    }

    /// Building an index evaluates its expressions on every row, and a unique one quotes what it finds twice.
    fn create_index(&mut self, index: &IndexStmt) -> Footprint {
        let print = ddl(Verb::Create, "index");
        self.checks_rows(self.existing_range(index.relation.as_ref()), print, Access::Define)
    }

    fn existing_range(&self, range: Option<&RangeVar>) -> Option<names::Resolved> {
        range.map(|range| names::resolve(range, self.catalog, self.scope))
    }

    /// Adds a relation whose rows the statement checks or converts: errors may quote any of them.
    fn checks_rows(&self, resolved: Option<names::Resolved>, print: Footprint, access: Access) -> Footprint {
        let Some(resolved) = resolved else { return print.opaque("relation", "it has no name") };
        let relation = resolved.relation.clone();
        let missing = relation.is_none() && resolved.doubt.is_none();
        let mut print = print.use_of(resolved, access);
        print.unresolved |= missing;
        match relation {
            Some(relation) => {
                let column = ColumnKey { relation: relation.key, number: 0 };
                print.probe(Probe { column, position: Position::Fallible })
            }
            None => print,
        }
    }

    fn alter_table(&mut self, alter: &AlterTableStmt) -> Footprint {
        let mut print = ddl(Verb::Alter, names::kind(alter.objtype));
        let mut checks = false;
        for command in &alter.cmds {
            let Some(NodeEnum::AlterTableCmd(command)) = command.node.as_ref() else {
                print = print.opaque("ALTER TABLE", "this form is not known");
                continue;
            };
            let (facet, checking) = alter_command(command);
            if let Some(facet) = facet {
                print = print.facet(facet);
            }
            checks |= checking;
            if let Some(NodeEnum::RangeVar(other)) = command.def.as_ref().and_then(|def| def.node.as_ref()) {
                print = self.existing(print, Some(other), Access::Define);
            }
            if let Some(NodeEnum::PartitionCmd(other)) = command.def.as_ref().and_then(|def| def.node.as_ref()) {
                print = self.existing(print, other.name.as_ref(), Access::Define);
            }
        }
        let resolved = self.existing_range(alter.relation.as_ref());
        let is_relation = alter.objtype != ObjectType::ObjectType as i32;
        if checks && is_relation {
            return self.checks_rows(resolved, print, Access::Define);
        }
        if is_relation { self.existing(print, alter.relation.as_ref(), Access::Define) } else { print }
    }

    fn drop_objects(&mut self, drop: &DropStmt) -> Footprint {
        let print = ddl(Verb::Drop, names::kind(drop.remove_type));
        let is_server = [
            ObjectType::ObjectExtension as i32,
            ObjectType::ObjectForeignServer as i32,
            ObjectType::ObjectFdw as i32,
            ObjectType::ObjectEventTrigger as i32,
            ObjectType::ObjectAccessMethod as i32,
            ObjectType::ObjectLanguage as i32,
            ObjectType::ObjectPublication as i32,
        ]
        .contains(&drop.remove_type);
        let is_policy = drop.remove_type == ObjectType::ObjectPolicy as i32;
        let print = if is_server { print.facet(Facet::Server) } else { print };
        let print = if is_policy { print.facet(Facet::Privilege) } else { print };
        let print =
            drop.objects.iter().fold(print, |print, object| self.named_object(print, drop.remove_type, Some(object)));
        if self.scope.temporary.is_empty() {
            return print;
        }
        // What a dropped temporary relation shadowed may come to light.
        print.effect(SessionEffect::ChangesReading { setting: Arc::from("temporary") })
    }

    fn truncate(&mut self, truncate: &TruncateStmt) -> Footprint {
        let print = ddl(Verb::Truncate, "table").facet(Facet::WritesAll);
        let print = self.existing_nodes(print, &truncate.relations, Access::Write);
        Footprint { changed: RowBound::Unbounded, ..print }
    }

    fn vacuum(&mut self, vacuum: &VacuumStmt) -> Footprint {
        vacuum.rels.iter().fold(ddl(Verb::Maintain, "table"), |print, node| match node.node.as_ref() {
            Some(NodeEnum::VacuumRelation(named)) => self.existing(print, named.relation.as_ref(), Access::Define),
            _ => print.opaque("relation", "its name is not plain"),
        })
    }
}

/// A query's footprint, as that of an object made from it.
fn copied_from(inner: Footprint, kind: &str) -> Footprint {
    Footprint {
        verb: Verb::Create,
        outputs: inner.outputs.or_else(|| Some(Vec::new())),
        returned: RowBound::None,
        transfer: Some(Transfer::IntoNewObject),
        explainable: false,
        ..inner
    }
    .facet(Facet::Defines)
    .kind(kind)
}

/// What an ALTER TABLE command amounts to beyond its definition, and whether it checks or converts existing rows.
fn alter_command(command: &AlterTableCmd) -> (Option<Facet>, bool) {
    match AlterTableType::try_from(command.subtype).unwrap_or(AlterTableType::Undefined) {
        AlterTableType::AtChangeOwner
        | AlterTableType::AtEnableRowSecurity
        | AlterTableType::AtDisableRowSecurity
        | AlterTableType::AtForceRowSecurity
        | AlterTableType::AtNoForceRowSecurity => (Some(Facet::Privilege), false),
        AlterTableType::AtAddColumn
        | AlterTableType::AtSetNotNull
        | AlterTableType::AtSetExpression
        | AlterTableType::AtAddIndex
        | AlterTableType::AtAddConstraint
        | AlterTableType::AtAlterConstraint
        | AlterTableType::AtValidateConstraint
        | AlterTableType::AtAlterColumnType
        | AlterTableType::AtAttachPartition
        | AlterTableType::AtAddIdentity => (None, true),
        _ => (None, false),
    }
}

/// A function's body may copy anything anywhere, and what it returns is only known once it is in the catalog.
fn create_function(create: &CreateFunctionStmt) -> Footprint {
    let kind = if create.is_procedure { "procedure" } else { "function" };
    let name = names::parts(&create.funcname).unwrap_or_default().join(".");
    ddl(Verb::Create, kind).unknown_copy().opaque(&format!("{kind} {name}()"), FOLLOWS)
}

fn define_statement(define: &DefineStmt) -> Footprint {
    let kind = names::kind(define.kind);
    let print = ddl(Verb::Create, kind);
    let harmless = [ObjectType::ObjectCollation as i32, ObjectType::ObjectTsconfiguration as i32];
    if harmless.contains(&define.kind) { print } else { print.opaque(kind, FOLLOWS) }
}

fn create_schema(create: &CreateSchemaStmt) -> Footprint {
    let print = ddl(Verb::Create, "schema");
    if create.schema_elts.is_empty() {
        return print;
    }
    print.unknown_copy().opaque("schema", "create the schema first, then its objects one by one")
}
