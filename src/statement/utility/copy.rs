//! COPY, both ways: its columns, its row format, and where the bytes go. Options as in PostgreSQL's manual, COPY.

use std::sync::Arc;

use pg_query::protobuf::{CopyStmt, DefElem};

use super::{Build, Context, blank, names, output, unknown_output};
use crate::catalog::{Column, ColumnKey, Relation, RelationKind};
use crate::statement::footprint::{
    Access, ColumnWrite, CopyFormat, Facet, Flow, Footprint, RowBound, Source, Transfer, Verb,
};

impl Context<'_> {
    /// What a COPY reads or writes. An option that is not known makes it opaque, for it may change how rows are cut.
    pub(super) fn copy(&mut self, copy: &CopyStmt) -> Footprint {
        let options = options(copy);
        let print = match (&copy.query, copy.is_from) {
            (Some(query), false) => {
                let inner = self.inner(Some(query));
                Footprint { verb: Verb::CopyTo, explainable: false, ..inner }.facet(Facet::Exports)
            }
            (None, false) => self.copy_table_to(copy),
            (None, true) => self.copy_from(copy),
            (Some(_), true) => blank(Verb::CopyFrom).opaque("COPY", "COPY of a query has no FROM"),
        };
        let on_server = copy.is_program || !copy.filename.is_empty();
        let print = if on_server { print.facet(Facet::Server) } else { print };
        let transfer = match (copy.is_from, on_server, &options) {
            (true, true, _) => Transfer::FromServer,
            (true, false, _) => Transfer::FromClient,
            (false, true, _) => Transfer::ToServer,
            (false, false, Ok(format)) => Transfer::CopyToClient { format: format.clone() },
            // FAIL CLOSED: the statement is opaque below, and nothing is cut by this format.
            (false, false, Err(_)) => Transfer::CopyToClient { format: CopyFormat::Binary },
        };
        let print = Footprint { transfer: Some(transfer), ..print };
        match options {
            Ok(_) => print,
            Err(option) => {
                print.opaque(&format!("COPY option {option}"), "this option is not understood; leave it out")
            }
        }
    }

    fn copy_table_to(&mut self, copy: &CopyStmt) -> Footprint {
        let print = blank(Verb::CopyTo).facet(Facet::Exports).facet(Facet::Reads);
        let (print, relation) = self.copied_relation(copy, print, Access::Read);
        let outputs = match relation.as_ref().map(|relation| copied_columns(copy, relation)) {
            Some(Some(columns)) => columns
                .iter()
                .zip(std::iter::repeat(relation.as_ref()))
                .filter_map(|(column, relation)| {
                    let column_key = ColumnKey { relation: relation?.key, number: column.number };
                    Some(output(&column.name, vec![Source { column: column_key, flow: Flow::Plain }]))
                })
                .collect(),
            _ => vec![unknown_output("")],
        };
        let print = Footprint { outputs: Some(outputs), returned: RowBound::Unbounded, ..print };
        match relation {
            Some(relation) if relation.kind != RelationKind::Table || relation.has_rules => {
                print.opaque(&format!("relation {}", relation.qualified()), "write COPY (SELECT … FROM …) TO instead")
            }
            _ => print,
        }
    }

    fn copy_from(&mut self, copy: &CopyStmt) -> Footprint {
        let print = blank(Verb::CopyFrom).facet(Facet::Imports).facet(Facet::Writes);
        let (mut print, relation) = self.copied_relation(copy, print, Access::Write);
        if let Some(relation) = relation {
            let numbers = match copied_columns(copy, &relation) {
                Some(columns) if !copy.attlist.is_empty() => columns.iter().map(|column| column.number).collect(),
                _ => vec![0],
            };
            print.writes = numbers
                .into_iter()
                .map(|number| ColumnWrite {
                    target: ColumnKey { relation: relation.key, number },
                    sources: Vec::new(),
                    unknown: false,
                })
                .collect();
            if relation.has_triggers || relation.has_rules {
                print = print.facet(Facet::Routine);
            }
        }
        if copy.where_clause.is_some() {
            print = print.opaque("COPY FROM … WHERE", "filter the rows before sending them");
        }
        Footprint { changed: RowBound::Unbounded, ..print }
    }

    fn copied_relation(
        &mut self,
        copy: &CopyStmt,
        print: Footprint,
        access: Access,
    ) -> (Footprint, Option<Arc<Relation>>) {
        let Some(range) = copy.relation.as_ref() else {
            return (print.opaque("COPY", "it names no relation"), None);
        };
        let resolved = names::resolve(range, self.catalog, self.scope);
        let relation = resolved.relation.clone();
        let mut print = print.use_of(resolved.clone(), access);
        if relation.is_none() && resolved.doubt.is_none() {
            print.unresolved = true;
            print = print.opaque(&format!("relation {}", resolved.name), "no such relation is known");
        }
        (print, relation)
    }
}

/// The columns of a COPY: those listed, else all that are not generated. `None` if a listed one does not exist.
fn copied_columns<'a>(copy: &CopyStmt, relation: &'a Relation) -> Option<Vec<&'a Column>> {
    if copy.attlist.is_empty() {
        return Some(relation.columns.iter().filter(|column| column.generated.is_none()).collect());
    }
    names::parts(&copy.attlist)?.into_iter().map(|name| relation.column_named(name)).collect()
}

/// What the options say before the format is known.
#[derive(Default)]
struct Options {
    format: Option<String>,
    delimiter: Option<String>,
    null: Option<String>,
    quote: Option<String>,
    escape: Option<String>,
    header: bool,
}

/// Reads the options. Errors: the name of the first one that is unknown, repeated or out of range.
fn options(copy: &CopyStmt) -> Result<CopyFormat, String> {
    let list = names::options(&copy.options).ok_or_else(|| "list".to_owned())?;
    let mut read = Options::default();
    let mut seen: Vec<&str> = Vec::new();
    for option in list {
        let name = option.defname.as_str();
        if seen.contains(&name) {
            return Err(name.to_owned());
        }
        seen.push(name);
        read.option(name, option, copy.is_from).ok_or_else(|| name.to_owned())?;
    }
    read.finish()
}

impl Options {
    fn option(&mut self, name: &str, option: &DefElem, is_from: bool) -> Option<()> {
        let text = || names::value(option.arg.as_ref()?.node.as_ref());
        match name {
            "format" => self.format = Some(text()?),
            "delimiter" => self.delimiter = Some(text()?),
            "null" => self.null = Some(text()?),
            "quote" => self.quote = Some(text()?),
            "escape" => self.escape = Some(text()?),
            "header" => self.header = header(option, is_from)?,
            "encoding" if is_utf8(&text()?) => {}
            "force_quote" if !is_from => {}
            "force_not_null" | "force_null" | "freeze" | "default" | "on_error" | "log_verbosity" | "reject_limit"
                if is_from => {}
            _ => return None,
        }
        Some(())
    }

    fn finish(self) -> Result<CopyFormat, String> {
        let byte = |value: Option<&str>, otherwise: u8, name: &str| match value.map(str::as_bytes) {
            None => Ok(otherwise),
            Some([byte]) if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Ok(*byte),
            Some(_) => Err(name.to_owned()),
        };
        let null = |otherwise: &str| self.null.clone().unwrap_or_else(|| otherwise.to_owned());
        let header = self.header;
        match self.format.as_deref() {
            None | Some("text") => {
                let delimiter = byte(self.delimiter.as_deref(), b'\t', "delimiter")?;
                // The server refuses these, for they could be read as data; whatever it refuses we need not cut.
                if delimiter.is_ascii_lowercase() || delimiter.is_ascii_digit() || matches!(delimiter, b'\\' | b'.') {
                    return Err("delimiter".to_owned());
                }
                Ok(CopyFormat::Text { delimiter, null: null("\\N"), header })
            }
            Some("csv") => {
                let quote = byte(self.quote.as_deref(), b'"', "quote")?;
                Ok(CopyFormat::Csv {
                    delimiter: byte(self.delimiter.as_deref(), b',', "delimiter")?,
                    null: null(""),
                    quote,
                    escape: byte(self.escape.as_deref(), quote, "escape")?,
                    header,
                })
            }
            Some("binary") => Ok(CopyFormat::Binary),
            Some(_) => Err("format".to_owned()),
        }
    }
}

/// HEADER is a Boolean, or `match` when copying in.
fn header(option: &DefElem, is_from: bool) -> Option<bool> {
    let given = option.arg.as_ref().and_then(|arg| names::value(arg.node.as_ref()));
    match given {
        Some(word) if is_from && word.eq_ignore_ascii_case("match") => Some(true),
        _ => names::boolean(option),
    }
}

/// The spellings of UTF-8 that PostgreSQL takes: case and anything but letters and digits do not count.
fn is_utf8(name: &str) -> bool {
    let clean: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    ["utf8", "unicode"].contains(&clean.to_ascii_lowercase().as_str())
}
