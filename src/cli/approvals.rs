//! `holdpoint approvals`: look at what waits, and decide. All over the HTTP API, so that it works from anywhere.

mod decide;
mod show;
mod watch;

use std::time::Duration;

use clap::Subcommand;
use reqwest::Method;

use crate::api::approvals::ApprovalPage;
use crate::api::approvals::resource::Resource;
use crate::api::extract::span;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, print};
use crate::gate::approval::State;

/// `holdpoint approvals …`
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// List approvals, newest first; by default those that wait for somebody.
    List {
        /// Only this state: pending, approved, executing, executed, failed, unknown, denied, expired, withdrawn, revoked, lapsed.
        #[arg(long, conflicts_with = "all")]
        state: Option<String>,
        /// All states.
        #[arg(long)]
        all: bool,
        /// Only this agent's.
        #[arg(long)]
        agent: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one approval: who asks for what, why it is held, who said what.
    Show {
        /// Its id, or the beginning of it.
        id: String,
    },
    /// Print what changes, as it changes, until interrupted.
    Watch,
    /// Wait until somebody has decided. Exit code 0: approved, 1: not, 4: nobody has yet.
    Wait {
        /// Its id, or the beginning of it.
        id: String,
        /// How long, such as 90s or 10m.
        #[arg(long, default_value = "5m", value_parser = duration)]
        timeout: Duration,
    },
    /// Say yes.
    Approve(decide::DecideArgs),
    /// Say no.
    Deny(decide::DecideArgs),
    /// Take back what was approved and not used yet.
    Revoke(decide::DecideArgs),
    /// Take a request back, as the agent's owner.
    Withdraw(decide::DecideArgs),
}

fn duration(text: &str) -> Result<Duration, String> {
    span(text).ok_or_else(|| "write it like 30s, 5m or 2h".to_owned())
}

/// Runs one of them.
///
/// # Errors
/// The API does not answer or says no.
pub async fn run(global: &Global, command: ApprovalsCommand) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    match command {
        ApprovalsCommand::List { state, all, agent, limit } => {
            let state = if all { None } else { state.or_else(|| Some("pending".into())) };
            let found = list(&client, state, agent, limit).await?;
            show::rows(global.output, &found)?;
            Ok(Exit::Ok)
        }
        ApprovalsCommand::Show { id } => {
            let found: Resource = client.get(&path(&id), &[]).await?;
            print::item(global.output, &found, show::page)?;
            Ok(Exit::Ok)
        }
        ApprovalsCommand::Watch => watch::run(global.output, &client).await,
        ApprovalsCommand::Wait { id, timeout } => wait(global, &client, &id, timeout).await,
        ApprovalsCommand::Approve(args) => decide::run(global, &client, "approve", args).await,
        ApprovalsCommand::Deny(args) => decide::run(global, &client, "deny", args).await,
        ApprovalsCommand::Revoke(args) => decide::run(global, &client, "revoke", args).await,
        ApprovalsCommand::Withdraw(args) => decide::run(global, &client, "withdraw", args).await,
    }
}

/// Reads pages until there are enough.
async fn list(
    client: &Client,
    state: Option<String>,
    agent: Option<String>,
    limit: usize,
) -> Result<Vec<Resource>, Failure> {
    let mut found = Vec::new();
    let mut token = None;
    while found.len() < limit {
        let size = (limit - found.len()).min(200).to_string();
        let mut query = vec![("page_size", size)];
        query.extend(state.clone().map(|state| ("state", state)));
        query.extend(agent.clone().map(|agent| ("agent", agent)));
        query.extend(token.map(|token| ("page_token", token)));
        let page: ApprovalPage = client.get("v1/approvals", &query).await?;
        found.extend(page.approvals);
        token = page.next_page_token;
        if token.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn wait(global: &Global, client: &Client, id: &str, timeout: Duration) -> Result<Exit, Failure> {
    let deadline = tokio::time::Instant::now() + timeout;
    let mut found: Resource = client.get(&path(id), &[]).await?;
    while found.approval.state == State::Pending {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now()).min(Duration::from_secs(60));
        if left.is_zero() {
            break;
        }
        let query =
            [("wait", format!("{}ms", left.as_millis())), ("after_version", found.approval.version.to_string())];
        let id = found.approval.id.to_string();
        let request = client.request(Method::GET, &path(&id), &query)?.timeout(left + Duration::from_secs(15));
        let answer = client.send(request).await?.json().await;
        found = answer.map_err(|error| Failure::Unreachable(format!("the API's answer cannot be read: {error}")))?;
    }
    print::item(global.output, &found, show::page)?;
    Ok(match found.approval.state {
        State::Pending => Exit::Pending,
        State::Approved | State::Executing | State::Executed => Exit::Ok,
        _ => Exit::Finding,
    })
}

fn path(id: &str) -> String {
    format!("v1/approvals/{}", id.trim())
}
