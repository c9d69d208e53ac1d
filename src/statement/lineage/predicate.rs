//! Conditions: what they tell about columns, and which equalities bound rows.

use super::Analyser;
use super::bounds::{Equality, equalities};
use super::names::Env;
use crate::statement::footprint::Position;
use crate::statement::tree::{Expr, Operator};

impl Analyser<'_> {
    /// A condition that must hold: WHERE, ON. `position` is what its columns amount to when it is no look-up.
    pub(super) fn condition(&mut self, expr: &Expr, env: &Env<'_>, position: Position, found: &mut Vec<Equality>) {
        match expr {
            Expr::And(parts) => {
                if self.descend().is_none() {
                    return;
                }
                for part in parts {
                    self.condition(part, env, position, found);
                }
                self.ascend();
            }
            Expr::Operator(operator) if self.is_plain_equality(operator) => {
                self.equality(operator, env, position, found);
            }
            Expr::Operator(operator) if operator.any && self.is_equality(operator) => {
                self.any_member(operator, env, position, found);
            }
            Expr::InList(tested, list) => self.in_list(tested, list, env, position, found),
            other => {
                let value = self.value(other, env, position);
                self.shape(&value, position);
            }
        }
    }

    fn is_plain_equality(&self, operator: &Operator) -> bool {
        !operator.over_array && self.is_equality(operator)
    }

    fn is_equality(&self, operator: &Operator) -> bool {
        (&*operator.name == "=" || self.dialect.compares_nulls(&operator.name))
            && operator.schema.as_ref().is_none_or(|schema| &**schema == "pg_catalog")
            && operator.left.is_some()
            && !self.catalog.has_user_operator("=")
    }

    /// `column = ANY (array)`: a list like IN's, of unknown length unless it is written out.
    fn any_member(&mut self, operator: &Operator, env: &Env<'_>, position: Position, found: &mut Vec<Equality>) {
        let (Some(tested), Some(array)) = (&operator.left, &operator.right) else { return };
        if let Expr::Array(list) = array
            && list.iter().all(|member| matches!(member, Expr::Constant(_)))
        {
            return self.in_list(tested, list, env, position, found);
        }
        let tested = self.value(tested, env, position);
        let array = self.value(array, env, position);
        let look_up = tested.is_plain() && array.fixed;
        self.shape(&tested, if look_up { Position::Equality } else { position });
        self.shape(&array, position);
    }

    fn equality(&mut self, operator: &Operator, env: &Env<'_>, position: Position, found: &mut Vec<Equality>) {
        let (Some(left), Some(right)) = (&operator.left, &operator.right) else { return };
        let left = self.value(left, env, position);
        let right = self.value(right, env, position);
        if self.dialect.fixes(&left, &right) && !self.dialect.compares_nulls(&operator.name) {
            found.extend(equalities(&left, &right));
        }
        let look_up = self.dialect.looks_up(&left, &right)
            && ((left.is_plain() && right.fixed) || (right.is_plain() && left.fixed));
        let position = if look_up { Position::Equality } else { position };
        self.shape(&left, position);
        self.shape(&right, position);
    }

    fn in_list(&mut self, tested: &Expr, list: &[Expr], env: &Env<'_>, position: Position, found: &mut Vec<Equality>) {
        let value = self.value(tested, env, position);
        let mut fixed = !self.catalog.has_user_operator("=");
        if !fixed {
            self.opaque("operator =", "a user-defined operator of this name exists");
        }
        let mut fixes = fixed;
        for member in list {
            let member = self.value(member, env, position);
            fixed &= member.fixed && self.dialect.looks_up(&value, &member);
            fixes &= member.fixed && self.dialect.fixes(&value, &member);
            self.shape(&member, position);
        }
        let look_up = value.is_plain() && fixed;
        self.shape(&value, if look_up { Position::Equality } else { position });
        if let (true, Some(column)) = (fixes, value.origin) {
            let times = u64::try_from(list.len()).unwrap_or(u64::MAX);
            found.push(Equality { column, other: None, times });
        }
    }
}
