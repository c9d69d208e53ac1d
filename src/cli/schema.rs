//! `holdpoint schema`: JSON Schemas, so that editors complete and check YAML.

use clap::{Args, ValueEnum};

use crate::cli::exit::{Exit, Failure};
use crate::cli::print;

/// Which schema.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// What it is for.
    #[arg(value_enum)]
    of: SchemaOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SchemaOf {
    /// `holdpoint.yaml`.
    Config,
    /// `rules/*.yaml`.
    Rules,
}

/// Prints it.
///
/// # Errors
/// Stdout fails.
pub fn run(args: &SchemaArgs) -> Result<Exit, Failure> {
    let schema = match args.of {
        SchemaOf::Config => crate::config::config_schema(),
        SchemaOf::Rules => crate::policy::rules::schema(),
    };
    print::data(schema.trim_end())?;
    Ok(Exit::Ok)
}
