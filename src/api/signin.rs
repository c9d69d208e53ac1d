//! Signing in at the page: sessions behind a cookie, forms that only our own page can send, passwords and the links by
//! which they are set. Who may do what then is `config/sign_in`; what is decided goes through the same desk as `/v1`.

pub mod account;
pub mod cookie;
pub mod form;
pub mod limits;
pub mod link;
pub mod oidc;
pub mod password;
pub mod people;
pub mod step_up;
pub mod visitor;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::Semaphore;

use crate::api::signin::limits::Limits;
use crate::api::signin::oidc::provider::Provider;
use crate::config::sign_in::SignInConfig;

/// Passwords hashed at the same time: each takes 19 MiB and a core for a moment.
const HASHING_MAX: usize = 2;
/// How long a sign-in waits for its turn to be hashed.
const HASHING_WAIT: Duration = Duration::from_secs(5);
/// How long a link for setting a password works.
pub const LINK_SPAN: Duration = Duration::from_secs(24 * 3600);

/// What signing in rests on.
pub struct SignIn {
    settings: ArcSwap<SignInConfig>,
    /// Tries that failed.
    pub limits: Limits,
    oidc: ArcSwapOption<Provider>,
    hashing: Semaphore,
}

impl SignIn {
    /// With these settings and this provider.
    pub fn new(settings: SignInConfig, oidc: Option<Provider>) -> Self {
        Self {
            settings: ArcSwap::from_pointee(settings),
            limits: Limits::default(),
            oidc: ArcSwapOption::from_pointee(oidc),
            hashing: Semaphore::new(HASHING_MAX),
        }
    }

    /// Times and scopes.
    pub fn settings(&self) -> Arc<SignInConfig> {
        self.settings.load_full()
    }

    /// The identity provider, if there is one.
    pub fn oidc(&self) -> Option<Arc<Provider>> {
        self.oidc.load_full()
    }

    /// The configuration was read again. Tries that failed stay counted, and whoever is on the way to the provider is taken
    /// by the new settings on the way back.
    pub fn replace(&self, settings: SignInConfig, oidc: Option<Provider>) {
        self.settings.store(Arc::new(settings));
        self.oidc.store(oidc.map(Arc::new));
    }
}
