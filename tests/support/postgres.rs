//! A real PostgreSQL for tests: own data directory, own port, TLS with a throw-away CA, roles for every way to log in.
//!
//! It runs under a small watchdog that reads from a pipe of the test process: however that process ends, the pipe closes,
//! the server stops and its directory goes.

#[path = "throwaway.rs"]
mod throwaway;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

pub use self::throwaway::free_port;
use self::throwaway::{Certificates, command, end, give_away, watch};

/// The superuser's name.
pub const SUPERUSER: &str = "postgres";

/// Name and password of the roles that the server knows, beside the superuser: one for each way to log in.
pub const ROLES: [(&str, &str); 5] = [
    ("hp_scram", "scram-secret"),
    ("hp_md5", "md5-secret"),
    ("hp_clear", "clear-secret"),
    ("hp_cert", "unused-secret"),
    ("hp_trust", "unused-secret"),
];

const HBA: &str = "\
local   all all                      scram-sha-256
hostssl all hp_cert  127.0.0.0/8     cert
hostssl all hp_clear 127.0.0.0/8     password
host    all hp_clear 127.0.0.0/8     password
host    all hp_md5   127.0.0.0/8     md5
host    all hp_trust 127.0.0.0/8     trust
host    all all      127.0.0.0/8     scram-sha-256
";

/// A running server.
pub struct Postgres {
    /// TCP port, on 127.0.0.1 and 127.0.0.2.
    pub port: u16,
    /// Its directory; the Unix socket is in here.
    pub dir: PathBuf,
    /// The superuser's password.
    pub password: String,
    /// The CA that signed the server's certificate, PEM.
    pub ca: PathBuf,
    /// A CA that signed nothing, PEM.
    pub other_ca: PathBuf,
    /// A certificate for 127.0.0.1 and localhost, signed by the CA, PEM. The server shows it; a proxy may, too.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// A client certificate for `hp_cert`.
    pub client_certificate: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
    watchdog: Mutex<Option<Child>>,
}

impl Postgres {
    /// The server of this test program, started at first use.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    /// Starts a server and waits until it answers.
    pub fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("holdpoint-pg-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let made = Certificates::make(&dir, "hp_cert");
        let mut server = Self {
            port: free_port(),
            password: format!("superuser-{}", std::process::id()),
            ca: made.ca,
            other_ca: made.other_ca,
            certificate: made.certificate,
            key: made.key,
            client_certificate: made.client_certificate,
            client_key: made.client_key,
            dir,
            watchdog: Mutex::new(None),
        };
        server.init();
        server.launch();
        server.create_roles();
        server
    }

    /// Runs SQL as superuser and returns psql's unaligned output. Panics if it fails.
    pub fn sql(&self, database: &str, text: &str) -> String {
        let output = Command::new(program("psql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h"])
            .arg(&self.dir)
            .args(["-p", &self.port.to_string(), "-U", SUPERUSER, "-d", database, "-c", text])
            .env("PGPASSWORD", &self.password)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql failed: {error}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Stops the server and removes its directory. Happens by itself when the test program ends.
    pub fn stop(&self) {
        if let Some(watchdog) = self.watchdog.lock().unwrap().take() {
            end(watchdog);
        }
    }

    fn init(&self) {
        fs::write(self.dir.join("password"), &self.password).unwrap();
        give_away(&self.dir);
        let output = command(&self.dir, &program("initdb"))
            .args(["-A", "scram-sha-256", "-N", "-E", "UTF8", "--locale=C.UTF-8", "-U", SUPERUSER])
            .args(["--pwfile", "password", "-D", "data"])
            .output()
            .unwrap();
        assert!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(self.dir.join("data/pg_hba.conf"), HBA).unwrap();
    }

    fn launch(&mut self) {
        let dir = self.dir.display();
        let settings = [
            format!("port={}", self.port),
            format!("unix_socket_directories={dir}"),
            "listen_addresses=127.0.0.1,127.0.0.2".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_ca_file={}", self.ca.display()),
            format!("ssl_cert_file={}", self.certificate.display()),
            format!("ssl_key_file={}", self.key.display()),
            "fsync=off".to_owned(),
            "wal_level=logical".to_owned(),
            "max_prepared_transactions=10".to_owned(),
            "max_connections=200".to_owned(),
        ];
        let mut arguments = vec!["-D".to_owned(), "data".to_owned()];
        arguments.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        *self.watchdog.lock().unwrap() = Some(watch(&self.dir, "QUIT", &program("postgres"), &arguments));
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.answers() {
            let log = || fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the server did not come up: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers(&self) -> bool {
        let mut probe = Command::new(program("pg_isready"));
        probe.args(["-q", "-h"]).arg(&self.dir).args(["-p", &self.port.to_string()]);
        probe.status().unwrap().success()
    }

    fn create_roles(&self) {
        for (role, password) in ROLES {
            let hash = if role == "hp_md5" { "md5" } else { "scram-sha-256" };
            let text = format!("SET password_encryption = '{hash}'; CREATE ROLE {role} LOGIN PASSWORD '{password}'");
            self.sql("postgres", &text);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A program of the newest PostgreSQL installed.
pub fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("Debian's `postgresql` package is installed");
    let mut found: Vec<_> = versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin").join(name)))
        })
        .filter(|(_, path)| path.exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL's programs are installed").1
}
