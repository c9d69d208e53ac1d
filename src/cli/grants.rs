//! `holdpoint grants`: standing, bounded approvals, through the API.

use clap::Subcommand;

use crate::api::approvals::grants::{GrantBody, GrantList, GrantReason, NewGrant};
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, print};
use crate::gate::approval::visible::short;

/// `holdpoint grants …`
#[derive(Debug, Subcommand)]
pub enum GrantsCommand {
    /// List grants, newest first.
    List {
        /// Only those of this agent.
        #[arg(long)]
        agent: Option<String>,
    },
    /// Propose a grant from an approval; it is given at once if you alone may.
    Give {
        /// The approval, in any state.
        approval: String,
        /// How long it lives, such as 30m.
        #[arg(long = "for")]
        life: String,
        /// How many runs.
        #[arg(long)]
        runs: u32,
        /// How many rows each run may return or change.
        #[arg(long)]
        rows: u64,
        /// A parameter's bound, in order: same, any, 1..9 or =eu|us; may be repeated.
        #[arg(long = "param")]
        bounds: Vec<String>,
        /// Why.
        #[arg(long, short)]
        message: Option<String>,
    },
    /// Say yes to a proposal.
    Approve {
        /// The grant.
        id: String,
        /// Why.
        #[arg(long, short)]
        message: Option<String>,
    },
    /// Say no to a proposal.
    Deny {
        /// The grant.
        id: String,
        /// Why.
        #[arg(long, short)]
        message: Option<String>,
    },
    /// Take a grant back.
    Revoke {
        /// The grant.
        id: String,
        /// Why.
        #[arg(long, short)]
        message: Option<String>,
    },
}

/// Runs one of them.
///
/// # Errors
/// The API does not answer or says no.
pub async fn run(global: &Global, command: GrantsCommand) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    let act = async |id: String, verb: &str, reason: Option<String>| {
        let path = format!("v1/grants/{id}:{verb}");
        client.post::<_, GrantBody>(&path, &GrantReason { reason }).await
    };
    let grant: GrantBody = match command {
        GrantsCommand::List { agent } => {
            let query: Vec<(&str, String)> = agent.into_iter().map(|agent| ("agent", agent)).collect();
            let list: GrantList = client.get("v1/grants", &query).await?;
            let headings = ["ID", "AGENT", "DATABASE", "WHAT", "RUNS", "ROWS", "PARAMETERS", "UNTIL", "STATE"];
            print::items(global.output, &list.grants, headings, row)?;
            return Ok(Exit::Ok);
        }
        GrantsCommand::Give { approval, life, runs, rows, bounds, message } => {
            let new = NewGrant { approval_id: approval, life, runs, rows, bounds, reason: message };
            client.post("v1/grants", &new).await?
        }
        GrantsCommand::Approve { id, message } => act(id, "approve", message).await?,
        GrantsCommand::Deny { id, message } => act(id, "deny", message).await?,
        GrantsCommand::Revoke { id, message } => act(id, "revoke", message).await?,
    };
    print::item(global.output, &grant, |grant| format!("{} is {}", grant.id, grant.state))?;
    Ok(Exit::Ok)
}

fn row(grant: &GrantBody) -> [String; 9] {
    [
        grant.id.clone(),
        short(&grant.agent, 40),
        short(&grant.database, 40),
        short(&grant.summary.join("; "), 60),
        format!("{}/{}", grant.used, grant.runs),
        grant.rows.to_string(),
        grant.bounds.join(" "),
        grant.expires_at.to_rfc3339(),
        grant.state.clone(),
    ]
}
