//! Catalogs as files: `catalog:` of the rules and snapshot files, to and from [`Catalog`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::mysql_type::MySqlType;
use crate::catalog::{
    Catalog, Column, Flavour, MYSQL_SYSTEM, POSTGRES_SYSTEM, Parts, Relation, RelationKey, RelationKind,
};
use crate::policy::rules::file::{CatalogRaw, DialectRaw, TableRaw};
use crate::policy::yaml::{Document, Fault};

/// Types by the names people write, with their OIDs (`pg_type.dat`).
const TYPES: [(&str, u32); 36] = [
    ("bool", 16),
    ("boolean", 16),
    ("bytea", 17),
    ("int8", 20),
    ("bigint", 20),
    ("bigserial", 20),
    ("int2", 21),
    ("smallint", 21),
    ("int4", 23),
    ("int", 23),
    ("integer", 23),
    ("serial", 23),
    ("text", 25),
    ("oid", 26),
    ("json", 114),
    ("xml", 142),
    ("float4", 700),
    ("real", 700),
    ("float8", 701),
    ("money", 790),
    ("inet", 869),
    ("text[]", 1009),
    ("int4[]", 1007),
    ("bpchar", 1042),
    ("char", 1042),
    ("varchar", 1043),
    ("date", 1082),
    ("time", 1083),
    ("timestamp", 1114),
    ("timestamptz", 1184),
    ("interval", 1186),
    ("numeric", 1700),
    ("decimal", 1700),
    ("uuid", 2950),
    ("jsonb", 3802),
    ("name", 19),
];

const FIRST_USER_OID: u32 = 16_384;

impl CatalogRaw {
    /// Reads a snapshot file: JSON or YAML of the same form.
    pub fn read(text: &str, file: &str) -> Result<Self, Vec<Fault>> {
        Document::<Self>::read(text, file).map(|document| document.content)
    }

    /// The catalog it describes, with made-up OIDs in the order of names. The error names the table.
    pub fn to_catalog(&self) -> Result<Catalog, (String, String)> {
        let oid = |index: usize| RelationKey(FIRST_USER_OID.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)));
        let keys: BTreeMap<&str, RelationKey> =
            self.tables.keys().enumerate().map(|(index, name)| (name.as_str(), oid(index))).collect();
        let mut relations = Vec::new();
        let mut schemas: Vec<Arc<str>> = self.dialect.schemas().iter().map(|name| Arc::from(*name)).collect();
        for (name, table) in &self.tables {
            let relation = relation(name, table, &keys, self.dialect).map_err(|cause| (name.clone(), cause))?;
            if !schemas.contains(&relation.schema) {
                schemas.push(relation.schema.clone());
            }
            relations.push(relation);
        }
        link_children(&mut relations);
        let parts = Parts { relations, schemas, flavour: self.dialect.flavour(), ..Parts::default() };
        Ok(Catalog::new(Arc::from(self.database.as_str()), 1, self.dialect.server_version(), parts))
    }

    /// The file form of a catalog's user tables and views. Functions and user types are left out.
    pub fn of(catalog: &Catalog) -> Self {
        let name = |key: &RelationKey| catalog.relation(*key).map(|relation| relation.qualified());
        let mut tables = BTreeMap::new();
        for relation in catalog.relations().filter(|relation| !catalog.is_system(&relation.schema)) {
            let column_name = |number: &i16| relation.column(*number).map(|column| column.name.to_string());
            let table = TableRaw {
                columns: relation.columns.iter().map(column_text).collect(),
                keys: relation.unique_keys.iter().map(|key| key.iter().filter_map(column_name).collect()).collect(),
                rows: rows_of(relation.rows_estimate),
                parents: relation.parents.iter().filter_map(name).collect(),
                view: relation.definition.as_ref().map(ToString::to_string),
            };
            tables.insert(relation.qualified(), table);
        }
        let dialect = DialectRaw::of(catalog.flavour);
        Self { database: catalog.database.to_string(), dialect, tables }
    }
}

impl DialectRaw {
    fn of(flavour: Option<Flavour>) -> Self {
        match flavour {
            None => Self::Postgres,
            Some(Flavour::MySql) => Self::MySql,
            Some(Flavour::MariaDb) => Self::MariaDb,
        }
    }

    fn flavour(self) -> Option<Flavour> {
        match self {
            Self::Postgres => None,
            Self::MySql => Some(Flavour::MySql),
            Self::MariaDb => Some(Flavour::MariaDb),
        }
    }

    /// As the server itself counts versions.
    fn server_version(self) -> u32 {
        match self {
            Self::Postgres => 150_000,
            Self::MySql => 80_400,
            Self::MariaDb => 101_100,
        }
    }

    /// Schemas of the server's own.
    fn schemas(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &POSTGRES_SYSTEM,
            Self::MySql | Self::MariaDb => &MYSQL_SYSTEM,
        }
    }

    /// The number of a type that people call this.
    fn type_of(self, name: &str) -> Option<u32> {
        if self == Self::Postgres {
            return TYPES.iter().find(|(known, _)| *known == name).map(|(_, oid)| *oid);
        }
        let name = match name {
            "integer" => "int",
            "bool" | "boolean" => "tinyint",
            "numeric" => "decimal",
            "real" => "double",
            other => other,
        };
        let kind = MySqlType::named(name);
        (kind != MySqlType::Other).then(|| kind.oid())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate, checked to be in range")]
fn rows_of(estimate: f64) -> Option<u64> {
    (0.0..1e18).contains(&estimate).then_some(estimate as u64)
}

fn column_text(column: &Column) -> String {
    let known = TYPES.iter().find(|(_, oid)| *oid == column.type_oid).map(|(name, _)| *name);
    let known = known.or_else(|| MySqlType::of(column.type_oid)?.usual_name());
    let type_name = known.map_or_else(|| column.type_oid.to_string(), str::to_owned);
    let not_null = if column.not_null { " not null" } else { "" };
    format!("{} {type_name}{not_null}", column.name)
}

fn relation(
    name: &str,
    table: &TableRaw,
    keys: &BTreeMap<&str, RelationKey>,
    dialect: DialectRaw,
) -> Result<Relation, String> {
    let (schema, bare) = name.split_once('.').ok_or("write it as schema.table")?;
    let mut columns = Vec::new();
    for (index, text) in table.columns.iter().enumerate() {
        let number = i16::try_from(index + 1).map_err(|_| "too many columns".to_owned())?;
        columns.push(column(number, text, dialect)?);
    }
    let number = |wanted: &String| {
        let found = columns.iter().find(|column| *column.name == **wanted);
        found.map(|column| column.number).ok_or_else(|| format!("key column `{wanted}` is not among the columns"))
    };
    let unique_keys = table.keys.iter().map(|key| key.iter().map(number).collect()).collect::<Result<_, String>>()?;
    let parent =
        |wanted: &String| keys.get(wanted.as_str()).copied().ok_or_else(|| format!("parent `{wanted}` is unknown"));
    Ok(Relation {
        key: keys.get(name).copied().ok_or("unknown table")?,
        schema: Arc::from(schema),
        name: Arc::from(bare),
        kind: if table.view.is_some() { RelationKind::View } else { RelationKind::Table },
        parents: table.parents.iter().map(parent).collect::<Result<_, String>>()?,
        children: Vec::new(),
        columns,
        unique_keys,
        definition: table.view.as_deref().map(Arc::from),
        has_rules: false,
        has_triggers: false,
        has_row_security: false,
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        rows_estimate: table.rows.map_or(-1.0, |rows| rows as f64),
    })
}

fn column(number: i16, text: &str, dialect: DialectRaw) -> Result<Column, String> {
    let (name, rest) = text.split_once(' ').ok_or_else(|| format!("`{text}` is not `name type`"))?;
    let lower = rest.trim().to_lowercase();
    let (type_text, not_null) = match lower.strip_suffix("not null") {
        Some(before) => (before.trim(), true),
        None => (lower.as_str(), false),
    };
    let bare = type_text.split('(').next().unwrap_or_default().trim();
    let type_oid = dialect
        .type_of(bare)
        .or_else(|| bare.parse().ok())
        .ok_or_else(|| format!("type `{type_text}` is not known here"))?;
    Ok(Column { number, name: Arc::from(name), type_oid, not_null, generated: None })
}

fn link_children(relations: &mut [Relation]) {
    let links: Vec<(RelationKey, RelationKey)> = relations
        .iter()
        .flat_map(|child| child.parents.iter().map(|parent| (*parent, child.key)).collect::<Vec<_>>())
        .collect();
    for relation in relations {
        relation.children =
            links.iter().filter(|(parent, _)| *parent == relation.key).map(|(_, child)| *child).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "
database: shop
tables:
  public.orders: { columns: [id int8 not null, 'amount numeric(10,2)'], keys: [[id]], rows: 5 }
  public.orders_2026: { columns: [id int8 not null, amount numeric], parents: [public.orders] }
";

    #[test]
    fn catalog_file_goes_there_and_back() {
        let raw = CatalogRaw::read(SHOP, "c.yaml").unwrap();
        let catalog = raw.to_catalog().unwrap();
        let orders = catalog.relation_named("public", "orders").unwrap();
        assert_eq!(orders.unique_keys, vec![vec![1]]);
        assert_eq!(orders.children.len(), 1);
        let again = CatalogRaw::of(&catalog);
        assert_eq!(again.to_catalog().map(|c| CatalogRaw::of(&c)), Ok(again)); // the OIDs are made up anew
    }

    #[test]
    fn mysqls_catalog_has_its_own_types_and_goes_there_and_back() {
        let text = "
database: crm
dialect: mariadb
tables:
  crm.customers: { columns: [id bigint not null, 'email varchar(80)', scan mediumblob], keys: [[id]] }
";
        let catalog = CatalogRaw::read(text, "c.yaml").unwrap().to_catalog().unwrap();
        assert_eq!((catalog.flavour, catalog.server_version), (Some(Flavour::MariaDb), 101_100));
        let customers = catalog.relation_named("crm", "customers").unwrap();
        let types: Vec<_> = customers.columns.iter().map(|column| MySqlType::of(column.type_oid)).collect();
        assert_eq!(types, [MySqlType::LongLong, MySqlType::Text, MySqlType::Bytes].map(Some));
        let again = CatalogRaw::of(&catalog);
        assert_eq!(again.to_catalog().map(|c| CatalogRaw::of(&c)), Ok(again));
        let serial = CatalogRaw::read(&text.replace("bigint", "int8"), "c.yaml").unwrap().to_catalog();
        assert_eq!(serial.unwrap_err().1, "type `int8` is not known here");
    }

    #[test]
    fn unknown_type_is_named() {
        let raw = CatalogRaw::read("database: d\ntables: { a.b: { columns: [x foo] } }", "c").unwrap();
        assert_eq!(raw.to_catalog().unwrap_err(), ("a.b".to_owned(), "type `foo` is not known here".to_owned()));
    }
}
