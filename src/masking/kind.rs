//! Type OIDs -> what a mask needs to know about a type. Everything not named here is `Other`, for which only NULL is legal.

use crate::catalog::Catalog;
use crate::catalog::mysql_type::MySqlType;

/// How often a domain may stand on a domain before we call it `Other`.
const DOMAIN_DEPTH_MAX: usize = 16;

/// The types masks can write values of (OIDs of `pg_type.dat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::masking) enum Kind {
    /// `text`, `varchar`, `citext`, `unknown`.
    Text,
    /// `char(n)`: blank-padded, the padding is no part of the value.
    PaddedText,
    /// `name`: at most 63 bytes.
    Name,
    /// `"char"`: one byte.
    Char,
    Xml,
    Json,
    /// Its binary form is a version byte 1 and then the text.
    Jsonb,
    Bytea,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Bool,
    Date,
    Timestamp,
    TimestampTz,
    Uuid,
    /// An array of a text type: its element type's OID.
    TextArray {
        element: u32,
    },
    /// MySQL's integers of so many bytes (1, 2, 3, 4, 8), signed or not: only what is legal in both is ever written.
    Whole(u8),
    /// MySQL's `YEAR`.
    Year,
    /// MySQL's `DATE`.
    Day,
    /// MySQL's `DATETIME` and `TIMESTAMP`, neither of which has a zone on the wire.
    Moment,
    /// MySQL's `BLOB` and kin: the bytes themselves in both formats.
    Bytes,
    /// Times, intervals, network addresses, other arrays, composites, enums, ranges, whatever is unknown.
    Other,
}

impl Kind {
    /// The kind of a type; domains count as what they stand on.
    pub(in crate::masking) fn of(oid: u32, catalog: &Catalog) -> Self {
        if let Some(kind) = MySqlType::of(oid) {
            return of_mysql(kind);
        }
        let mut oid = oid;
        for _ in 0..DOMAIN_DEPTH_MAX {
            if let Some(kind) = built_in(oid) {
                return kind;
            }
            let Some(found) = catalog.type_of(oid) else { return Self::Other };
            match found.kind {
                'd' => oid = found.base,
                'b' if &*found.name == "citext" => return Self::Text,
                'b' if found.element != 0 && is_text(found.element, catalog) => {
                    return Self::TextArray { element: found.element };
                }
                _ => return Self::Other,
            }
        }
        Self::Other
    }

    /// Values of one may be masked as values of the other.
    pub(in crate::masking) fn matches(self, other: Self) -> bool {
        self == other || (self.is_plain_text() && other.is_plain_text())
    }

    /// Free text, value for value the same in both formats.
    pub(in crate::masking) fn is_plain_text(self) -> bool {
        matches!(self, Self::Text | Self::PaddedText | Self::Name)
    }
}

/// An array's element is text itself; domains over text are left out, because drivers look the element type up.
fn is_text(element: u32, catalog: &Catalog) -> bool {
    built_in(element).is_some_and(Kind::is_plain_text)
        || catalog.type_of(element).is_some_and(|found| found.kind == 'b' && &*found.name == "citext")
}

/// Applications look values of ENUM and SET up in a list, so nothing but a member of it is legal there. Text counts as
/// padded, because `PAD_CHAR_TO_FULL_LENGTH` pads it.
fn of_mysql(kind: MySqlType) -> Kind {
    use MySqlType as T;
    match kind {
        T::Tiny => Kind::Whole(1),
        T::Short => Kind::Whole(2),
        T::Medium => Kind::Whole(3),
        T::Long => Kind::Whole(4),
        T::LongLong => Kind::Whole(8),
        T::Float => Kind::Float4,
        T::Double => Kind::Float8,
        T::Decimal => Kind::Numeric,
        T::Year => Kind::Year,
        T::Date => Kind::Day,
        T::DateTime | T::Timestamp => Kind::Moment,
        T::Text => Kind::PaddedText,
        T::Bytes => Kind::Bytes,
        T::Json => Kind::Json,
        T::Time | T::Enum | T::Set | T::Bit | T::Geometry | T::Strict | T::Null | T::Other => Kind::Other,
    }
}

fn built_in(oid: u32) -> Option<Kind> {
    Some(match oid {
        25 | 705 | 1043 => Kind::Text,
        1042 => Kind::PaddedText,
        19 => Kind::Name,
        18 => Kind::Char,
        142 => Kind::Xml,
        114 => Kind::Json,
        3802 => Kind::Jsonb,
        17 => Kind::Bytea,
        21 => Kind::Int2,
        23 => Kind::Int4,
        20 => Kind::Int8,
        700 => Kind::Float4,
        701 => Kind::Float8,
        1700 => Kind::Numeric,
        16 => Kind::Bool,
        1082 => Kind::Date,
        1114 => Kind::Timestamp,
        1184 => Kind::TimestampTz,
        2950 => Kind::Uuid,
        1009 => Kind::TextArray { element: 25 },
        1015 => Kind::TextArray { element: 1043 },
        1014 => Kind::TextArray { element: 1042 },
        1003 => Kind::TextArray { element: 19 },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Parts, Type};

    fn user_type(oid: u32, name: &str, kind: char, base: u32, element: u32) -> Type {
        Type { oid, schema: "public".into(), name: name.into(), kind, base, element, relation: 0 }
    }

    #[test]
    fn user_types_are_followed_to_what_they_stand_on() {
        let types = vec![
            user_type(20001, "mail", 'd', 20002, 0),
            user_type(20002, "line", 'd', 25, 0),
            user_type(20003, "citext", 'b', 0, 0),
            user_type(20004, "_citext", 'b', 0, 20003),
            user_type(20005, "colour", 'e', 0, 0),
            user_type(20006, "loop", 'd', 20006, 0),
            user_type(20007, "_colour", 'b', 0, 20005),
            user_type(20008, "_mail", 'b', 0, 20001),
        ];
        let catalog = Catalog::new("shop".into(), 1, 150_000, Parts { types, ..Parts::default() });
        let expected = [
            (25, Kind::Text),
            (20001, Kind::Text),
            (20003, Kind::Text),
            (20004, Kind::TextArray { element: 20003 }),
            (20005, Kind::Other),
            (20006, Kind::Other),
            (20007, Kind::Other),
            (20008, Kind::Other),
            (1083, Kind::Other),
            (1007, Kind::Other),
            (0, Kind::Other),
        ];
        for (oid, kind) in expected {
            assert_eq!(Kind::of(oid, &catalog), kind, "{oid}");
        }
    }
}
