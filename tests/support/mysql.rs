//! A real MariaDB or MySQL for tests: own data directory, own port, TLS with a throw-away CA, accounts for every way to log in.
//!
//! `scripts/setup servers` has unpacked both; a server starts on a copy of its initialised data directory. It ends, and its
//! directory goes, when the test program ends, however that ends.

#[path = "throwaway.rs"]
mod throwaway;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use mysql_async::{Conn, Opts, OptsBuilder};

use self::throwaway::{Certificates, command, end, free_port, give_away, watch};

/// The account that may do everything.
pub const ROOT: &str = "root";
/// The account a proxy logs in as: full rights in databases called `sample` or `shop_…`, none elsewhere.
pub const UPSTREAM: &str = "hp_upstream";
/// Its password.
pub const UPSTREAM_PASSWORD: &str = "upstream-secret";
/// An account with the same password that may only read and write.
pub const WEAK: &str = "hp_weak";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// MariaDB of the running suite.
    MariaDb,
    /// MySQL.
    MySql,
}

/// Name, password and definition of the accounts of one flavour, beside [`ROOT`] and [`UPSTREAM`]: one for each way to log in.
type Accounts = &'static [(&'static str, &'static str, &'static str)];

impl Flavour {
    /// Both.
    pub const ALL: [Self; 2] = [Self::MariaDb, Self::MySql];

    /// `mariadb` or `mysql`: also the name of its command line client.
    pub fn name(self) -> &'static str {
        match self {
            Self::MariaDb => "mariadb",
            Self::MySql => "mysql",
        }
    }

    /// The accounts that exist. `hp_tls` is refused without TLS, `hp_cert` without a client certificate; both and
    /// [`UPSTREAM`] use the server's default method.
    pub fn accounts(self) -> Accounts {
        match self {
            Self::MariaDb => &[
                ("hp_native", "native-secret", "IDENTIFIED VIA mysql_native_password USING PASSWORD('native-secret')"),
                ("hp_ed25519", "ed-secret", "IDENTIFIED VIA ed25519 USING PASSWORD('ed-secret')"),
                ("hp_empty", "", "IDENTIFIED BY ''"),
                ("hp_tls", "tls-secret", "IDENTIFIED BY 'tls-secret' REQUIRE SSL"),
                ("hp_cert", "cert-secret", "IDENTIFIED BY 'cert-secret' REQUIRE X509"),
            ],
            Self::MySql => &[
                ("hp_sha2", "sha2-secret", "IDENTIFIED WITH caching_sha2_password BY 'sha2-secret'"),
                ("hp_sha256", "sha256-secret", "IDENTIFIED WITH sha256_password BY 'sha256-secret'"),
                ("hp_empty", "", "IDENTIFIED BY ''"),
                ("hp_tls", "tls-secret", "IDENTIFIED BY 'tls-secret' REQUIRE SSL"),
                ("hp_cert", "cert-secret", "IDENTIFIED BY 'cert-secret' REQUIRE X509"),
            ],
        }
    }

    /// Where `scripts/setup servers` has unpacked it.
    fn folder(self) -> PathBuf {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = variable("HOLDPOINT_CACHE")
            .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("holdpoint")))
            .or_else(|| Some(variable("HOME")?.join(".cache/holdpoint")))
            .expect("a cache directory");
        let link = cache.join(format!("{}-root", self.name()));
        fs::canonicalize(&link).unwrap_or_else(|_| panic!("no {}: run scripts/setup servers", link.display()))
    }
}

/// A running server.
pub struct MySqlServer {
    /// Which.
    pub flavour: Flavour,
    /// TCP port on 127.0.0.1.
    pub port: u16,
    /// Its directory; the Unix socket `sock` and the log `log` are in here.
    pub dir: PathBuf,
    /// Root's password.
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
    root: PathBuf,
    watchdog: Mutex<Option<Child>>,
}

impl MySqlServer {
    /// The server of this flavour in this test program, started at first use.
    pub fn shared(flavour: Flavour) -> &'static Self {
        static MARIADB: OnceLock<MySqlServer> = OnceLock::new();
        static MYSQL: OnceLock<MySqlServer> = OnceLock::new();
        let server = match flavour {
            Flavour::MariaDb => &MARIADB,
            Flavour::MySql => &MYSQL,
        };
        server.get_or_init(|| Self::start(flavour))
    }

    /// Starts a server and waits until it answers.
    pub fn start(flavour: Flavour) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("holdpoint-{}-{}-{count}", flavour.name(), std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        let made = Certificates::make(&dir, "hp_cert");
        let server = Self {
            flavour,
            port: free_port(),
            password: format!("root-{}", std::process::id()),
            ca: made.ca,
            other_ca: made.other_ca,
            certificate: made.certificate,
            key: made.key,
            client_certificate: made.client_certificate,
            client_key: made.client_key,
            root: flavour.folder(),
            dir,
            watchdog: Mutex::new(None),
        };
        server.launch();
        server
    }

    /// Runs SQL as root with the server's own client and returns what it printed: fields between tabs, no header, NULL as
    /// `NULL`. `database` may be empty. Panics if it fails.
    pub fn sql(&self, database: &str, text: &str) -> String {
        let output = self.client(database, text);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} client failed: {error}", self.flavour.name());
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// What `mysql_async` needs to log in here without TLS.
    pub fn options(&self, user: &str, password: &str, database: Option<&str>) -> OptsBuilder {
        OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port)
            .user(Some(user))
            .pass(Some(password))
            .db_name(database)
            .prefer_socket(false)
    }

    /// A connection as root.
    pub async fn connect(&self, database: Option<&str>) -> Conn {
        Conn::new(Opts::from(self.options(ROOT, &self.password, database))).await.unwrap()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Stops the server and removes its directory. Happens by itself when the test program ends.
    pub fn stop(&self) {
        if let Some(watchdog) = self.watchdog.lock().unwrap().take() {
            end(watchdog);
        }
    }

    fn client(&self, database: &str, text: &str) -> std::process::Output {
        let mut client = Command::new(self.root.join("usr/bin").join(self.flavour.name()));
        client
            .args(["--no-defaults", "--batch", "--skip-column-names", "--raw", "--default-character-set=utf8mb4"])
            .arg(format!("--socket={}", self.dir.join("sock").display()))
            .args(["-u", ROOT, "-e", text, "--database", database])
            .env("MYSQL_PWD", &self.password);
        client.output().unwrap()
    }

    fn launch(&self) {
        fs::write(self.dir.join("first.sql"), self.first_statements()).unwrap();
        fs::write(self.dir.join("my.cnf"), self.settings()).unwrap();
        give_away(&self.dir);
        // Copied by the account that owns the original, and so owned by it.
        let copied = command(&self.dir, Path::new("cp"))
            .args(["-R", "--sparse=auto"])
            .args([self.root.join("template"), self.dir.join("data")])
            .status();
        assert!(copied.unwrap().success(), "the data directory is not copied");
        let program = if self.flavour == Flavour::MariaDb { "mariadbd" } else { "mysqld" };
        let options = [format!("--defaults-file={}", self.dir.join("my.cnf").display())];
        // What a crash might lose goes anyway.
        let watchdog = watch(&self.dir, "KILL", &self.root.join("usr/sbin").join(program), &options);
        *self.watchdog.lock().unwrap() = Some(watchdog);
        let deadline = Instant::now() + Duration::from_secs(90);
        while !self.client("", "SELECT 1").status.success() {
            assert!(Instant::now() < deadline, "the server did not come up: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Statements, one a line, that the server runs before it listens.
    fn first_statements(&self) -> String {
        let password = &self.password;
        let mut lines = vec![
            format!("CREATE USER IF NOT EXISTS {ROOT}@'127.0.0.1' IDENTIFIED BY '{password}'"),
            format!("ALTER USER {ROOT}@'127.0.0.1' IDENTIFIED BY '{password}'"),
            format!("ALTER USER {ROOT}@localhost IDENTIFIED BY '{password}'"),
            format!("GRANT ALL ON *.* TO {ROOT}@'127.0.0.1' WITH GRANT OPTION"),
            format!("CREATE USER {UPSTREAM}@'%' IDENTIFIED BY '{UPSTREAM_PASSWORD}'"),
            format!("GRANT ALL ON `sample`.* TO {UPSTREAM}@'%'"),
            format!("GRANT ALL ON `shop\\_%`.* TO {UPSTREAM}@'%'"),
            format!("CREATE USER {WEAK}@'%' IDENTIFIED BY '{UPSTREAM_PASSWORD}'"),
            format!("GRANT SELECT, INSERT, UPDATE ON `shop\\_%`.* TO {WEAK}@'%'"),
        ];
        for (name, _, definition) in self.flavour.accounts() {
            lines.push(format!("CREATE USER {name}@'%' {definition}"));
            lines.push(format!("GRANT ALL ON `sample`.* TO {name}@'%'"));
        }
        lines.join(";\n") + ";\n"
    }

    fn settings(&self) -> String {
        let (dir, root) = (self.dir.display(), self.root.display());
        let own = match self.flavour {
            Flavour::MariaDb => "plugin-load-add = auth_ed25519\nperformance-schema = ON\n",
            Flavour::MySql => "mysqlx = OFF\n",
        };
        format!(
            "[mysqld]\nbasedir = {root}/usr\ndatadir = {dir}/data\ntmpdir = {dir}\nport = {}\nsocket = {dir}/sock\n\
             pid-file = {dir}/pid\ninit-file = {dir}/first.sql\nlc-messages-dir = {root}/usr/share/mysql\n\
             character-sets-dir = {root}/usr/share/mysql/charsets\nplugin-dir = {root}/usr/lib/mysql/plugin\n\
             ssl-ca = {}\nssl-cert = {}\nssl-key = {}\nbind-address = 127.0.0.1\nskip-name-resolve\nmax-connections = 300\n\
             max-allowed-packet = 256M\nlocal-infile = ON\nsecure-file-priv =\ncharacter-set-server = utf8mb4\n\
             default-time-zone = +00:00\ninnodb-flush-log-at-trx-commit = 0\ninnodb-doublewrite = OFF\nskip-log-bin\n\
             innodb-buffer-pool-load-at-startup = OFF\n{own}",
            self.port,
            self.ca.display(),
            self.certificate.display(),
            self.key.display(),
        )
    }
}

impl Drop for MySqlServer {
    fn drop(&mut self) {
        self.stop();
    }
}
