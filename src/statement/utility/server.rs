//! Statements that act on the server itself, its files, its extensions, or other servers.

use pg_query::NodeEnum;

use super::{Build, Context, blank, names};
use crate::statement::footprint::{Access, Facet, Footprint, Verb};

impl Context<'_> {
    /// The statements of this file; `None` for anything else.
    pub(super) fn server(&mut self, node: &NodeEnum) -> Option<Footprint> {
        let server = |verb, kind: &str| blank(verb).facet(Facet::Server).kind(kind);
        let defines = |verb, kind: &str| server(verb, kind).facet(Facet::Defines);
        // Replication takes whole tables out of the row stream.
        let replicates = |verb, kind: &str| defines(verb, kind).facet(Facet::Exports);
        Some(match node {
            NodeEnum::AlterSystemStmt(_) => server(Verb::Alter, "system"),
            NodeEnum::CheckPointStmt(_) => server(Verb::Maintain, "system"),
            NodeEnum::LoadStmt(_) => server(Verb::Other, "library"),
            NodeEnum::CreateExtensionStmt(_) => defines(Verb::Create, "extension"),
            NodeEnum::AlterExtensionStmt(_) | NodeEnum::AlterExtensionContentsStmt(_) => {
                defines(Verb::Alter, "extension")
            }
            NodeEnum::CreatePlangStmt(_) => defines(Verb::Create, "language"),
            NodeEnum::CreateAmStmt(_) => defines(Verb::Create, "access method"),
            NodeEnum::CreateEventTrigStmt(_) => defines(Verb::Create, "event trigger").opaque("event trigger", FOLLOWS),
            NodeEnum::AlterEventTrigStmt(_) => defines(Verb::Alter, "event trigger"),
            NodeEnum::CreateTableSpaceStmt(_) => defines(Verb::Create, "tablespace"),
            NodeEnum::AlterTableSpaceOptionsStmt(_) => defines(Verb::Alter, "tablespace"),
            NodeEnum::AlterTableMoveAllStmt(_) => defines(Verb::Alter, "tablespace"),
            NodeEnum::DropTableSpaceStmt(_) => defines(Verb::Drop, "tablespace"),
            NodeEnum::CreateFdwStmt(_) => defines(Verb::Create, "foreign data wrapper"),
            NodeEnum::AlterFdwStmt(_) => defines(Verb::Alter, "foreign data wrapper"),
            NodeEnum::CreateForeignServerStmt(_) => defines(Verb::Create, "server"),
            NodeEnum::AlterForeignServerStmt(_) => defines(Verb::Alter, "server"),
            NodeEnum::CreateUserMappingStmt(_) => defines(Verb::Create, "user mapping"),
            NodeEnum::AlterUserMappingStmt(_) => defines(Verb::Alter, "user mapping"),
            NodeEnum::DropUserMappingStmt(_) => defines(Verb::Drop, "user mapping"),
            NodeEnum::ImportForeignSchemaStmt(_) => defines(Verb::Other, "foreign schema"),
            NodeEnum::CreateForeignTableStmt(create) => self.foreign_table(create),
            NodeEnum::CreatePublicationStmt(_) => replicates(Verb::Create, "publication"),
            NodeEnum::AlterPublicationStmt(_) => replicates(Verb::Alter, "publication"),
            NodeEnum::CreateSubscriptionStmt(_) => replicates(Verb::Create, "subscription").facet(Facet::Imports),
            NodeEnum::AlterSubscriptionStmt(_) => replicates(Verb::Alter, "subscription").facet(Facet::Imports),
            NodeEnum::DropSubscriptionStmt(_) => replicates(Verb::Drop, "subscription"),
            NodeEnum::AlterDatabaseSetStmt(_) => defines(Verb::Alter, "database"),
            _ => return None,
        })
    }

    fn foreign_table(&mut self, create: &pg_query::protobuf::CreateForeignTableStmt) -> Footprint {
        let print = blank(Verb::Create).facet(Facet::Server).facet(Facet::Defines).kind("foreign table");
        match create.base_stmt.as_ref().and_then(|base| base.relation.as_ref()) {
            Some(range) => print.use_of(names::target(range, self.scope), Access::Define),
            None => print.opaque("foreign table", "it has no name"),
        }
    }
}

/// Why code that runs later keeps a statement from being understood.
pub(super) const FOLLOWS: &str = "code that runs later is not followed";
