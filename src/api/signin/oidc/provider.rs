//! The provider as discovered, its keys, and the checks of its tokens: signature by a key of its own, issuer, audience,
//! times with 60 s of skew, nonce. Keys are read again once an hour, and when an unknown one turns up, once a minute.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreJwsSigningAlgorithm};
use openidconnect::{
    AuthenticationContextClass, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    IdTokenVerifier, IssuerUrl, Nonce, NormalizedJsonWebTokenType, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadataWithLogout, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse as _,
};
use tokio::sync::Mutex;

use crate::api::signin::oidc::OidcError;
use crate::api::signin::oidc::http::Http;
use crate::clock::{Clock, Timestamp};
use crate::config::oidc::OidcConfig;
use crate::identity::oidc::{Claims, text};
use crate::identity::session::derived;

/// How far two clocks may be apart.
const SKEW: Duration = Duration::from_secs(60);
/// Metadata and keys are good for this long.
const KEEP: Duration = Duration::from_secs(3600);
/// Not asked for more often than this, however many tokens with unknown keys come.
const AGAIN: Duration = Duration::from_secs(60);
/// Signatures by a key pair; never `none`, never a shared secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// One sign-in under way: everything it needs follows from a secret in the browser's cookie.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The secret.
    pub secret: String,
    /// Where the provider sends the browser back to.
    pub redirect: String,
    /// The person has to prove who they are anew, whatever the provider remembers.
    pub fresh: bool,
}

impl Attempt {
    /// What the provider gives back unchanged.
    pub fn state(&self) -> String {
        derived(&self.secret, "oidc state")
    }

    fn nonce(&self) -> Nonce {
        Nonce::new(derived(&self.secret, "oidc nonce"))
    }

    /// 43 characters of base64: a code verifier as RFC 7636 §4.1 wants it.
    fn verifier(&self) -> PkceCodeVerifier {
        PkceCodeVerifier::new(derived(&self.secret, "oidc code"))
    }
}

/// What a token is checked for.
enum Expected<'a> {
    /// An ID token of this attempt.
    Id(&'a Nonce),
    /// An access token for the API.
    Access(&'a str),
}

struct Known {
    metadata: Arc<ProviderMetadataWithLogout>,
    at: Timestamp,
}

/// The provider.
pub struct Provider {
    /// Its settings.
    pub config: OidcConfig,
    http: Http,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<Known>>,
}

impl Provider {
    /// Nothing is asked yet: a provider that is down at the start is no reason not to start.
    ///
    /// # Errors
    /// The CA cannot be read.
    pub fn new(config: OidcConfig, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let http = Http::new(&config)?;
        Ok(Self { config, http, clock, known: Mutex::new(None) })
    }

    /// Metadata and keys, at most `keep` old.
    ///
    /// # Errors
    /// [`OidcError::Unreachable`]. Old keys are not used then.
    async fn metadata(&self, keep: Duration) -> Result<Arc<ProviderMetadataWithLogout>, OidcError> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        if let Some(known) = known.as_ref().filter(|known| now.since(known.at) < keep) {
            return Ok(known.metadata.clone());
        }
        let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(unreachable)?;
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &self.http).await;
        let metadata = Arc::new(metadata.map_err(|error| unreachable(chain(&error)))?);
        *known = Some(Known { metadata: metadata.clone(), at: now });
        Ok(metadata)
    }

    /// Number of keys that the provider signs with, after asking for them.
    ///
    /// # Errors
    /// [`OidcError::Unreachable`].
    pub async fn keys(&self) -> Result<usize, OidcError> {
        Ok(self.metadata(KEEP).await?.jwks().keys().len())
    }

    /// Where the browser has to go.
    ///
    /// # Errors
    /// [`OidcError::Unreachable`].
    pub async fn authorize_url(&self, attempt: &Attempt) -> Result<String, OidcError> {
        let metadata = self.metadata(KEEP).await?;
        let client =
            CoreClient::from_provider_metadata((*metadata).clone(), ClientId::new(self.config.client_id.clone()), None)
                .set_redirect_uri(RedirectUrl::new(attempt.redirect.clone()).map_err(unreachable)?);
        let (state, nonce) = (CsrfToken::new(attempt.state()), attempt.nonce());
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scopes(self.config.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&attempt.verifier()));
        for class in &self.config.acr_values {
            request = request.add_auth_context_value(AuthenticationContextClass::new(class.clone()));
        }
        if attempt.fresh {
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
        } else if let Some(max_age) = self.config.max_age {
            request = request.set_max_age(max_age);
        }
        Ok(request.url().0.to_string())
    }

    /// Takes the code that the browser brought back, and gives the claims of the ID token once everything about it is checked.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn redeem(&self, code: String, attempt: &Attempt) -> Result<Claims, OidcError> {
        let metadata = self.metadata(KEEP).await?;
        let secret = self.config.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let id = ClientId::new(self.config.client_id.clone());
        let client = CoreClient::from_provider_metadata((*metadata).clone(), id, secret)
            .set_redirect_uri(RedirectUrl::new(attempt.redirect.clone()).map_err(unreachable)?);
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(unreachable)?;
        let answer = exchange.set_pkce_verifier(attempt.verifier()).request_async(&self.http).await;
        let answer = answer.map_err(|error| match &error {
            RequestTokenError::Request(_) => unreachable(chain(&error)),
            RequestTokenError::ServerResponse(_) => {
                refused("the identity provider did not accept the code; begin again")
            }
            _ => refused(&format!("the identity provider's answer cannot be read: {}", chain(&error))),
        })?;
        let token = answer.id_token().ok_or_else(|| refused("the identity provider sent no ID token"))?;
        let claims = self.verified(&token.to_string(), &Expected::Id(&attempt.nonce())).await?;
        self.check_login(&claims, attempt.fresh)?;
        Ok(claims)
    }

    /// Checks an access token for the API (RFC 9068).
    ///
    /// # Errors
    /// [`OidcError`]; also if no audience is configured.
    pub async fn access(&self, jwt: &str) -> Result<Claims, OidcError> {
        let audience = self.config.audience.as_deref();
        let audience = audience.ok_or_else(|| refused("the configuration names no audience for access tokens"))?;
        self.verified(jwt, &Expected::Access(audience)).await
    }

    /// Where the provider ends its own session, if it says so.
    pub async fn sign_out_url(&self) -> Option<String> {
        let metadata = self.metadata(KEEP).await.ok()?;
        let end = metadata.additional_metadata().end_session_endpoint.as_ref()?;
        let mut url = end.url().clone();
        url.query_pairs_mut().append_pair("client_id", &self.config.client_id);
        Some(url.to_string())
    }

    async fn verified(&self, jwt: &str, expected: &Expected<'_>) -> Result<Claims, OidcError> {
        let metadata = self.metadata(KEEP).await?;
        let checked = self.check(jwt, expected, &metadata);
        let unknown_key = matches!(
            checked,
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey))
        );
        let checked = if unknown_key {
            // A key that was made since: the provider may have rotated.
            let metadata = self.metadata(AGAIN).await?;
            self.check(jwt, expected, &metadata)
        } else {
            checked
        };
        let claims = checked.map_err(|error| refused(&format!("its token is not good: {}", chain(&error))))?;
        self.check_more(&claims, expected)?;
        Ok(claims)
    }

    fn check(
        &self,
        jwt: &str,
        expected: &Expected<'_>,
        metadata: &ProviderMetadataWithLogout,
    ) -> Result<Claims, ClaimsVerificationError> {
        let odd = |error: &dyn std::fmt::Display| ClaimsVerificationError::Other(format!("it cannot be read: {error}"));
        let token = CoreIdToken::from_str(jwt).map_err(|error| odd(&error))?;
        let audience = match expected {
            Expected::Id(_) => &self.config.client_id,
            Expected::Access(audience) => *audience,
        };
        let millis = u64::try_from(self.clock.now().as_millis()).unwrap_or(0);
        let now = UNIX_EPOCH + Duration::from_millis(millis);
        let latest = i64::try_from((millis + u64::try_from(SKEW.as_millis()).unwrap_or(0)) / 1000).unwrap_or(i64::MAX);
        let mut verifier = IdTokenVerifier::new_public_client(
            ClientId::new(audience.to_owned()),
            metadata.issuer().clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || (now - SKEW).into())
        .set_issue_time_verifier_fn(move |at| {
            if at.timestamp() <= latest { Ok(()) } else { Err("it was issued in the future".to_owned()) }
        });
        match expected {
            Expected::Id(nonce) => {
                let nonce: &Nonce = nonce;
                token.claims(&verifier, nonce)?;
            }
            Expected::Access(_) => {
                let kinds = ["at+jwt", "application/at+jwt", "jwt"].map(kind).into_iter().flatten();
                verifier = verifier.set_allowed_jose_types(kinds).set_other_audience_verifier_fn(|_| true);
                token.claims(&verifier, |_: Option<&Nonce>| Ok(()))?;
            }
        }
        payload(jwt).ok_or_else(|| odd(&"its payload is no object"))
    }

    /// What the library leaves to its callers.
    fn check_more(&self, claims: &Claims, expected: &Expected<'_>) -> Result<(), OidcError> {
        let now = self.clock.now();
        let number = |name: &str| claims.get(name).and_then(serde_json::Value::as_i64);
        if let Some(begins) = number("nbf")
            && now.after(SKEW) < Timestamp::from_millis(begins.saturating_mul(1000))
        {
            return Err(refused("its token is not good yet"));
        }
        let party = text(claims, "azp");
        if matches!(expected, Expected::Id(_)) && party.is_some_and(|party| party != self.config.client_id) {
            return Err(refused("its token was made for another client"));
        }
        Ok(())
    }

    /// Was the person asked as we wanted?
    fn check_login(&self, claims: &Claims, fresh: bool) -> Result<(), OidcError> {
        let classes = &self.config.acr_values;
        if !classes.is_empty() && !text(claims, "acr").is_some_and(|class| classes.iter().any(|one| one == class)) {
            return Err(refused("the identity provider did not ask for the authentication that is demanded"));
        }
        let most = if fresh { Some(Duration::from_secs(300)) } else { self.config.max_age };
        let Some(most) = most else { return Ok(()) };
        let at = claims.get("auth_time").and_then(serde_json::Value::as_i64);
        let at = at.ok_or_else(|| refused("the identity provider does not say when you proved who you are"))?;
        let age = self.clock.now().since(Timestamp::from_millis(at.saturating_mul(1000)));
        if age > most + SKEW {
            return Err(refused("it is too long ago that you proved who you are to the identity provider"));
        }
        Ok(())
    }
}

fn kind(name: &str) -> Option<NormalizedJsonWebTokenType> {
    openidconnect::JsonWebTokenType::new(name.to_owned()).normalize().ok()
}

/// The claims of a token whose signature has been checked.
fn payload(jwt: &str) -> Option<Claims> {
    let bytes = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn refused(why: &str) -> OidcError {
    OidcError::Refused(why.to_owned())
}

fn unreachable(error: impl std::fmt::Display) -> OidcError {
    OidcError::Unreachable(error.to_string())
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text.push_str(&format!(": {deeper}"));
        cause = deeper.source();
    }
    text
}
