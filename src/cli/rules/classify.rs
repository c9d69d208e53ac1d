//! `holdpoint classify`: proposes classes for columns that have none, with evidence. A proposal is never live: a person
//! reads it and copies what is right into the rules.

mod imports;
mod score;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::app::survey::{Survey, survey};
use crate::cli::exit::{Exit, Failure};
use crate::cli::rules::classify::imports::Imports;
use crate::cli::rules::classify::score::{Proposal, propose};
use crate::cli::{Global, offline, print};
use crate::config::{Config, rules_dir};
use crate::gate::approval::visible::line;
use crate::gate::inherit::{Inherited, InheritedStore};
use crate::policy::rules::RuleSet;
use crate::store::rocks::RocksStore;

/// Propose classes for columns without one, or check that nothing new needs one.
#[derive(Debug, Args)]
pub struct ClassifyArgs {
    /// The database (key under `databases:`); may be left out if there is one only.
    #[arg(long)]
    database: Option<String>,
    /// Look into so many rows of each table, read-only. Values are not printed or kept.
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    sample: u32,
    /// A dbt manifest to take classes from (`meta.class`, or tags that name a class).
    #[arg(long, value_name = "FILE")]
    dbt: Option<PathBuf>,
    /// Write the proposal here instead of stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write nothing; end with 1 if a column would be proposed that carries no class.
    #[arg(long)]
    check: bool,
    /// Instead: list the classes that columns inherited because classified data was copied into them.
    #[arg(long, conflicts_with_all = ["sample", "dbt", "out", "check"])]
    inherited: bool,
}

/// Runs it.
///
/// # Errors
/// Configuration, rules, upstream, or a file.
pub async fn run(global: &Global, args: &ClassifyArgs) -> Result<Exit, Failure> {
    let config = offline::config(global)?;
    if args.inherited {
        return list_inherited(&config);
    }
    let database = database(&config, args.database.as_deref())?;
    let rules = rules(&config)?;
    let mut imports = Imports::default();
    if let Some(path) = &args.dbt {
        let text = std::fs::read_to_string(path).map_err(|error| usage(path, &error.to_string()))?;
        imports.dbt(&text).map_err(|why| usage(path, &why))?;
    }
    let found = survey(config, &database, args.sample).await.map_err(Failure::Unreachable)?;
    imports.comments(&found.comments);
    imports.labels(&found.labels);
    let proposals = propose(&found, &rules, &imports);
    found.skipped.iter().for_each(|table| print::talk(&format!("{}: could not be read", line(table))));
    if args.check {
        return check(&proposals);
    }
    let text = file_of(&proposals, &found);
    match &args.out {
        None => print::data(text.trim_end())?,
        Some(path) => std::fs::write(path, text).map_err(|error| usage(path, &error.to_string()))?,
    }
    Ok(Exit::Ok)
}

fn usage(path: &std::path::Path, why: &str) -> Failure {
    Failure::Usage(format!("{}: {why}", path.display()))
}

fn database(config: &Config, asked: Option<&str>) -> Result<String, Failure> {
    let mut names = config.databases.keys();
    match (asked, names.next(), names.next()) {
        (Some(asked), ..) => Ok(asked.to_owned()),
        (None, Some(only), None) => Ok(only.clone()),
        _ => Err(Failure::Usage("say which database: --database NAME".to_owned())),
    }
}

fn rules(config: &Config) -> Result<RuleSet, Failure> {
    let Some(path) = &config.rules else { return Ok(RuleSet::baseline()) };
    let files = rules_dir::read(path).map_err(|error| Failure::Usage(format!("{error:#}")))?;
    let say = |faults: Vec<crate::policy::rules::RuleError>| {
        Failure::Usage(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    RuleSet::load_dir(&files).map_err(say)
}

fn check(proposals: &[Proposal]) -> Result<Exit, Failure> {
    for one in proposals {
        print::data(&format!("{}: no class; looks like {} ({})", line(&one.path), one.class, line(&one.evidence())))?;
    }
    Ok(if proposals.is_empty() { Exit::Ok } else { Exit::Finding })
}

/// The proposal as a rules file that names columns and nothing else.
fn file_of(proposals: &[Proposal], found: &Survey) -> String {
    #[derive(Serialize)]
    struct Entry<'a> {
        r#match: &'a str,
        class: &'a str,
        source: String,
    }
    let mut text = String::from(
        "# A proposal of `holdpoint classify`: not in force. Read it, and copy what is right into the rules directory.\n\
         version: 1\ncolumns:\n",
    );
    for one in proposals {
        let source = format!("classify, score {:.2}: {}", one.score, one.evidence());
        let entry = Entry { r#match: &one.path, class: &one.class, source };
        // A JSON object is a YAML mapping, whatever is in its texts.
        let known = if one.defined { "" } else { " # this class is not defined yet" };
        text.push_str(&format!("  - {}{known}\n", serde_json::to_string(&entry).unwrap_or_default()));
    }
    if proposals.is_empty() {
        text = text.replace("columns:\n", "columns: []\n");
    }
    let mut functions: Vec<String> = found
        .catalog
        .functions()
        .filter(|function| function.extension.is_none() && !function.definition_sha256.is_empty())
        .map(|function| {
            let name = format!("{}.{}.{}", found.catalog.database, function.schema, function.name);
            format!("#   {} {}\n", line(&name), function.definition_sha256)
        })
        .collect();
    functions.sort();
    if !functions.is_empty() {
        text.push_str("# Functions and the hashes of their definitions, for those you vouch for:\n");
        functions.iter().for_each(|function| text.push_str(function));
    }
    text
}

/// Reads the store beside the process that owns it.
fn list_inherited(config: &Config) -> Result<Exit, Failure> {
    let scratch = std::env::temp_dir().join(format!("holdpoint-classify-{:x}", rand::random::<u64>()));
    let read = RocksStore::open_secondary(&config.store, &scratch).and_then(|store| store.inherited());
    let _left_behind = std::fs::remove_dir_all(&scratch);
    let entries = read.map_err(|error| Failure::Unreachable(format!("{}: {error}", config.store.display())))?;
    for entry in &entries {
        print::data(&line(&words(entry)))?;
    }
    Ok(Exit::Ok)
}

fn words(entry: &Inherited) -> String {
    let target = &entry.target;
    let column = match (&target.column, target.number) {
        (Some(column), _) => column.clone(),
        (None, Some(number)) => format!("column {number}"),
        (None, None) => "every column".to_owned(),
    };
    let under = entry.approval.as_ref().map_or("the rules".to_owned(), ToString::to_string);
    format!(
        "{}.{}.{column}: {} from {}, by {} under {under} at {}",
        entry.database,
        target.relation,
        target.class,
        target.source,
        entry.agent,
        entry.at.to_rfc3339()
    )
}

#[cfg(test)]
mod tests;
