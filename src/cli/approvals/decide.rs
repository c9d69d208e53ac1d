//! `approve`, `deny`, `revoke`, `withdraw`: show, ask, then send the digest and the version that were shown.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;
use reqwest::Method;
use reqwest::header::IF_MATCH;

use crate::api::approvals::decide::DecisionBody;
use crate::api::approvals::resource::Resource;
use crate::cli::approvals::{path, show};
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Output, print};
use crate::gate::approval::State;

/// Which one, and why.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// Its id, or the beginning of it.
    id: String,
    /// Why, in words; the agent reads it.
    #[arg(long, short)]
    message: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// Decides one approval.
///
/// # Errors
/// The API does not answer or says no, or the person at the terminal does.
pub async fn run(global: &Global, client: &Client, verb: &str, args: DecideArgs) -> Result<Exit, Failure> {
    let shown: Resource = client.get(&path(&args.id), &[]).await?;
    let id = shown.approval.id.clone();
    if !args.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        print::talk(show::page(&shown).trim_end());
        if !confirmed(&format!("{verb} {id}? [y/N] "))? {
            return Err(Failure::Finding("left as it was".into()));
        }
    }
    let body = DecisionBody { reason: args.message, digest: Some(shown.approval.request.digest.clone()) };
    let request = client
        .request(Method::POST, &format!("{}:{verb}", path(id.as_str())), &[])?
        .header(IF_MATCH, format!("\"{}\"", shown.approval.version))
        .header("idempotency-key", hex::encode(rand::random::<[u8; 16]>()))
        .json(&body);
    let answer = client.send(request).await?.json::<Resource>().await;
    let decided = answer.map_err(|error| Failure::Unreachable(format!("the API's answer cannot be read: {error}")))?;
    match global.output {
        Output::Table => {
            let state = show::state(decided.approval.state);
            print::data(&format!(
                "{id}  {state}  {}",
                crate::gate::approval::visible::short(&show::summary(&decided.approval), 72)
            ))?;
            still_open(&decided);
        }
        output => print::item(output, &decided, show::page)?,
    }
    Ok(Exit::Ok)
}

fn still_open(decided: &Resource) {
    if decided.approval.state != State::Pending {
        return;
    }
    for stage in decided.progress.iter().filter(|stage| stage.have < stage.needed) {
        let groups = crate::gate::approval::visible::line(&stage.groups.join(" or "));
        print::talk(&format!("still needs {} more of {groups}", stage.needed - stage.have));
    }
}

/// Asks on stderr, reads from stdin. Anything but yes is no.
fn confirmed(question: &str) -> Result<bool, Failure> {
    let trouble = |error| Failure::Usage(format!("could not ask: {error}"));
    let mut stderr = std::io::stderr();
    write!(stderr, "{question}").and_then(|()| stderr.flush()).map_err(trouble)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(trouble)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
