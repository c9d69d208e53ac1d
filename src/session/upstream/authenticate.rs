//! Proving ourselves to the real database with its own credential, by the method it asks for.

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;

use crate::pg::messages::authentication::{Authentication, SaslInitial, put_password, put_sasl_response};
use crate::pg::scram::client::{Binding, Challenge, Client, Keys};
use crate::pg::scram::{SCRAM, SCRAM_PLUS, ScramError};
use crate::session::shared::{Database, DerivedKeys};
use crate::session::stream::UpstreamStream;
use crate::session::stream::channel::Channel;
use crate::session::upstream::dial::Reached;
use crate::session::upstream::{UpstreamError, message};

/// Answers what the server asks, once, up to AuthenticationOk. Not cancel safe: the connection is of no use afterwards.
///
/// # Errors
/// Methods that are not supported, that want the password in the clear where others can read it, or a server that does not
/// prove itself.
pub async fn authenticate(reached: &mut Reached, database: &Database) -> Result<(), UpstreamError> {
    let frame = request(&mut reached.channel).await?;
    let mut out = BytesMut::new();
    match Authentication::decode(&frame)? {
        Authentication::Ok => return Ok(()),
        Authentication::Cleartext if !reached.private => return Err(UpstreamError::Cleartext),
        Authentication::Cleartext => put_password(&mut out, password(database)?),
        Authentication::Md5(salt) => {
            let user = database.upstream.user.as_bytes();
            put_password(&mut out, &md5_hash(user, password(database)?.as_bytes(), salt));
        }
        Authentication::Sasl(offered) => {
            let binding = choose(&offered, reached.end_point.take())?;
            return scram(&mut reached.channel, database, binding).await;
        }
        Authentication::SaslContinue(_) | Authentication::SaslFinal(_) => {
            return Err(UpstreamError::Scram(ScramError::Malformed("message before the exchange began")));
        }
        Authentication::Other(code) => return Err(UpstreamError::Method(code.to_string())),
    }
    reached.channel.send(&out).await?;
    done(&mut reached.channel).await
}

fn password(database: &Database) -> Result<&str, UpstreamError> {
    database.upstream.password.as_ref().map(|secret| secret.expose()).ok_or(UpstreamError::NoPassword)
}

/// The body of the next message, which must be `R`.
async fn request(channel: &mut Channel<UpstreamStream>) -> Result<BytesMut, UpstreamError> {
    let frame = message(channel).await?;
    if frame.kind == b'R' { Ok(frame.body) } else { Err(UpstreamError::unexpected("Authentication", frame.kind)) }
}

async fn done(channel: &mut Channel<UpstreamStream>) -> Result<(), UpstreamError> {
    match Authentication::decode(&request(channel).await?)? {
        Authentication::Ok => Ok(()),
        other => Err(UpstreamError::Method(format!("{other:?} in place of AuthenticationOk"))),
    }
}

/// The best mechanism that both sides can do.
fn choose(offered: &[&str], end_point: Option<Vec<u8>>) -> Result<Binding, UpstreamError> {
    let (plus, plain) = (offered.contains(&SCRAM_PLUS), offered.contains(&SCRAM));
    match end_point {
        Some(hash) if plus => Ok(Binding::EndPoint(hash)),
        Some(_) if plain => Ok(Binding::NotOffered),
        None if plain => Ok(Binding::Unable),
        _ => Err(UpstreamError::Method(offered.join(", "))),
    }
}

async fn scram(
    channel: &mut Channel<UpstreamStream>,
    database: &Database,
    binding: Binding,
) -> Result<(), UpstreamError> {
    password(database)?;
    let client = Client::new(binding, &rand::random::<[u8; 18]>());
    let mut out = BytesMut::new();
    SaslInitial { mechanism: client.mechanism(), data: client.first_message().as_bytes() }.encode(&mut out);
    channel.send(&out).await?;

    let frame = request(channel).await?;
    let Authentication::SaslContinue(first) = Authentication::decode(&frame)? else {
        return Err(UpstreamError::Scram(ScramError::Malformed("no server-first-message")));
    };
    let challenge = client.challenge(first)?;
    let keys = keys(database, &challenge).await?;
    let (proof, answered) = challenge.answer(&keys);
    out.clear();
    put_sasl_response(&mut out, proof.as_bytes());
    channel.send(&out).await?;

    let frame = request(channel).await?;
    // An AuthenticationOk here would come from a server that never proved that it knows the password.
    let Authentication::SaslFinal(last) = Authentication::decode(&frame)? else {
        return Err(UpstreamError::Scram(ScramError::Malformed("no server-final-message")));
    };
    answered.verify(last)?;
    done(channel).await
}

/// Keys for this salt and these rounds, derived off the I/O threads the first time and kept.
async fn keys(database: &Database, challenge: &Challenge) -> Result<Keys, UpstreamError> {
    let (salt, iterations) = (challenge.salt.clone(), challenge.iterations);
    let kept = database.keys.lock().clone().filter(|kept| kept.salt == salt && kept.iterations == iterations);
    if let Some(kept) = kept {
        return Ok(kept.keys);
    }
    let secret = database.upstream.password.clone().ok_or(UpstreamError::NoPassword)?;
    let derive = move || {
        let keys = Keys::derive(secret.expose(), &salt, iterations);
        DerivedKeys { salt, iterations, keys }
    };
    let derived = tokio::task::spawn_blocking(derive).await.map_err(std::io::Error::other)?;
    *database.keys.lock() = Some(derived.clone());
    Ok(derived.keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_mechanism_of_both_sides_is_chosen() {
        let hash = || Some(vec![7; 32]);
        for (offered, end_point, wanted) in [
            (&[SCRAM_PLUS, SCRAM][..], hash(), Some(Binding::EndPoint(vec![7; 32]))),
            (&[SCRAM_PLUS, SCRAM], None, Some(Binding::Unable)),
            (&[SCRAM], hash(), Some(Binding::NotOffered)),
            (&[SCRAM_PLUS], None, None),
            (&["OAUTHBEARER"], hash(), None),
            (&[], None, None),
        ] {
            assert_eq!(choose(offered, end_point).ok(), wanted, "{offered:?}");
        }
    }
}
