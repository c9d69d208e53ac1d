//! Who may do what: GRANT, REVOKE, roles, ownership, policies, security labels.

use pg_query::NodeEnum;
use pg_query::protobuf::{GrantStmt, GrantTargetType, ObjectType};

use super::{Build, Context, blank, names};
use crate::statement::footprint::{Access, Facet, Footprint, RowBound, Verb};

impl Context<'_> {
    /// The statements of this file; `None` for anything else.
    pub(super) fn privilege(&mut self, node: &NodeEnum) -> Option<Footprint> {
        let role = |verb| blank(verb).facet(Facet::Privilege).kind("role");
        let and_defines = |verb, kind| blank(verb).facet(Facet::Privilege).facet(Facet::Defines).kind(kind);
        Some(match node {
            NodeEnum::GrantStmt(grant) => self.grant(grant),
            NodeEnum::GrantRoleStmt(grant) => role(if grant.is_grant { Verb::Grant } else { Verb::Revoke }),
            NodeEnum::AlterDefaultPrivilegesStmt(_) => {
                blank(Verb::Alter).facet(Facet::Privilege).kind("default privileges")
            }
            NodeEnum::CreateRoleStmt(_) => role(Verb::Create),
            NodeEnum::AlterRoleStmt(_) | NodeEnum::AlterRoleSetStmt(_) => role(Verb::Alter),
            NodeEnum::DropRoleStmt(_) => role(Verb::Drop),
            NodeEnum::ReassignOwnedStmt(_) => and_defines(Verb::Alter, "role"),
            NodeEnum::DropOwnedStmt(_) => {
                Footprint { changed: RowBound::Unbounded, ..and_defines(Verb::Drop, "role").facet(Facet::WritesAll) }
            }
            NodeEnum::AlterOwnerStmt(alter) => {
                let print = and_defines(Verb::Alter, names::kind(alter.object_type));
                self.existing(print, alter.relation.as_ref(), Access::Define)
            }
            NodeEnum::SecLabelStmt(label) => {
                let print = blank(Verb::Other).facet(Facet::Privilege).kind(names::kind(label.objtype));
                self.named_object(print, label.objtype, label.object.as_deref())
            }
            NodeEnum::CreatePolicyStmt(policy) => {
                self.existing(and_defines(Verb::Create, "policy"), policy.table.as_ref(), Access::Define)
            }
            NodeEnum::AlterPolicyStmt(policy) => {
                self.existing(and_defines(Verb::Alter, "policy"), policy.table.as_ref(), Access::Define)
            }
            _ => return None,
        })
    }

    fn grant(&mut self, grant: &GrantStmt) -> Footprint {
        let verb = if grant.is_grant { Verb::Grant } else { Verb::Revoke };
        let print = blank(verb).facet(Facet::Privilege).kind(names::kind(grant.objtype));
        let on_objects = grant.targtype == GrantTargetType::AclTargetObject as i32;
        let on_relations = [ObjectType::ObjectTable as i32, ObjectType::ObjectSequence as i32].contains(&grant.objtype);
        if on_objects && on_relations { self.existing_nodes(print, &grant.objects, Access::Define) } else { print }
    }
}
