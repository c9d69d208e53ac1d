//! `holdpoint approvals watch`: what waits now, then every change, until interrupted.

use std::time::Duration;

use futures_util::StreamExt;

use crate::api::approvals::events::ChangeBody;
use crate::api::approvals::resource::Resource;
use crate::cli::approvals::{list, path, show};
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Output, print};
use crate::gate::approval::visible::short;

const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Watches until interrupted; comes back by itself when the connection breaks.
///
/// # Errors
/// The API says no, or does not answer at the first try.
pub async fn run(output: Output, client: &Client) -> Result<Exit, Failure> {
    let mut first = true;
    loop {
        match once(output, client).await {
            Ok(()) => {}
            Err(Failure::Unreachable(why)) if !first => print::talk(&why),
            Err(failure) => return Err(failure),
        }
        first = false;
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn once(output: Output, client: &Client) -> Result<(), Failure> {
    // Subscribe first, list second: what happens in between is told, not lost.
    let mut events = std::pin::pin!(client.events().await?);
    for resource in list(client, Some("pending".into()), None, 200).await?.iter().rev() {
        tell(output, resource)?;
    }
    let mut parser = Events::default();
    while let Some(chunk) = events.next().await {
        for event in parser.feed(&chunk?) {
            match event {
                Told::Changed(change) => tell(output, &client.get(&path(&change.approval_id), &[]).await?)?,
                Told::Reset => return Ok(()),
            }
        }
    }
    Ok(())
}

fn tell(output: Output, resource: &Resource) -> Result<(), Failure> {
    let approval = &resource.approval;
    match output {
        Output::Table => print::data(&format!(
            "{}  {}  {}  {}",
            approval.id,
            show::state(approval.state),
            short(&approval.request.requester.agent.0, 24),
            short(&show::summary(approval), 100)
        )),
        _ => print::item(Output::Jsonl, resource, show::page),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Changed(ChangeBody),
    Reset,
}

/// Reads server-sent events out of chunks cut anywhere.
#[derive(Default)]
struct Events {
    rest: String,
}

impl Events {
    fn feed(&mut self, chunk: &str) -> Vec<Told> {
        self.rest.push_str(chunk);
        let mut told = Vec::new();
        while let Some((event, rest)) = self.rest.split_once("\n\n") {
            told.extend(read(event));
            self.rest = rest.to_owned();
        }
        told
    }
}

fn read(event: &str) -> Option<Told> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    match field("event:")? {
        "reset" => Some(Told::Reset),
        "approval" => serde_json::from_str(field("data:")?).ok().map(Told::Changed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_wherever_the_chunks_are_cut() {
        let text = ": ping\n\nid: 7\nevent: approval\ndata: {\"approval_id\":\"apr_1\",\"version\":2,\"state\":\"denied\"}\n\nevent: reset\ndata: {}\n\n";
        for cut in 0..text.len() {
            let mut parser = Events::default();
            let mut told = parser.feed(&text[..cut]);
            told.extend(parser.feed(&text[cut..]));
            let change = ChangeBody { approval_id: "apr_1".into(), version: 2, state: "denied".into() };
            assert_eq!(told, [Told::Changed(change), Told::Reset], "cut at {cut}");
        }
    }
}
