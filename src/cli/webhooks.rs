//! `holdpoint webhooks`: the channels of a running Holdpoint, what they have not delivered, testing and replaying.

use clap::Subcommand;
use serde_json::json;

use crate::api::admin::channels::{ChannelAnswer, ChannelList, DeliveryPage};
use crate::api::extract::span;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, print};
use crate::clock::{Clock, Timestamp};
use crate::gate::approval::visible::{line, short};
use crate::notify::notifier::{ChannelBody, DeliveryBody, Replay};

/// `holdpoint webhooks …`
#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// List all channels (webhooks, e-mail, chats) and how they are doing.
    List,
    /// List what was sent to a channel, newest first.
    Show {
        /// The channel's name in the configuration.
        name: String,
        /// How many.
        #[arg(long, default_value_t = 50)]
        count: usize,
    },
    /// Send a test message. Success opens a channel that its receiver had closed.
    Test {
        /// The channel's name in the configuration.
        name: String,
    },
    /// Deliver again what was given up, or the deliveries named.
    Replay {
        /// The channel's name in the configuration.
        name: String,
        /// A delivery, delivered ones included; may be repeated.
        #[arg(long = "id")]
        ids: Vec<String>,
        /// Only what happened within this time, such as 12h.
        #[arg(long)]
        within: Option<String>,
    },
}

/// Runs one of them.
///
/// # Errors
/// The API does not answer or says no; the receiver refused the test.
pub async fn run(global: &Global, command: WebhooksCommand) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    match command {
        WebhooksCommand::List => {
            let list: ChannelList = client.get("v1/channels", &[]).await?;
            print::items(global.output, &list.channels, ["NAME", "KIND", "TARGET", "WAITING", "STATE"], channel)?;
        }
        WebhooksCommand::Show { name, count } => {
            let query = [("page_size", count.to_string())];
            let page: DeliveryPage = client.get(&format!("v1/channels/{name}"), &query).await?;
            let headings = ["ID", "EVENT", "APPROVAL", "AT", "STATE", "ATTEMPTS", "TROUBLE"];
            print::items(global.output, &page.deliveries, headings, delivery)?;
        }
        WebhooksCommand::Test { name } => {
            let answer: ChannelAnswer = client.post(&format!("v1/channels/{name}:test"), &json!({})).await?;
            if let Some(trouble) = answer.trouble {
                return Err(Failure::Finding(format!("{}: {}", line(&name), line(&trouble))));
            }
            print::talk(&format!("{}: the receiver took the test message", line(&name)));
        }
        WebhooksCommand::Replay { name, ids, within } => {
            let replay = Replay { ids, since: within.as_deref().map(since).transpose()? };
            let answer: ChannelAnswer = client.post(&format!("v1/channels/{name}:replay"), &replay).await?;
            print::talk(&format!("{}: {} under way again", line(&name), answer.replayed.unwrap_or_default()));
        }
    }
    Ok(Exit::Ok)
}

fn since(within: &str) -> Result<Timestamp, Failure> {
    let span = span(within).ok_or_else(|| Failure::Usage("--within must look like 12h or 3d".into()))?;
    let now = crate::app::SystemClock.now().as_millis();
    let back = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Ok(Timestamp::from_millis(now.saturating_sub(back)))
}

fn channel(channel: &ChannelBody) -> [String; 5] {
    let state = channel.closed.as_ref().map_or_else(|| "open".to_owned(), |why| format!("closed: {}", short(why, 60)));
    [channel.name.clone(), channel.kind.clone(), short(&channel.target, 60), channel.waiting.to_string(), state]
}

fn delivery(delivery: &DeliveryBody) -> [String; 7] {
    [
        delivery.id.clone(),
        delivery.event.clone(),
        delivery.approval_id.clone().unwrap_or_default(),
        delivery.at.to_rfc3339(),
        delivery.state.clone(),
        delivery.attempts.to_string(),
        short(delivery.trouble.as_deref().unwrap_or_default(), 80),
    ]
}
