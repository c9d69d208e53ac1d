//! `holdpoint rules lint|test|explain|schema`: rules looked at without a server.

pub mod classify;
pub mod report;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};

use crate::catalog::Catalog;
use crate::config::rules_dir;
use crate::identity::ids::AgentName;
use crate::policy::judge::{Evidence, Situation, Subject};
use crate::policy::rules::cases::ReadSql;
use crate::policy::rules::file::CatalogRaw;
use crate::policy::rules::{RuleError, RuleSet};

/// Nothing to complain about.
pub const OK: u8 = 0;
/// Findings, failed tests, or a verdict other than allow.
pub const FOUND: u8 = 1;
/// The rules or the catalog cannot be read.
pub const BROKEN: u8 = 2;

/// Look at rules: are they sound, do their tests hold, why does a statement get its verdict?
#[derive(Debug, Args)]
pub struct RulesArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find what loads but cannot be meant. Exit code 0: nothing found, 1: findings, 2: rules cannot be read.
    Lint(LintArgs),
    /// Run the `tests:` of the rules. Exit code 0: all hold, 1: some fail, 2: rules cannot be read.
    Test(TestArgs),
    /// Explain the verdict on a statement. Exit code 0: allow, 1: hold or deny, 2: rules cannot be read.
    Explain(ExplainArgs),
    /// Print a JSON Schema.
    Schema(SchemaArgs),
}

/// Where rules and tables come from.
#[derive(Debug, Args)]
struct Source {
    /// Rules file or directory; left out: the built-in baseline.
    #[arg(long, value_name = "PATH", env = "HOLDPOINT_RULES")]
    rules: Option<PathBuf>,
    /// Catalog file (JSON or YAML); left out: the `catalog:` of the rules.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct LintArgs {
    #[command(flatten)]
    source: Source,
    /// How findings are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `file:line:column: level code: message`.
    Text,
    /// A JSON list.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
}

#[derive(Debug, Args)]
struct TestArgs {
    #[command(flatten)]
    source: Source,
    /// Name the rules that no test reaches; they make the exit code 1.
    #[arg(long)]
    coverage: bool,
    /// Write the results as JUnit XML to this file, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    #[command(flatten)]
    source: Source,
    /// The agent that asks.
    #[arg(long, alias = "user", default_value = "agent")]
    agent: String,
    /// A group of the agent; may be given again.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// The database (key under `databases:`); left out: the catalog's.
    #[arg(long, alias = "db", value_name = "NAME")]
    database: Option<String>,
    /// What the planner would say: rows returned or changed.
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// One or more SQL statements.
    sql: String,
}

#[derive(Debug, Args)]
struct SchemaArgs {
    /// Of which file.
    #[arg(value_enum, default_value_t = SchemaOf::Rules)]
    of: SchemaOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SchemaOf {
    /// `rules/*.yaml`.
    Rules,
    /// `holdpoint.yaml`.
    Config,
}

/// Runs the subcommand. What it finds goes to `out`; the exit code is returned. An error means that `out` or a file for
/// results could not be written.
pub fn run(args: &RulesArgs, read: ReadSql<'_>, out: &mut dyn Write) -> Result<u8> {
    match &args.command {
        Command::Lint(args) => lint(args, out),
        Command::Test(args) => test(args, read, out),
        Command::Explain(args) => explain(args, read, out),
        Command::Schema(args) => {
            let schema = match args.of {
                SchemaOf::Rules => crate::policy::rules::schema(),
                SchemaOf::Config => crate::config::config_schema(),
            };
            out.write_all(schema.as_bytes())?;
            Ok(OK)
        }
    }
}

/// Rules that cannot be used: every fault.
enum Broken {
    File(String),
    Faults(Vec<RuleError>),
}

fn load_rules(source: &Source) -> Result<RuleSet, Broken> {
    let Some(path) = &source.rules else { return Ok(RuleSet::baseline()) };
    let files = rules_dir::read(path).map_err(|error| Broken::File(error.to_string()))?;
    RuleSet::load_dir(&files).map_err(Broken::Faults)
}

fn load_catalog(source: &Source, rules: &RuleSet) -> Result<Option<Catalog>, Broken> {
    let build = |raw: &CatalogRaw, file: &str| {
        let say = |(table, cause): (String, String)| Broken::File(format!("{file}: table {table}: {cause}"));
        raw.to_catalog().map(Some).map_err(say)
    };
    match &source.catalog {
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|error| Broken::File(format!("`{name}` cannot be read: {error}")))?;
            let raw = CatalogRaw::read(&text, &name).map_err(Broken::Faults)?;
            build(&raw, &name)
        }
        None => rules.catalog().map_or(Ok(None), |raw| build(raw, "catalog")),
    }
}

fn load(source: &Source) -> Result<(RuleSet, Option<Catalog>), Broken> {
    let rules = load_rules(source)?;
    let catalog = load_catalog(source, &rules)?;
    Ok((rules, catalog))
}

const NO_CATALOG: &str = "no tables are known: give --catalog FILE, or a `catalog:` in the rules";

/// For what cannot be answered without tables.
fn load_with_catalog(source: &Source) -> Result<(RuleSet, Catalog), Broken> {
    let (rules, catalog) = load(source)?;
    Ok((rules, catalog.ok_or_else(|| Broken::File(NO_CATALOG.to_owned()))?))
}

fn broken(broken: &Broken, format: Format, out: &mut dyn Write) -> Result<u8> {
    match broken {
        Broken::File(text) => writeln!(out, "error: {text}")?,
        Broken::Faults(faults) => {
            let findings: Vec<_> = faults.iter().map(report::of_fault).collect();
            report::findings(&findings, format, out)?;
        }
    }
    Ok(BROKEN)
}

fn lint(args: &LintArgs, out: &mut dyn Write) -> Result<u8> {
    let (rules, catalog) = match load(&args.source) {
        Ok(loaded) => loaded,
        Err(why) => return broken(&why, args.format, out),
    };
    let findings = rules.lint(catalog.as_ref());
    report::findings(&findings, args.format, out)?;
    if args.format == Format::Text {
        let (rules, classes) = (rules.rules().len(), rules.classes().len());
        writeln!(out, "{rules} rules, {classes} classes, {} findings", findings.len())?;
    }
    Ok(if findings.is_empty() { OK } else { FOUND })
}

fn test(args: &TestArgs, read: ReadSql<'_>, out: &mut dyn Write) -> Result<u8> {
    let (rules, catalog) = match load_with_catalog(&args.source) {
        Ok(loaded) => loaded,
        Err(why) => return broken(&why, Format::Text, out),
    };
    let results = rules.run_cases(&catalog, read);
    report::cases(&results, out)?;
    if let Some(path) = &args.junit {
        write_file(path, &report::junit(&results))?;
    }
    let uncovered = if args.coverage { rules.uncovered(&results) } else { Vec::new() };
    for rule in &uncovered {
        writeln!(out, "no test reaches rule {rule}")?;
    }
    let passed = results.iter().all(|result| result.failures.is_empty()) && uncovered.is_empty();
    Ok(if passed { OK } else { FOUND })
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))
}

fn explain(args: &ExplainArgs, read: ReadSql<'_>, out: &mut dyn Write) -> Result<u8> {
    let (rules, catalog) = match load_with_catalog(&args.source) {
        Ok(loaded) => loaded,
        Err(why) => return broken(&why, Format::Text, out),
    };
    let map = rules.class_map(&catalog);
    let agent = AgentName(args.agent.clone());
    let database = args.database.as_deref().unwrap_or(&catalog.database);
    let subject = Subject { agent: &agent, groups: &args.groups, database, has_reason: false };
    let evidence = args.rows.map_or_else(Evidence::default, Evidence::rows);
    let mut code = OK;
    for (index, footprint) in read(&args.sql, &catalog).iter().enumerate() {
        let situation = Situation { subject: &subject, footprint, map: &map, catalog: &catalog };
        let explanation = rules.explain(&situation, evidence);
        if index > 0 {
            writeln!(out)?;
        }
        write!(out, "{explanation}")?;
        if explanation.ruling.effect != crate::policy::ruling::Effect::Allow {
            code = FOUND;
        }
    }
    writeln!(out, "rules      version {}", rules.version())?;
    Ok(code)
}

#[cfg(test)]
mod tests;
