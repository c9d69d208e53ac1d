//! The command line. Data goes to stdout, talk to stderr; exit codes are in [`exit`].

pub mod admin;
pub mod approvals;
pub mod audit;
pub mod check;
pub mod client;
pub mod exit;
pub mod grants;
pub mod offline;
pub mod print;
pub mod rules;
pub mod schema;
pub mod webhooks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::catalog::Catalog;
use crate::cli::admin::{agents, oidc, people, tokens};
use crate::cli::exit::{Exit, Failure};
use crate::statement;
use crate::statement::footprint::Footprint;
use crate::statement::read::Known;
use crate::statement::scope::Scope;

/// Holds risky SQL until a person approves, and masks classified columns on their way back.
#[derive(Debug, Parser)]
#[command(name = "holdpoint", version, about, propagate_version = true)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The configuration.
    #[arg(long, global = true, env = "HOLDPOINT_CONFIG", default_value = "holdpoint.yaml", value_name = "FILE")]
    pub config: PathBuf,
    /// The API; by default where the configuration says it listens.
    #[arg(long, global = true, env = "HOLDPOINT_URL", value_name = "URL")]
    pub url: Option<String>,
    /// File with the API token; else the environment variable HOLDPOINT_TOKEN.
    #[arg(long, global = true, env = "HOLDPOINT_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// PEM file with a CA to trust for the API's certificate, beside the system's.
    #[arg(long, global = true, env = "HOLDPOINT_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// How to print data; given with the commands that print some, see [`Printing`].
    #[arg(skip)]
    pub output: Output,
}

/// A command that prints data, and how.
#[derive(Debug, Args)]
pub struct Printing<C: Subcommand> {
    /// How to print data.
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: C,
}

/// How to print data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document per line and item.
    Jsonl,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the proxy.
    Serve,
    /// Read configuration and rules, print what is in force, try every upstream.
    Check,
    /// Make, list and switch off agents.
    Agents(Printing<agents::AgentsCommand>),
    /// Make, list and revoke API tokens.
    Tokens(Printing<tokens::TokensCommand>),
    /// Passwords of people who sign in at the page.
    People(Printing<people::PeopleCommand>),
    /// The identity provider by which people sign in.
    Oidc {
        /// What to do.
        #[command(subcommand)]
        command: oidc::OidcCommand,
    },
    /// Look at what waits, and decide.
    Approvals(Printing<approvals::ApprovalsCommand>),
    /// Give, list and take back standing, bounded approvals.
    Grants(Printing<grants::GrantsCommand>),
    /// Look at the channels that messages go to; test them, deliver again.
    #[command(alias = "channels")]
    Webhooks(Printing<webhooks::WebhooksCommand>),
    /// Read, check and export the audit log; no running Holdpoint needed.
    Audit(audit::AuditArgs),
    /// Check, test and explain rules; no running Holdpoint needed.
    Rules(rules::RulesArgs),
    /// Propose classes for columns that have none; list those that copies inherited.
    Classify(rules::classify::ClassifyArgs),
    /// Print a JSON Schema for editors.
    Schema(schema::SchemaArgs),
    /// Ask a running Holdpoint whether it is well; for container health checks.
    Healthcheck {
        /// Ask whether it is ready for work, not only whether it is alive.
        #[arg(long)]
        ready: bool,
    },
}

/// Runs one command. Everything it has to say is printed; the exit code comes back.
pub async fn run(cli: Cli) -> Exit {
    let global = &cli.global;
    let done = match cli.command {
        Command::Serve => serve(global).await,
        Command::Check => check::run(global).await,
        Command::Agents(printing) => agents::run(&printed(global, printing.output), printing.command).await,
        Command::Tokens(printing) => tokens::run(&printed(global, printing.output), printing.command).await,
        Command::Oidc { command } => oidc::run(global, command).await,
        Command::People(printing) => people::run(&printed(global, printing.output), printing.command).await,
        Command::Approvals(printing) => approvals::run(&printed(global, printing.output), printing.command).await,
        Command::Grants(printing) => grants::run(&printed(global, printing.output), printing.command).await,
        Command::Webhooks(printing) => webhooks::run(&printed(global, printing.output), printing.command).await,
        Command::Audit(args) => look_at_audit(global, &args),
        Command::Rules(args) => look_at_rules(&args),
        Command::Classify(args) => rules::classify::run(global, &args).await,
        Command::Schema(args) => schema::run(&args),
        Command::Healthcheck { ready } => client::healthcheck(global, ready).await,
    };
    done.unwrap_or_else(|failure| {
        print::talk(&failure.to_string());
        failure.exit()
    })
}

fn printed(global: &Global, output: Output) -> Global {
    Global { output, ..global.clone() }
}

/// An export is checked anywhere; only the rest needs the store, and so the configuration.
fn look_at_audit(global: &Global, args: &audit::AuditArgs) -> Result<Exit, Failure> {
    let config = if global.config.exists() { Some(offline::config(global)?) } else { None };
    let store = config.as_ref().map(|config| config.store.as_path());
    let done = audit::run(args, store, &mut std::io::stdout().lock());
    done.map(|()| Exit::Ok).map_err(|error| Failure::Finding(format!("{error:#}")))
}

async fn serve(global: &Global) -> Result<Exit, Failure> {
    let config = offline::config(global)?;
    let again = global.clone();
    let reread = std::sync::Arc::new(move || offline::config(&again).map_err(|failure| failure.to_string()));
    crate::app::run(config, reread).await.map_err(|error| Failure::Unreachable(format!("{error:#}")))?;
    Ok(Exit::Ok)
}

fn look_at_rules(args: &rules::RulesArgs) -> Result<Exit, Failure> {
    let code = rules::run(args, &read_alone, &mut std::io::stdout().lock());
    match code.map_err(|error| Failure::Usage(format!("{error:#}")))? {
        rules::OK => Ok(Exit::Ok),
        rules::FOUND => Ok(Exit::Finding),
        _ => Ok(Exit::Usage),
    }
}

/// Reads statements as the catalog's server would in a session that has just begun.
fn read_alone(text: &str, catalog: &Catalog) -> Vec<Footprint> {
    let scope = Scope::fresh(catalog, only_schema(catalog).as_deref());
    let batch = statement::read::read(text, &scope, catalog, &Known::default());
    batch.statements.iter().map(|statement| Footprint::clone(&statement.footprint)).collect()
}

/// The schema of all tables, if they have one in common: unqualified names mean it on MySQL.
fn only_schema(catalog: &Catalog) -> Option<std::sync::Arc<str>> {
    let mut schemas = catalog.relations().map(|relation| &relation.schema);
    let first = schemas.next()?;
    schemas.all(|schema| schema == first).then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_of_all_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn output_may_stand_before_and_behind_the_subcommand() {
        for line in ["holdpoint approvals -o json list", "holdpoint approvals list -o json"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert!(matches!(cli.command, Command::Approvals(Printing { output: Output::Json, .. })), "{line}");
        }
    }
}
