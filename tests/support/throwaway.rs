//! What throw-away servers share: certificates, a port, an account that is not root, and a watchdog.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// Stops the server and removes its directory once standard input closes: whenever the test program ends, however it ends.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
"$@" >"$DIR/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill "-$SIGNAL" $server 2>/dev/null
wait $server
rm -rf "$DIR"
"#;

/// Where the files of one throw-away CA lie, all PEM.
pub struct Certificates {
    /// The CA that signed the others.
    pub ca: PathBuf,
    /// A CA that signed nothing.
    pub other_ca: PathBuf,
    /// A server certificate for 127.0.0.1 and localhost.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// A client certificate.
    pub client_certificate: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
}

impl Certificates {
    /// Makes them in a directory; `client` is the common name of the client's.
    pub fn make(dir: &Path, client: &str) -> Self {
        let file = |name: &str| dir.join(name);
        let made = Self {
            ca: file("ca.pem"),
            other_ca: file("other-ca.pem"),
            certificate: file("server.pem"),
            key: file("server.key"),
            client_certificate: file("client.pem"),
            client_key: file("client.key"),
        };
        let (ca, ca_pem) = authority("test CA");
        fs::write(&made.ca, ca_pem).unwrap();
        fs::write(&made.other_ca, authority("other CA").1).unwrap();
        let mut server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        sign(server, "localhost", &ca, &made.certificate, &made.key);
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        sign(params, client, &ca, &made.client_certificate, &made.client_key);
        made
    }
}

/// A TCP port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// User and group of `postgres` if this process is root: servers refuse to run as root.
pub fn unprivileged() -> Option<(u32, u32)> {
    let id = |args: &[&str]| {
        let output = Command::new("id").args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().ok()
    };
    (id(&["-u"]) == Some(0)).then(|| (id(&["-u", "postgres"]).unwrap(), id(&["-g", "postgres"]).unwrap()))
}

/// Gives a directory and the files in it to the account that runs servers.
pub fn give_away(dir: &Path) {
    if let Some((uid, gid)) = unprivileged() {
        chown(dir, Some(uid), Some(gid)).unwrap();
        for entry in fs::read_dir(dir).unwrap() {
            chown(entry.unwrap().path(), Some(uid), Some(gid)).unwrap();
        }
    }
}

/// A command in a server's directory, as an account that may run servers.
pub fn command(dir: &Path, program: &Path) -> Command {
    let mut command = match unprivileged() {
        None => Command::new(program),
        Some((uid, gid)) => {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups", "--"]).arg(program);
            command
        }
    };
    command.current_dir(dir);
    command
}

/// Starts a server under a watchdog that ends it by this signal and removes `dir` once the child's standard input closes.
pub fn watch(dir: &Path, signal: &str, program: &Path, arguments: &[String]) -> Child {
    let mut command = command(dir, Path::new("sh"));
    command.args(["-c", WATCHDOG, "watchdog"]).arg(program).args(arguments);
    // Its own process group, so that Ctrl-C at the terminal reaches the test program first.
    command.env("DIR", dir).env("SIGNAL", signal).stdin(Stdio::piped()).process_group(0).spawn().unwrap()
}

/// Ends a watched server and waits until its directory is gone.
pub fn end(mut watchdog: Child) {
    drop(watchdog.stdin.take());
    watchdog.wait().unwrap();
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

fn sign(mut params: CertificateParams, name: &str, ca: &Issuer<'_, KeyPair>, certificate: &Path, key_file: &Path) {
    let key = KeyPair::generate().unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    fs::write(certificate, params.signed_by(&key, ca).unwrap().pem()).unwrap();
    fs::write(key_file, key.serialize_pem()).unwrap();
    fs::set_permissions(key_file, fs::Permissions::from_mode(0o600)).unwrap();
}
