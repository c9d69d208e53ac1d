//! Sending to addresses that operators configure: no redirects, no proxies of the environment, no private addresses
//! unless they are allowed, bounded answers, and never a URL in an error: URLs may be secrets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{RequestBuilder, Url};

/// The most that is read of an answer, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// How a receiver is reached.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    /// Private, loopback and link-local addresses, and plain HTTP, are allowed.
    pub allow_private: bool,
    /// PEM file with a CA to trust beside the system's.
    pub ca: Option<&'a Path>,
    /// For one request and its answer.
    pub timeout: Duration,
}

/// A client for one receiver.
///
/// # Errors
/// The CA file cannot be read.
pub fn client(reach: &Reach<'_>) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("holdpoint/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(reach.timeout)
        .connect_timeout(Duration::from_secs(5));
    if !reach.allow_private {
        builder = builder.dns_resolver(Guard).https_only(true);
    }
    if let Some(file) = reach.ca {
        let pem = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let bundle =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| format!("{}: {error}", file.display()))?;
        builder = builder.tls_certs_merge(bundle);
    }
    builder.build().map_err(|error| error.to_string())
}

/// May this URL be sent to? Names are looked at again when they are resolved.
///
/// # Errors
/// Why not, without the URL.
pub fn check(url: &Url, allow_private: bool) -> Result<(), String> {
    let host = url.host_str().ok_or("the URL has no host")?;
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    match (url.scheme(), allow_private) {
        ("https", _) | ("http", true) => {}
        ("http", false) => return Err("plain HTTP needs `allow_private: true`".to_owned()),
        _ => return Err("the URL is neither http nor https".to_owned()),
    }
    match literal {
        Some(ip) if !allow_private && !is_public(ip) => Err(format!("{ip} is not a public address")),
        _ => Ok(()),
    }
}

/// Resolves names, and refuses those that lead inside: a name may change its address after it was configured.
struct Guard;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if let Some(inside) = found.iter().find(|address| !is_public(address.ip())) {
                return Err(format!("the name leads to {}, which is not a public address", inside.ip()).into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// Is it an address of the open internet?
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let inside = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        // Carrier-grade NAT (RFC 6598), protocol assignments, relays, benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (18..20).contains(&b));
    !inside
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // IPv4 written as IPv6, through NAT64 (RFC 6052), and in 6to4 (RFC 3056).
        (0, 0) if (c, d, e, f) == (0, 0, 0, 0xffff) => embedded(g, h),
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => embedded(g, h),
        (0x2002, _) => embedded(b, c),
        // Teredo, documentation, and everything that is not global unicast.
        (0x2001, 0 | 0xdb8) => false,
        _ => (0x2000..0x4000).contains(&a),
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After` in seconds, if given so.
    pub retry_after: Option<Duration>,
    /// The body, cut at 256 KiB.
    pub body: Vec<u8>,
}

impl Answer {
    /// 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Sends a request and reads the answer.
///
/// # Errors
/// What went wrong, without the URL.
pub async fn send(request: RequestBuilder) -> Result<Answer, String> {
    let mut response = request.send().await.map_err(words)?;
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(words)? {
        body.extend_from_slice(&chunk);
        if body.len() >= ANSWER_BYTES_MAX {
            body.truncate(ANSWER_BYTES_MAX);
            break;
        }
    }
    Ok(Answer { status: response.status().as_u16(), retry_after: retry_after.map(Duration::from_secs), body })
}

/// The innermost cause, which names neither path nor query.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_told_from_those_outside() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::7f00:1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn urls_that_lead_inside_are_refused_unless_allowed() {
        let check = |text: &str, allow| check(&Url::parse(text).unwrap(), allow);
        assert_eq!(check("https://hooks.example.com/x", false), Ok(()));
        for inside in [
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://169.254.169.254/",
            "https://0x7f.1/",
            "https://2130706433/",
        ] {
            assert!(check(inside, false).is_err_and(|why| why.contains("not a public")), "{inside}");
            assert_eq!(check(inside, true), Ok(()));
        }
        assert!(check("http://hooks.example.com/", false).is_err());
        assert_eq!(check("http://localhost:1/", true), Ok(()));
        for odd in ["ftp://x/", "file:///etc/passwd"] {
            assert!(check(odd, true).is_err(), "{odd}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_when_it_is_resolved() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let reach = Reach { allow_private: false, ca: None, timeout: Duration::from_secs(5) };
        let refused = send(client(&reach).unwrap().post("https://localhost:1/secret-path")).await.unwrap_err();
        assert!(refused.contains("not a public address") && !refused.contains("secret-path"), "{refused}");
    }
}
