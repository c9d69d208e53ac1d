//! How operators bind. sqlparser's order is not MySQL's: what it groups otherwise is found here, and then taken apart into
//! operands, of which nothing is assumed but that all of them are computed with.

use sqlparser::ast::{BinaryOperator, CastKind, DataType, Expr, UnaryOperator};

use super::Lowering;

/// How tightly an operator binds in MySQL; more is tighter.
pub(super) type Level = u8;

const ASSIGNMENT: Level = 0;
const OR: Level = 10;
const XOR: Level = 12;
const AND: Level = 15;
const NOT: Level = 20;
const COMPARISON: Level = 40;
const BITS_OR: Level = 50;
const BITS_AND: Level = 60;
const SHIFT: Level = 70;
const SUM: Level = 80;
const PRODUCT: Level = 90;
const BITS_XOR: Level = 100;
const PIPES: Level = 110;
const SIGN: Level = 120;
const ARROW: Level = 130;

/// What stands on an operator's sides, outside of parentheses.
struct Sides<'e> {
    level: Level,
    left: Vec<&'e Expr>,
    right: Vec<&'e Expr>,
}

impl Lowering<'_> {
    /// The operator that an expression is, if it is one that binds; `None` is an operand.
    fn sides<'e>(&self, expr: &'e Expr) -> Option<Sides<'e>> {
        let (level, left, right) = match expr {
            Expr::BinaryOp { left, op, right } => (self.level(op)?, vec![&**left], vec![&**right]),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => (NOT, vec![], vec![&**expr]),
            Expr::UnaryOp { op: _, expr } => (SIGN, vec![], vec![&**expr]),
            Expr::Like { expr, pattern, .. } | Expr::RLike { expr, pattern, .. } => {
                (COMPARISON, vec![&**expr], vec![&**pattern])
            }
            Expr::Between { expr, low, high, .. } => (COMPARISON, vec![&**expr], vec![&**low, &**high]),
            Expr::InList { expr, .. } | Expr::InSubquery { expr, .. } => (COMPARISON, vec![&**expr], vec![]),
            Expr::AnyOp { left, .. } | Expr::AllOp { left, .. } => (COMPARISON, vec![&**left], vec![]),
            Expr::MemberOf(member) => (COMPARISON, vec![&*member.value], vec![]),
            Expr::IsNull(expr)
            | Expr::IsNotNull(expr)
            | Expr::IsTrue(expr)
            | Expr::IsNotTrue(expr)
            | Expr::IsFalse(expr)
            | Expr::IsNotFalse(expr)
            | Expr::IsUnknown(expr)
            | Expr::IsNotUnknown(expr) => (COMPARISON, vec![&**expr], vec![]),
            // Written as BINARY before an operand, sqlparser takes all that follows into it.
            Expr::Cast { kind: CastKind::Cast, expr, data_type: DataType::Binary(None), format: None }
                if self.sides(expr).is_some() =>
            {
                (ARROW, vec![], vec![&**expr])
            }
            _ => return None,
        };
        Some(Sides { level, left, right })
    }

    /// `None` for operators that MySQL does not have: they are not understood anyway.
    fn level(&self, op: &BinaryOperator) -> Option<Level> {
        Some(match op {
            BinaryOperator::Assignment => ASSIGNMENT,
            BinaryOperator::Or => OR,
            BinaryOperator::StringConcat if self.reading.pipes_as_concat => PIPES,
            BinaryOperator::StringConcat => OR,
            BinaryOperator::Xor => XOR,
            BinaryOperator::And => AND,
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Spaceship => COMPARISON,
            BinaryOperator::BitwiseOr => BITS_OR,
            BinaryOperator::BitwiseAnd => BITS_AND,
            BinaryOperator::PGBitwiseShiftLeft | BinaryOperator::PGBitwiseShiftRight => SHIFT,
            BinaryOperator::Plus | BinaryOperator::Minus => SUM,
            BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::MyIntegerDivide
            | BinaryOperator::Modulo => PRODUCT,
            BinaryOperator::BitwiseXor => BITS_XOR,
            BinaryOperator::Arrow | BinaryOperator::LongArrow => ARROW,
            _ => return None,
        })
    }

    pub(super) fn is_operator(&self, expr: &Expr) -> bool {
        self.sides(expr).is_some()
    }

    /// Is all of it grouped as MySQL groups it? What stands in parentheses is a question of its own.
    pub(super) fn is_grouped_alike(&self, root: &Expr) -> bool {
        let mut open = vec![root];
        while let Some(expr) = open.pop() {
            let Some(Sides { level, left, right }) = self.sides(expr) else { continue };
            let binds = |side: &Expr, least: Level| self.sides(side).is_none_or(|inner| inner.level >= least);
            let prefix = left.is_empty() && level != ARROW;
            let least = if prefix || level == ASSIGNMENT { level } else { level + 1 };
            // Signs before signs, NOT before NOT, and `@a := @b := 1` are all right on the right side.
            if !left.iter().all(|side| binds(side, level)) || !right.iter().all(|side| binds(side, least)) {
                return false;
            }
            if level == ASSIGNMENT && left.iter().any(|side| self.sides(side).is_some()) {
                return false;
            }
            open.extend(left);
            open.extend(right);
        }
        true
    }

    /// The operands of all of it, however it is grouped, and whether something is assigned among them.
    pub(super) fn operands<'e>(&self, root: &'e Expr) -> (Vec<&'e Expr>, bool) {
        let mut open = vec![root];
        let mut found = Vec::new();
        let mut assigns = false;
        while let Some(expr) = open.pop() {
            let Some(Sides { level, left, right }) = self.sides(expr) else {
                found.push(expr);
                continue;
            };
            assigns |= level == ASSIGNMENT;
            open.extend(left);
            open.extend(right);
            match expr {
                Expr::Like { escape_char, .. } => found.extend(escape_char.as_deref()),
                Expr::InList { list, .. } => found.extend(list),
                Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => found.push(right),
                Expr::MemberOf(member) => found.push(&member.array),
                _ => {}
            }
        }
        (found, assigns)
    }
}
