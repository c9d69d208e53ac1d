//! `holdpoint tokens`: through the API when it answers, else on the store itself: the first token is made that way.

use clap::{Subcommand, ValueEnum};

use crate::api::admin::tokens::{IssuedToken, NewToken, TokenBody, TokenList};
use crate::api::auth::scope_named;
use crate::api::extract::span;
use crate::cli::exit::{Exit, Failure};
use crate::cli::offline::{self, Way};
use crate::cli::{Global, Output, print};
use crate::gate::approval::visible::{line, short};
use crate::identity::ids::PersonName;
use crate::identity::token::Token;

/// What a token may do, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScopeName {
    /// Make and change agents and tokens; use the kill switch.
    #[value(name = "admin")]
    Admin,
    /// Approve, deny, revoke.
    #[value(name = "approvals:decide")]
    ApprovalsDecide,
    /// List and show approvals.
    #[value(name = "approvals:read")]
    ApprovalsRead,
    /// Read and verify the audit log.
    #[value(name = "audit:read")]
    AuditRead,
    /// Reload and validate rules.
    #[value(name = "rules:write")]
    RulesWrite,
}

/// `holdpoint tokens …`
#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Make a token and print it, once.
    Create {
        /// On whose behalf it acts; one of `people:`.
        #[arg(long)]
        person: String,
        /// What it may do; may be repeated or separated by commas.
        #[arg(long = "scope", required = true, value_delimiter = ',', value_enum)]
        scopes: Vec<ScopeName>,
        /// How long it works, such as 30d; until revoked if absent.
        #[arg(long)]
        expires: Option<String>,
    },
    /// List tokens, newest first.
    List,
    /// Stop a token for good.
    Revoke {
        /// The middle part of the token's text.
        id: String,
    },
}

/// Runs one of them.
///
/// # Errors
/// Neither the API nor the store can be used, or it says no.
pub async fn run(global: &Global, command: TokensCommand) -> Result<Exit, Failure> {
    let way = offline::way(global).await?;
    let done = carry_out(global, &way, command).await;
    way.close().await;
    done.map(|()| Exit::Ok)
}

async fn carry_out(global: &Global, way: &Way, command: TokensCommand) -> Result<(), Failure> {
    match command {
        TokensCommand::Create { person, scopes, expires } => {
            let scopes = scopes.iter().filter_map(|scope| Some(scope.to_possible_value()?.get_name().to_owned()));
            let new = NewToken { person, scopes: scopes.collect(), expires_in: expires };
            let issued = create(way, new).await?;
            if global.output == Output::Table {
                print::talk("shown this once and kept nowhere:");
            }
            print::item(global.output, &issued, |issued| issued.text.clone())?;
        }
        TokensCommand::List => {
            let tokens = list(way).await?;
            print::items(
                global.output,
                &tokens,
                ["ID", "PERSON", "SCOPES", "ISSUED BY", "EXPIRES", "LAST USED", "STATE"],
                row,
            )?;
        }
        TokensCommand::Revoke { id } => {
            revoke(way, &id).await?;
            print::talk(&format!("token {} revoked", line(&id)));
        }
    }
    Ok(())
}

fn row(token: &TokenBody) -> [String; 7] {
    let time =
        |time: Option<crate::clock::Timestamp>| time.map_or_else(|| "never".to_owned(), |time| time.to_rfc3339());
    [
        token.id.clone(),
        short(&token.person, 40),
        token.scopes.join(","),
        short(&token.issued_by, 40),
        time(token.expires_at),
        time(token.last_used_at),
        if token.revoked { "revoked" } else { "active" }.to_owned(),
    ]
}

async fn list(way: &Way) -> Result<Vec<TokenBody>, Failure> {
    match way {
        Way::Api(client) => client.get::<TokenList>("v1/tokens", &[]).await.map(|list| list.tokens),
        Way::Store(store) => {
            let mut tokens = store.tokens.tokens().map_err(offline::trouble)?;
            tokens.sort_by(|one, other| other.created_at.cmp(&one.created_at).then_with(|| one.id.cmp(&other.id)));
            Ok(tokens.into_iter().map(TokenBody::from).collect())
        }
    }
}

async fn create(way: &Way, new: NewToken) -> Result<IssuedToken, Failure> {
    let store = match way {
        Way::Api(client) => return client.post("v1/tokens", &new).await,
        Way::Store(store) => store,
    };
    store.must_know(&new.person)?;
    let now = store.now();
    let expires_at = match new.expires_in.as_deref() {
        None => None,
        Some(text) => {
            let span = span(text).filter(|span| !span.is_zero());
            Some(now.after(span.ok_or_else(|| Failure::Usage("--expires must look like 30d or 12h".into()))?))
        }
    };
    let scopes = new.scopes.iter().filter_map(|name| scope_named(name)).collect();
    let (token, text) = Token::issue(PersonName(new.person), scopes, store.operator.clone(), expires_at, now);
    store.record(format!("token {} added for {}", token.id, token.person)).await?;
    store.tokens.add_token(token.clone()).await.map_err(offline::trouble)?;
    Ok(IssuedToken { token: token.into(), text: text.expose().to_owned() })
}

async fn revoke(way: &Way, id: &str) -> Result<(), Failure> {
    let store = match way {
        Way::Api(client) => {
            let _: TokenBody = client.post(&format!("v1/tokens/{id}:revoke"), &serde_json::json!({})).await?;
            return Ok(());
        }
        Way::Store(store) => store,
    };
    let found = store.tokens.token(id).map_err(offline::trouble)?;
    let mut token = found.ok_or_else(|| Failure::Usage(format!("there is no token {}", line(id))))?;
    token.revoked = true;
    store.record(format!("token {id} of {} revoked", token.person)).await?;
    store.tokens.replace_token(token).await.map_err(offline::trouble)
}
