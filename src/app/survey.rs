//! Looks at one upstream for `holdpoint classify`: catalog, comments, labels, and values of some rows, all read-only.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{Catalog, Relation, RelationKind};
use crate::config::{Config, Protocol};
use crate::session::shared;
use crate::session::upstream::catalog;

/// Schema, table, column.
pub type Place = (String, String, String);

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// The catalog.
    pub catalog: Catalog,
    /// Comments on columns.
    pub comments: BTreeMap<Place, String>,
    /// Security labels of columns by the provider `anon`.
    pub labels: BTreeMap<Place, String>,
    /// Values that are not NULL, as text. They stay in memory.
    pub values: BTreeMap<Place, Vec<String>>,
    /// Tables that could not be read.
    pub skipped: Vec<String>,
}

const PG_COMMENTS: &str = "SELECT n.nspname, c.relname, a.attname, d.description \
    FROM pg_catalog.pg_description d JOIN pg_catalog.pg_class c ON c.oid = d.objoid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid \
    WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid > 0";

const PG_LABELS: &str = "SELECT n.nspname, c.relname, a.attname, l.label \
    FROM pg_catalog.pg_seclabel l JOIN pg_catalog.pg_class c ON c.oid = l.objoid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = l.objsubid \
    WHERE l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.objsubid > 0 AND l.provider = 'anon'";

const MYSQL_COMMENTS: &str = "SELECT table_schema, table_name, column_name, column_comment \
    FROM information_schema.columns WHERE column_comment <> ''";

/// Looks at a database. `rows`: how many rows of each table are looked into; 0: none.
///
/// # Errors
/// It is not configured, or its catalog cannot be read; in words without secrets.
pub async fn survey(config: Config, database: &str, rows: u32) -> Result<Survey, String> {
    let upstream = shared::database(Arc::new(config), database).map_err(|error| error.to_string())?;
    let upstream = upstream.ok_or_else(|| format!("database `{database}` is not configured"))?;
    let protocol = upstream.upstream.protocol;
    let mut survey = Survey { catalog: catalog::read(&upstream).await?, ..Survey::default() };
    let questions: &[&str] = match protocol {
        Protocol::Postgres => &[PG_COMMENTS, PG_LABELS],
        Protocol::Mysql => &[MYSQL_COMMENTS],
    };
    let mut notes = catalog::ask(&upstream, questions).await?.into_iter();
    survey.comments = places(notes.next().unwrap_or_default());
    survey.labels = places(notes.next().unwrap_or_default());
    if rows == 0 {
        return Ok(survey);
    }
    let tables: Vec<Arc<Relation>> =
        survey.catalog.relations().filter(|relation| holds_rows(&survey.catalog, relation)).cloned().collect();
    for table in tables {
        match catalog::ask(&upstream, &[sample(&table, protocol, rows).as_str()]).await {
            Ok(answers) => survey.take_in(&table, answers.into_iter().next().unwrap_or_default()),
            Err(_) => survey.skipped.push(table.qualified()),
        }
    }
    survey.skipped.sort();
    Ok(survey)
}

fn holds_rows(catalog: &Catalog, relation: &Relation) -> bool {
    let stored = matches!(relation.kind, RelationKind::Table | RelationKind::MaterializedView);
    stored && !catalog.is_system(&relation.schema) && !relation.columns.is_empty()
}

fn places(rows: Vec<Vec<Option<String>>>) -> BTreeMap<Place, String> {
    let place = |row: Vec<Option<String>>| {
        let mut fields = row.into_iter().flatten();
        Some(((fields.next()?, fields.next()?, fields.next()?), fields.next()?))
    };
    rows.into_iter().filter_map(place).collect()
}

/// A SELECT of all columns as text. Names are quoted as the server stores them.
fn sample(table: &Relation, protocol: Protocol, rows: u32) -> String {
    let quote = |name: &str| match protocol {
        Protocol::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
        Protocol::Mysql => format!("`{}`", name.replace('`', "``")),
    };
    let text = |name: &str| match protocol {
        Protocol::Postgres => format!("{}::pg_catalog.text", quote(name)),
        Protocol::Mysql => format!("CAST({} AS CHAR)", quote(name)),
    };
    let columns: Vec<String> = table.columns.iter().map(|column| text(&column.name)).collect();
    format!("SELECT {} FROM {}.{} LIMIT {rows}", columns.join(", "), quote(&table.schema), quote(&table.name))
}

impl Survey {
    fn take_in(&mut self, table: &Relation, rows: Vec<Vec<Option<String>>>) {
        for row in rows {
            for (column, value) in table.columns.iter().zip(row) {
                let place = (table.schema.to_string(), table.name.to_string(), column.name.to_string());
                if let Some(value) = value {
                    self.values.entry(place).or_default().push(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rules::file::CatalogRaw;

    #[test]
    fn names_are_quoted_whatever_is_in_them() {
        let text = "database: d\ntables: { 's.a\"b`c': { columns: ['x\"y text'] } }";
        let catalog = CatalogRaw::read(text, "c").unwrap().to_catalog().unwrap();
        let table = catalog.relations().next().unwrap();
        assert_eq!(
            sample(table, Protocol::Postgres, 5),
            "SELECT \"x\"\"y\"::pg_catalog.text FROM \"s\".\"a\"\"b`c\" LIMIT 5"
        );
        assert_eq!(sample(table, Protocol::Mysql, 5), "SELECT CAST(`x\"y` AS CHAR) FROM `s`.`a\"b``c` LIMIT 5");
    }
}
