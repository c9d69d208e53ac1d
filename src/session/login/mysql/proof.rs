//! Who is it? The secret against what is stored of it; strangers get the same exchange.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::identity::agent::Agent;
use crate::identity::credential::matches_sha256;
use crate::identity::secret::Secret;
use crate::mysql::handshake::RESPONSE_BYTES_MAX;
use crate::mysql::handshake::auth::server::{Server, Step, Verifiers};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::refusal::OwnError;
use crate::pg::scram::verifier::Verifier;
use crate::session::login::admission::shown;
use crate::session::login::mysql::Stop;
use crate::session::login::mysql::opening::Opened;
use crate::session::shared::Shared;

/// Asks for the proof, and only then says anything about agents.
pub(crate) async fn prove(opened: &mut Opened, shared: &Arc<Shared>, peer: SocketAddr) -> Result<Agent, Stop> {
    let user = opened.response.user.clone();
    let mut claim = Claim::new(&user, shared);
    let proof = &opened.response.proof;
    let wrong = Stop::refuse(wrong(&user, peer, !proof.is_empty()));
    let mut server = Server::new(opened.nonce, opened.tls.is_some(), claim.verifiers.clone());
    let plugins = opened.capabilities.has(Capabilities::PLUGIN_AUTH);
    let mut step = server.begin(opened.response.plugin.as_deref(), proof, plugins);
    loop {
        step = match step {
            Step::Ask(payload) => {
                opened.packets.send(|out| out.extend_from_slice(&payload)).await?;
                let answer = opened.packets.read(RESPONSE_BYTES_MAX).await?;
                let key = if server.wants_key() { shared.rsa().await.ok() } else { None };
                server.answer(&answer, key.as_deref())?
            }
            Step::Proved(before) => {
                let Some(agent) = claim.agent.take() else { return Err(wrong) };
                if let Some(payload) = before {
                    opened.packets.send(|out| out.extend_from_slice(&payload)).await?;
                }
                return Ok(agent);
            }
            Step::Check(secret) => match claim.check(secret).await {
                Some(agent) => return Ok(agent),
                None => return Err(wrong),
            },
            Step::Wrong => return Err(wrong),
            Step::Refuse(unfit) => {
                return Err(Stop::refuse(OwnError::new(1045, "28000", format!("Access denied: {unfit}"))));
            }
        };
    }
}

/// A wrong secret and a name that does not exist read the same.
pub(crate) fn wrong(user: &str, peer: SocketAddr, with_password: bool) -> OwnError {
    OwnError::access_denied(&shown(user), &peer.ip().to_string(), with_password)
}

/// A name, and what is stored about whoever has it.
pub(crate) struct Claim {
    pub(crate) agent: Option<Agent>,
    pub(crate) verifiers: Verifiers,
}

impl Claim {
    /// Looks the name up. A name that does not exist gets verifiers that nothing fits.
    pub(crate) fn new(user: &str, shared: &Shared) -> Self {
        let agent = shared.agents.agent(user);
        let verifiers = agent.as_ref().map_or_else(|| Verifiers::fake(user, &shared.probe_key), Verifiers::of);
        Self { agent, verifiers }
    }

    /// The agent, if this is its secret. Where no hash of it is stored the SCRAM verifier decides, off the I/O threads.
    pub(crate) async fn check(&mut self, secret: Secret) -> Option<Agent> {
        let stored = self.agent.as_ref().map(|agent| agent.secret_sha256.clone()).unwrap_or_default();
        let scram = self.agent.as_ref().filter(|_| stored.is_empty()).map(|agent| agent.scram_verifier.clone());
        let fits = match scram {
            None => matches_sha256(&stored, secret.expose()),
            Some(text) => {
                let fits = move || Verifier::parse(&text).is_some_and(|verifier| verifier.fits(secret.expose()));
                tokio::task::spawn_blocking(fits).await.unwrap_or(false)
            }
        };
        self.agent.take().filter(|_| fits)
    }
}
