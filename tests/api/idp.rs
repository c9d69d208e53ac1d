//! An identity provider for tests: discovery, keys, authorization codes with PKCE, ID tokens as good or as bad as a test wants.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use holdpoint::config::oidc::OidcConfig;
use holdpoint::identity::ids::PersonName;
use holdpoint::identity::oidc::{GroupRule, Identity};
use holdpoint::identity::secret::Secret;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

pub const CLIENT: &str = "holdpoint";
pub const AUDIENCE: &str = "holdpoint-api";

/// How a token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    #[default]
    Good,
    /// By a key that is not among the published ones, under the published id.
    OtherKey,
    /// Under an id that is not published.
    OtherId,
    /// Not at all.
    None,
    /// With the client's secret.
    Shared,
}

#[derive(Default)]
struct Inner {
    url: String,
    key: Option<SigningKey>,
    kid: String,
    /// What the next tokens say beyond or instead of the usual; null takes a claim away.
    claims: Map<String, Value>,
    signing: Signing,
    /// Challenge and nonce by code.
    codes: BTreeMap<String, (String, String)>,
    key_reads: usize,
}

#[derive(Clone)]
pub struct Idp {
    inner: Arc<Mutex<Inner>>,
}

impl Idp {
    pub async fn start() -> Self {
        let idp = Self { inner: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        idp.inner.lock().url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        idp.rotate();
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(idp.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        idp
    }

    pub fn config(&self) -> OidcConfig {
        let identity = |person: &str, subject: Option<&str>, email: Option<&str>| Identity {
            person: PersonName(person.into()),
            subject: subject.map(str::to_owned),
            email: email.map(str::to_owned),
        };
        OidcConfig {
            issuer: self.inner.lock().url.clone(),
            client_id: CLIENT.into(),
            client_secret: Some(Secret::new("shared secret")),
            name: "Example SSO".into(),
            scopes: vec!["email".into()],
            groups: GroupRule { claim: "groups".into(), map: None, strip_prefix: None },
            identities: vec![
                identity("dana", Some("s-dana"), None),
                identity("erik", None, Some("erik@example.com")),
                identity("rita", Some("s-rita"), None),
                identity("gone", Some("s-gone"), None),
            ],
            audience: Some(AUDIENCE.into()),
            max_age: None,
            acr_values: Vec::new(),
            ca: None,
        }
    }

    /// What the next tokens say.
    pub fn says(&self, claims: Value) {
        self.inner.lock().claims = claims.as_object().unwrap().clone();
    }

    pub fn signs(&self, signing: Signing) {
        self.inner.lock().signing = signing;
    }

    /// A new key under a new id; the old one is forgotten.
    pub fn rotate(&self) {
        let seed: [u8; 32] = rand::random();
        let mut inner = self.inner.lock();
        inner.kid = format!("key-{}", hex::encode(&seed[..4]));
        inner.key = Some(SigningKey::from_bytes(&seed));
    }

    pub fn key_reads(&self) -> usize {
        self.inner.lock().key_reads
    }

    /// The person proves who they are: a code for what the authorization request asked.
    pub fn code(&self, asked: &BTreeMap<String, String>) -> String {
        let code = hex::encode(rand::random::<[u8; 8]>());
        let known = (asked["code_challenge"].clone(), asked["nonce"].clone());
        self.inner.lock().codes.insert(code.clone(), known);
        code
    }

    /// A token with the usual claims and those of [`Idp::says`] on top.
    pub fn token(&self, mut claims: Map<String, Value>, kind: &str) -> String {
        let inner = self.inner.lock();
        for (name, value) in &inner.claims {
            match value {
                Value::Null => claims.remove(name),
                value => claims.insert(name.clone(), value.clone()),
            };
        }
        let (algorithm, kid) = match inner.signing {
            Signing::None => ("none", inner.kid.clone()),
            Signing::Shared => ("HS256", inner.kid.clone()),
            Signing::OtherId => ("EdDSA", "another".to_owned()),
            Signing::Good | Signing::OtherKey => ("EdDSA", inner.kid.clone()),
        };
        let header = json!({"alg": algorithm, "kid": kid, "typ": kind}).to_string();
        let body = Value::Object(claims).to_string();
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(body));
        let signature = match inner.signing {
            Signing::None => Vec::new(),
            Signing::Shared => {
                use hmac::{KeyInit as _, Mac as _};
                let mut mac = hmac::Hmac::<Sha256>::new_from_slice(b"shared secret").unwrap();
                mac.update(input.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            Signing::OtherKey => SigningKey::from_bytes(&[9; 32]).sign(input.as_bytes()).to_vec(),
            Signing::Good | Signing::OtherId => inner.key.as_ref().unwrap().sign(input.as_bytes()).to_vec(),
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// An access token for the API, good for five minutes from `now`.
    pub fn access_token(&self, now: i64) -> String {
        let issuer = self.inner.lock().url.clone();
        let claims = json!({"iss": issuer, "aud": AUDIENCE, "sub": "s-dana", "iat": now, "exp": now + 300});
        self.token(claims.as_object().unwrap().clone(), "at+jwt")
    }
}

async fn discovery(State(idp): State<Idp>) -> Json<Value> {
    let url = idp.inner.lock().url.clone();
    Json(json!({
        "issuer": url, "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"), "end_session_endpoint": format!("{url}/end"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"]
    }))
}

async fn keys(State(idp): State<Idp>) -> Json<Value> {
    let mut inner = idp.inner.lock();
    inner.key_reads += 1;
    let public = URL_SAFE_NO_PAD.encode(inner.key.as_ref().unwrap().verifying_key().as_bytes());
    Json(
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": inner.kid, "x": public}]}),
    )
}

async fn token(
    State(idp): State<Idp>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let wrong = || (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"})));
    let (challenge, nonce) = idp.inner.lock().codes.remove(&form["code"]).ok_or_else(wrong)?;
    if URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"])) != challenge {
        return Err(wrong());
    }
    let issuer = idp.inner.lock().url.clone();
    let now = crate::oidc::NOW;
    let claims = json!({"iss": issuer, "aud": CLIENT, "sub": "s-dana", "nonce": nonce, "iat": now, "exp": now + 300});
    let id = idp.token(claims.as_object().unwrap().clone(), "JWT");
    Ok(Json(json!({"access_token": "opaque", "token_type": "Bearer", "id_token": id})))
}
