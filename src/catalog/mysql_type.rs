//! MySQL's column types in the numbering of `type_oid`: what masks need to know, the same from the catalog and from a result.
//!
//! PostgreSQL's OIDs name types; MySQL has none, so each kind of value gets a number from a range no OID of a built-in uses.

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

    /// The type of this number; `None` for a PostgreSQL OID.
    pub fn of(oid: u32) -> Option<Self> {
        let index = usize::try_from(oid.checked_sub(BASE + 1)?).ok()?;
        Self::ALL.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
