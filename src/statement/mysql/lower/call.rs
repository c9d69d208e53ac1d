//! Calls of functions. Those that are choices, conditions or rows in other servers' syntax are lowered as such.

use std::sync::Arc;

use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments};

use super::{Lowering, PROPOSED, idents, lower_case, opaque};
use crate::statement::scope::Flavour;
use crate::statement::tree::{Argument, Call, Expr, Name, Window};

/// Functions whose first argument is a word for a unit.
const UNIT_FIRST: [&str; 3] = ["get_format", "timestampadd", "timestampdiff"];

/// What stands in a call's parentheses beside arguments.
#[derive(Default)]
struct Clauses {
    distinct: bool,
    star: bool,
    order: Vec<Expr>,
}

impl Lowering<'_> {
    pub(super) fn function(&mut self, function: &ast::Function) -> Expr {
        let ast::Function {
            name,
            uses_odbc_syntax: _,
            parameters,
            args,
            within_group,
            filter,
            // Which rows' values are passed over is a matter of NULLs.
            null_treatment: _,
            over,
        } = function;
        let Some(name) = self.function_name(name) else { return opaque("function", Vec::new()) };
        if !matches!(parameters, FunctionArguments::None) || filter.is_some() {
            return opaque("function", Vec::new());
        }
        let mut clauses = Clauses::default();
        let Some(arguments) = self.arguments(args, &name, &mut clauses) else {
            return opaque("arguments of a function", Vec::new());
        };
        let window = over.as_ref().map(|over| match over {
            ast::WindowType::WindowSpec(spec) => self.window(spec),
            // Its shape counts where it is defined.
            ast::WindowType::NamedWindow(_) => Window::default(),
        });
        let ordered: Vec<Expr> = within_group.iter().map(|key| self.sort_key(key)).collect();
        let plain = window.is_none() && ordered.is_empty() && clauses.order.is_empty() && !clauses.distinct;
        if let ([name], true) = (name.as_slice(), plain && !clauses.star) {
            let nvl = self.reading.flavour == Flavour::MariaDb;
            match special(name, arguments, nvl) {
                Ok(expr) => return expr,
                Err(arguments) => {
                    return Expr::Call(Box::new(called(vec![name.clone()], arguments)));
                }
            }
        }
        let mut call = called(name, arguments);
        call.star = clauses.star;
        call.distinct = clauses.distinct;
        call.within_group = !ordered.is_empty();
        call.order = clauses.order.into_iter().chain(ordered).collect();
        call.over = window;
        Expr::Call(Box::new(call))
    }

    /// `f`, `s.f`: names of functions are compared without regard to case.
    fn function_name(&self, name: &ast::ObjectName) -> Option<Vec<Name>> {
        let parts = idents(name)?;
        let (last, schema) = parts.split_last()?;
        let mut path = schema.iter().map(|part| self.table_ident(part)).collect::<Option<Vec<Name>>>()?;
        path.push(Arc::from(lower_case(self.written(last)?)));
        (path.len() <= 2).then_some(path)
    }

    fn arguments(&mut self, args: &FunctionArguments, name: &[Name], clauses: &mut Clauses) -> Option<Vec<Expr>> {
        let list = match args {
            FunctionArguments::None => return Some(Vec::new()),
            FunctionArguments::Subquery(_) => return None,
            FunctionArguments::List(list) => list,
        };
        let ast::FunctionArgumentList { duplicate_treatment, args, clauses: others } = list;
        clauses.distinct = matches!(duplicate_treatment, Some(ast::DuplicateTreatment::Distinct));
        let mut arguments = Vec::new();
        for (index, argument) in args.iter().enumerate() {
            let FunctionArg::Unnamed(argument) = argument else { return None };
            match argument {
                FunctionArgExpr::Expr(ast::Expr::Identifier(_)) if index == 0 && has_unit(name) => {
                    arguments.push(super::null());
                }
                FunctionArgExpr::Expr(expr) => arguments.push(self.expr(expr)),
                FunctionArgExpr::Wildcard if args.len() == 1 => clauses.star = true,
                FunctionArgExpr::Wildcard
                | FunctionArgExpr::QualifiedWildcard(_)
                | FunctionArgExpr::WildcardWithOptions(_) => return None,
            }
        }
        for clause in others {
            match clause {
                FunctionArgumentClause::OrderBy(keys) => {
                    clauses.order.extend(keys.iter().map(|key| self.sort_key(key)));
                }
                FunctionArgumentClause::Separator(_) | FunctionArgumentClause::IgnoreOrRespectNulls(_) => {}
                FunctionArgumentClause::Limit(limit) => clauses.order.push(self.expr(limit)),
                FunctionArgumentClause::Where(_)
                | FunctionArgumentClause::OnOverflow(_)
                | FunctionArgumentClause::Having(_)
                | FunctionArgumentClause::JsonNullClause(_)
                | FunctionArgumentClause::JsonReturningClause(_) => return None,
            }
        }
        Some(arguments)
    }
}

fn has_unit(name: &[Name]) -> bool {
    matches!(name, [name] if UNIT_FIRST.contains(&&**name))
}

fn called(name: Vec<Name>, arguments: Vec<Expr>) -> Call {
    Call {
        name,
        arguments: arguments.into_iter().map(|value| Argument { name: None, value }).collect(),
        star: false,
        distinct: false,
        variadic: false,
        order: Vec::new(),
        within_group: false,
        filter: None,
        over: None,
    }
}

/// A call that is another expression; gives the arguments back if it is a call. Only MariaDB has `nvl` and `nvl2`.
fn special(name: &Name, arguments: Vec<Expr>, nvl: bool) -> Result<Expr, Vec<Expr>> {
    let count = arguments.len();
    let mut parts = arguments.into_iter();
    Ok(match (&**name, count) {
        ("row", 1..) => Expr::Row(parts.collect()),
        ("coalesce", 1..) | ("greatest" | "least", 2..) | ("ifnull", 2) => Expr::Choice(name.clone(), parts.collect()),
        ("nvl", 2) if nvl => Expr::Choice(name.clone(), parts.collect()),
        ("nullif", 2) => match (parts.next(), parts.next()) {
            (Some(left), Some(right)) => Expr::NullIf(Box::new(left), Box::new(right)),
            _ => super::null(),
        },
        ("isnull", 1) => Expr::IsNull(Box::new(parts.next().unwrap_or_else(super::null))),
        ("strcmp", 2) => Expr::Compare(parts.collect()),
        ("nvl2", 3) if !nvl => return Err(parts.collect()),
        ("if" | "nvl2", 3) => {
            let condition = parts.next().into_iter().collect();
            Expr::Case(condition, parts.collect())
        }
        ("values" | "value", 1) => match parts.next() {
            Some(Expr::Column(path)) => {
                Expr::Column(std::iter::once(Arc::from(PROPOSED)).chain(path.last().cloned()).collect())
            }
            other => opaque("VALUES", other.into_iter().collect()),
        },
        _ => return Err(parts.collect()),
    })
}
