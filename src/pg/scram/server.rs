//! The server's end: checks a client's proof against a stored verifier. The arithmetic is `pgwire`'s.

use pgwire::api::auth::sasl::scram::{ScramServerAuth, ScramServerAuthWaitingForClientFinal};
use pgwire::error::PgWireError;

use crate::pg::messages::authentication::SaslInitial;
use crate::pg::scram::verifier::Verifier;
use crate::pg::scram::{SCRAM, SCRAM_PLUS, ScramError};

/// What channel binding binds to: the certificate this server shows.
#[derive(Clone, Debug)]
pub struct Binding(ScramServerAuth);

impl Binding {
    /// From a PEM chain, leaf first. `None` if its signature algorithm has no hash to bind by (RFC 5929 section 4.1).
    pub fn of_certificate(pem: &[u8]) -> Option<Self> {
        let mut auth = ScramServerAuth::new();
        auth.configure_certificate(pem).ok()?;
        Some(Self(auth))
    }
}

/// An exchange that has not begun.
#[derive(Debug)]
pub struct Server {
    binding: Option<Binding>,
}

impl Server {
    /// `binding` only for connections over TLS.
    pub fn new(binding: Option<Binding>) -> Self {
        Self { binding }
    }

    /// What to offer, best first.
    pub fn mechanisms(&self) -> Vec<&'static str> {
        if self.binding.is_some() { vec![SCRAM_PLUS, SCRAM] } else { vec![SCRAM] }
    }

    /// Takes the client's first message; gives the answer and what waits for the second.
    ///
    /// # Errors
    /// Mechanisms that were not offered, a binding that does not fit the mechanism, malformed messages.
    pub fn first(self, initial: &SaslInitial<'_>, verifier: Verifier) -> Result<(String, Challenged), ScramError> {
        let bound = initial.data.starts_with(b"p=");
        match (initial.mechanism, self.binding.is_some()) {
            (SCRAM_PLUS, true) if bound => {}
            (SCRAM, _) if !bound => {}
            (SCRAM_PLUS, true) | (SCRAM, _) => return Err(ScramError::Binding),
            _ => return Err(ScramError::Mechanism),
        }
        let downgraded = initial.data.starts_with(b"y") && self.binding.is_some();
        if downgraded || (bound && !initial.data.starts_with(b"p=tls-server-end-point,")) {
            return Err(ScramError::Binding);
        }
        let auth = self.binding.map_or_else(ScramServerAuth::new, |binding| binding.0);
        let (answer, waiting) = auth
            .on_client_first_message_with_secret(initial.data, verifier.into_secret())
            .map_err(|_| ScramError::Malformed("client-first-message"))?;
        Ok((answer, Challenged(waiting)))
    }
}

/// An exchange that waits for the client's proof.
#[derive(Debug)]
pub struct Challenged(ScramServerAuthWaitingForClientFinal);

impl Challenged {
    /// Takes the client's proof; gives the server's own.
    ///
    /// # Errors
    /// [`ScramError::Proof`] if it is wrong; other errors if it is malformed.
    pub fn last(self, proof: &[u8]) -> Result<String, ScramError> {
        self.0.on_client_final_message(proof).map_err(|error| match error {
            PgWireError::InvalidPassword(_) => ScramError::Proof,
            _ => ScramError::Malformed("client-final-message"),
        })
    }
}
