//! MySQL's column types in the numbering of `type_oid`: what masks need to know, the same from the catalog and from a result.
//!
//! PostgreSQL's OIDs name types; MySQL has none, so each kind of value gets a number from a range no OID of a built-in uses.

use mysql_common::collations::{Collation, CollationId};

/// Column flags of the protocol (`ENUM_FLAG`, `SET_FLAG`).
const ENUM_FLAG: u16 = 0x100;
const SET_FLAG: u16 = 0x800;
/// The collation of bytes that are no text.
const BINARY: u16 = 63;
/// MariaDB's UCA-14.0.0 collations of `utf8mb3` and `utf8mb4`; those of other character sets have higher numbers.
const UCA_1400_UTF8: std::ops::Range<u16> = 2048..2560;

/// The first number of the range.
const BASE: u32 = 0x4D59_0000;

/// What kind of values a MySQL or MariaDB column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MySqlType {
    /// `TINYINT`, `BOOLEAN`: 1 byte in binary rows.
    Tiny = 1,
    /// `SMALLINT`: 2 bytes.
    Short,
    /// `MEDIUMINT`: 4 bytes in binary rows.
    Medium,
    /// `INT`: 4 bytes.
    Long,
    /// `BIGINT`: 8 bytes.
    LongLong,
    /// `FLOAT`: 4 bytes.
    Float,
    /// `DOUBLE`: 8 bytes.
    Double,
    /// `DECIMAL`: text in both formats.
    Decimal,
    /// `YEAR`: 2 bytes in binary rows.
    Year,
    /// `DATE`.
    Date,
    /// `DATETIME`.
    DateTime,
    /// `TIMESTAMP`.
    Timestamp,
    /// `TIME`.
    Time,
    /// `CHAR`, `VARCHAR`, `TEXT` and kin: text in the connection's character set.
    Text,
    /// `BINARY`, `VARBINARY`, `BLOB` and kin.
    Bytes,
    /// `JSON` (MySQL; MariaDB's is text).
    Json,
    /// `ENUM`.
    Enum,
    /// `SET`.
    Set,
    /// `BIT`.
    Bit,
    /// `GEOMETRY` and kin.
    Geometry,
    /// MariaDB's `UUID`, `INET4`, `INET6` and whatever else comes as text but admits only its own form.
    Strict,
    /// The type of a bare `NULL`.
    Null,
    /// Anything else: only NULL may stand for it.
    Other,
}

impl MySqlType {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Tiny,
        Self::Short,
        Self::Medium,
        Self::Long,
        Self::LongLong,
        Self::Float,
        Self::Double,
        Self::Decimal,
        Self::Year,
        Self::Date,
        Self::DateTime,
        Self::Timestamp,
        Self::Time,
        Self::Text,
        Self::Bytes,
        Self::Json,
        Self::Enum,
        Self::Set,
        Self::Bit,
        Self::Geometry,
        Self::Strict,
        Self::Null,
        Self::Other,
    ];

    /// Its number as a `type_oid`.
    pub fn oid(self) -> u32 {
        BASE + self as u32
    }

    /// The type of a column in `information_schema.columns`, by `data_type`.
    pub fn named(data_type: &str) -> Self {
        match data_type.to_ascii_lowercase().as_str() {
            "tinyint" => Self::Tiny,
            "smallint" => Self::Short,
            "mediumint" => Self::Medium,
            "int" => Self::Long,
            "bigint" => Self::LongLong,
            "float" => Self::Float,
            "double" => Self::Double,
            "decimal" => Self::Decimal,
            "year" => Self::Year,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "timestamp" => Self::Timestamp,
            "time" => Self::Time,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Self::Text,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Self::Bytes,
            "json" => Self::Json,
            "enum" => Self::Enum,
            "set" => Self::Set,
            "bit" => Self::Bit,
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
            | "geomcollection" | "geometrycollection" => Self::Geometry,
            "uuid" | "inet4" | "inet6" => Self::Strict,
            _ => Self::Other,
        }
    }

    /// The type of a result column, from its definition's type code, flags and collation. Text in a character set in which
    /// ASCII bytes may be something else, or half of something, is `Strict`: nothing can be written in its place.
    pub fn described(code: u8, flags: u16, collation: u16) -> Self {
        match code {
            1 => Self::Tiny,
            2 => Self::Short,
            9 => Self::Medium,
            3 => Self::Long,
            8 => Self::LongLong,
            4 => Self::Float,
            5 => Self::Double,
            0 | 246 => Self::Decimal,
            6 => Self::Null,
            7 => Self::Timestamp,
            10 | 14 => Self::Date,
            11 => Self::Time,
            12 => Self::DateTime,
            13 => Self::Year,
            16 => Self::Bit,
            245 => Self::Json,
            247 => Self::Enum,
            248 => Self::Set,
            255 => Self::Geometry,
            15 | 249..=254 if flags & ENUM_FLAG != 0 => Self::Enum,
            15 | 249..=254 if flags & SET_FLAG != 0 => Self::Set,
            15 | 249..=254 if collation == BINARY => Self::Bytes,
            15 | 249..=254 if extends_ascii(collation) => Self::Text,
            15 | 249..=254 => Self::Strict,
            _ => Self::Other,
        }
    }

    /// Bytes of a value in a binary row; `None` where values begin with their length.
    pub fn binary_size(self) -> Option<u8> {
        match self {
            Self::Null => Some(0),
            Self::Tiny => Some(1),
            Self::Short | Self::Year => Some(2),
            Self::Medium | Self::Long | Self::Float => Some(4),
            Self::LongLong | Self::Double => Some(8),
            _ => None,
        }
    }

    /// A name that [`named`](Self::named) knows it by, if it has one.
    pub fn usual_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Tiny => "tinyint",
            Self::Short => "smallint",
            Self::Medium => "mediumint",
            Self::Long => "int",
            Self::LongLong => "bigint",
            Self::Float => "float",
            Self::Double => "double",
            Self::Decimal => "decimal",
            Self::Year => "year",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Timestamp => "timestamp",
            Self::Time => "time",
            Self::Text => "text",
            Self::Bytes => "blob",
            Self::Json => "json",
            Self::Enum => "enum",
            Self::Set => "set",
            Self::Bit => "bit",
            Self::Geometry => "geometry",
            Self::Strict => "uuid",
            Self::Null | Self::Other => return None,
        })
    }

    /// The type of this number; `None` for a PostgreSQL OID.
    pub fn of(oid: u32) -> Option<Self> {
        let index = usize::try_from(oid.checked_sub(BASE + 1)?).ok()?;
        Self::ALL.get(index).copied()
    }
}

/// In the collation's character set every ASCII byte is that character and nothing else.
fn extends_ascii(collation: u16) -> bool {
    if UCA_1400_UTF8.contains(&collation) {
        return true;
    }
    let known = Collation::resolve(CollationId::from(collation));
    match known.charset() {
        "utf8" | "utf8mb3" | "utf8mb4" => true,
        // 7 bits with letters in the place of brackets.
        "swe7" => false,
        _ => known.id() != CollationId::UNKNOWN_COLLATION_ID && known.max_len() == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_known() {
        for kind in MySqlType::ALL {
            assert!(kind.usual_name().is_none_or(|name| MySqlType::named(name) == kind), "{kind:?}");
        }
    }

    #[test]
    fn described_columns_are_what_their_flags_and_collation_say() {
        use MySqlType as T;
        let table = [
            ((253, 0, 45), T::Text),
            ((253, 0, 255), T::Text),
            ((252, 0x10, 33), T::Text),
            ((253, 0, 8), T::Text),
            ((253, 0, 2304), T::Text),
            ((252, 0x90, 63), T::Bytes),
            ((254, 0x100, 45), T::Enum),
            ((254, 0x800, 45), T::Set),
            ((254, 0x80, 63), T::Bytes),
            // gbk, sjis, utf16, swe7, MariaDB's uca1400 of ucs2, and a number nobody knows.
            ((253, 0, 28), T::Strict),
            ((253, 0, 13), T::Strict),
            ((253, 0, 54), T::Strict),
            ((253, 0, 10), T::Strict),
            ((253, 0, 2560), T::Strict),
            ((253, 0, 1999), T::Strict),
            ((3, 0x80, 63), T::Long),
            ((9, 0, 63), T::Medium),
            ((246, 0, 63), T::Decimal),
            ((245, 0, 63), T::Json),
            ((242, 0, 63), T::Other),
            ((17, 0, 63), T::Other),
            ((6, 0, 63), T::Null),
        ];
        for ((code, flags, collation), expected) in table {
            assert_eq!(T::described(code, flags, collation), expected, "{code} {flags:#x} {collation}");
        }
    }

    #[test]
    fn names_of_types_are_known_in_any_case() {
        assert_eq!(MySqlType::named("VARCHAR"), MySqlType::Text);
        assert_eq!(MySqlType::named("geomcollection"), MySqlType::Geometry);
        assert_eq!(MySqlType::named("vector"), MySqlType::Other);
        assert_eq!(MySqlType::named("inet6"), MySqlType::Strict);
    }

    #[test]
    fn numbers_and_types_answer_each_other() {
        for one in MySqlType::ALL {
            assert_eq!(MySqlType::of(one.oid()), Some(one));
        }
        assert_eq!(MySqlType::of(25), None);
        assert_eq!(MySqlType::of(BASE), None);
        assert_eq!(MySqlType::of(BASE + 24), None);
    }
}
