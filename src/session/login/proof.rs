//! Who is it, and may it open this database? SCRAM against the stored verifier; strangers get the same exchange.

use std::sync::Arc;

use bytes::BytesMut;

use crate::config::Protocol;
use crate::identity::agent::Agent;
use crate::pg::frame::{STARTUP_BYTES_MAX, WireError, kind_name};
use crate::pg::messages::authentication::{Authentication, SaslInitial};
use crate::pg::messages::backend::put_negotiate;
use crate::pg::scram::ScramError;
use crate::pg::scram::server::Server;
use crate::pg::scram::verifier::Verifier;
use crate::pg::startup::{MINOR_NEWEST, Request};
use crate::session::login::Stop;
use crate::session::login::admission::{self, shown};
use crate::session::shared::{Database, Settings, Shared};
use crate::session::stream::ClientStream;
use crate::session::stream::channel::Channel;

/// A client that proved itself.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) request: Request,
    pub(crate) agent: Agent,
    pub(crate) database: Arc<Database>,
}

/// Negotiates the version, asks for the proof, and only then says anything about agents or databases.
pub(crate) async fn admit(
    channel: &mut Channel<ClientStream>,
    request: Request,
    settings: &Settings,
    shared: &Shared,
    over_tls: bool,
) -> Result<Admitted, Stop> {
    let mut out = BytesMut::new();
    if let Some(unrecognised) = &request.negotiate {
        put_negotiate(&mut out, MINOR_NEWEST.min(request.minor), unrecognised);
    }
    let known = shared.agents.agent(&request.user);
    let verifier = known.as_ref().and_then(|agent| Verifier::parse(&agent.scram_verifier));
    let real = verifier.is_some();
    let verifier = verifier.unwrap_or_else(|| Verifier::fake(&request.user, &shared.probe_key));
    let binding = settings.tls.as_ref().filter(|_| over_tls).and_then(|tls| tls.binding.clone());
    let proved = prove(channel, out, Server::new(binding), verifier).await;
    let wrong = || {
        let text = format!("password authentication failed for user \"{}\"", shown(&request.user));
        Stop::refuse("28P01", text)
    };
    let agent = match (proved, known.filter(|_| real)) {
        (Ok(()), Some(agent)) => agent,
        (Ok(()), None) | (Err(Failed::Proof(ScramError::Proof)), _) => return Err(wrong()),
        (Err(Failed::Proof(error)), _) => return Err(Stop::refuse("08P01", error.to_string())),
        (Err(Failed::Stop(stop)), _) => return Err(stop),
    };
    admission::enabled(&agent)?;
    let database = admission::database(settings, &agent, &request.database, Protocol::Postgres)?;
    Ok(Admitted { request, agent, database })
}

enum Failed {
    Stop(Stop),
    Proof(ScramError),
}

impl<E: Into<Stop>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Stop(error.into())
    }
}

/// Runs the exchange up to AuthenticationOk. `out` holds what is to be sent before it.
async fn prove(
    channel: &mut Channel<ClientStream>,
    mut out: BytesMut,
    server: Server,
    verifier: Verifier,
) -> Result<(), Failed> {
    Authentication::Sasl(server.mechanisms()).encode(&mut out);
    channel.send(&out).await?;

    let body = answer(channel).await?;
    let (first, challenged) = server.first(&SaslInitial::decode(&body)?, verifier).map_err(Failed::Proof)?;
    out.clear();
    Authentication::SaslContinue(first.as_bytes()).encode(&mut out);
    channel.send(&out).await?;

    let body = answer(channel).await?;
    let last = challenged.last(&body).map_err(Failed::Proof)?;
    out.clear();
    Authentication::SaslFinal(last.as_bytes()).encode(&mut out);
    Authentication::Ok.encode(&mut out);
    channel.send(&out).await?;
    Ok(())
}

/// The body of the client's next message, which must be `p`.
async fn answer(channel: &mut Channel<ClientStream>) -> Result<BytesMut, Stop> {
    let frame = channel.frame(STARTUP_BYTES_MAX).await?;
    match frame.kind {
        b'p' => Ok(frame.body),
        b'X' => Err(Stop::Left),
        other => Err(WireError::Unexpected { expected: "SASL response `p`", found: kind_name(other) }.into()),
    }
}
