//! E-mail: what arrives at a mail server of the tests' own, and what is not sent when there is no TLS.

use std::sync::Arc;

use holdpoint::config::notify::{Content, EmailConfig, MailTls, NotifyConfig};
use holdpoint::gate::approval::{State, Verdict};
use holdpoint::identity::secret::Secret;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::rig::{PUBLIC_URL, Rig, until};

/// What a client said, and the mails it left.
#[derive(Default)]
struct Post {
    commands: Vec<String>,
    mails: Vec<String>,
}

struct MailServer {
    port: u16,
    post: Arc<Mutex<Post>>,
    ca: Option<String>,
}

impl MailServer {
    async fn new(with_tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, post) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Post::default())));
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(issued.signing_key.serialize_der().into());
        let tls = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        let kept = post.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, acceptor) = (kept.clone(), acceptor.clone());
                tokio::spawn(async move {
                    if !with_tls {
                        talk(stream, kept).await;
                    } else if let Ok(stream) = acceptor.accept(stream).await {
                        talk(stream, kept).await;
                    }
                });
            }
        });
        Self { port, post, ca: with_tls.then(|| issued.cert.pem()) }
    }

    fn config(&self, tls: MailTls) -> NotifyConfig {
        let ca = self.ca.as_ref().map(|pem| {
            let file = std::env::temp_dir().join(format!("holdpoint-mail-ca-{}-{}.pem", std::process::id(), self.port));
            std::fs::write(&file, pem).unwrap();
            file
        });
        let email = EmailConfig {
            name: "team".into(),
            host: "localhost".into(),
            port: self.port,
            tls,
            ca,
            login: Some(("holdpoint".into(), Secret::new("mail-password"))),
            from: "Holdpoint <holdpoint@example.com>".into(),
            to: vec!["dba@example.com".into(), "Dana <dana@example.com>".into()],
            content: Content::Full,
            events: vec!["approval.requested".into(), "approval.denied".into()],
        };
        NotifyConfig { email: vec![email], ..NotifyConfig::default() }
    }
}

/// Enough of SMTP (RFC 5321) to take a mail.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, post: Arc<Mutex<Post>>) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
    let mut line = String::new();
    while let Ok(1..) = stream.read_line(&mut line).await {
        let command = std::mem::take(&mut line).trim_end().to_owned();
        post.lock().commands.push(command.clone());
        let answer = match command.split(' ').next().unwrap().to_ascii_uppercase().as_str() {
            "EHLO" => "250-mail.test\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 ok\r\n",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.unwrap();
                let mut mail = String::new();
                while let Ok(1..) = stream.read_line(&mut line).await {
                    if line == ".\r\n" {
                        break;
                    }
                    mail.push_str(&std::mem::take(&mut line));
                }
                line.clear();
                post.lock().mails.push(mail);
                "250 taken\r\n"
            }
            "QUIT" => return,
            _ => "250 ok\r\n",
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    mail.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} is not in {mail}"))
}

#[tokio::test]
async fn people_get_text_and_html_with_a_link_that_decides_nothing() {
    let (rig, server) = (Rig::new().await, MailServer::new(true).await);
    let running = rig.start(&server.config(MailTls::Implicit));
    let ticket = rig.ask("d1").await;
    until("a mail", || server.post.lock().mails.len() == 1).await;
    rig.says(&ticket, "dana", Verdict::Deny).await.unwrap();
    until("the second mail", || server.post.lock().mails.len() == 2).await;
    let (mails, commands) = {
        let post = server.post.lock();
        (post.mails.clone(), post.commands.join("\n"))
    };
    assert!(commands.contains("RCPT TO:<dba@example.com>") && commands.contains("RCPT TO:<dana@example.com>"));
    let id = ticket.id().as_str();
    for mail in &mails {
        assert!(header(mail, "Subject: ").starts_with(&format!("[{id}]")), "{mail}");
        assert_eq!(header(mail, "References: "), format!("<{id}@example.com>"));
        assert!(mail.contains("text/plain") && mail.contains("text/html") && mail.contains("Auto-Submitted"));
        assert!(mail.replace("=\r\n", "").replace("=3D", "=").contains(&format!("{PUBLIC_URL}/a/{id}")), "{mail}");
        assert!(!mail.contains("approve?") && !mail.contains(":approve"), "{mail}");
    }
    assert_ne!(header(&mails[0], "Message-ID: "), header(&mails[1], "Message-ID: "));
    let text = mails[0].replace("=\r\n", "");
    assert!(text.contains("Deletes from public.orders") && text.contains("'<!here> & d1'"), "{text}");
    assert!(text.contains("&lt;!here&gt; &amp; d1"), "{text}");
    assert!(mails[1].replace("=\r\n", "").contains("Denied by dana"), "{}", mails[1]);
    running.stop().await;
}

#[tokio::test]
async fn without_tls_neither_password_nor_mail_is_sent() {
    let (rig, server) = (Rig::new().await, MailServer::new(false).await);
    let running = rig.start(&server.config(MailTls::Starttls));
    assert!(running.notifier.test("team").await.unwrap().is_err());
    let ticket = rig.ask("d1").await;
    let tried = || running.notifier.deliveries("team", None, 1).unwrap().first().is_some_and(|one| one.attempts > 0);
    until("an attempt", tried).await;
    let commands = server.post.lock().commands.join("\n");
    assert!(commands.contains("EHLO") && !commands.contains("AUTH") && !commands.contains("MAIL"), "{commands}");
    assert_eq!(rig.desk.get(ticket.id()).unwrap().unwrap().state, State::Pending);
    running.stop().await;
}

#[tokio::test]
async fn test_mail_arrives_on_a_plain_local_server() {
    let (rig, server) = (Rig::new().await, MailServer::new(false).await);
    let running = rig.start(&server.config(MailTls::None));
    assert_eq!(running.notifier.test("team").await.unwrap(), Ok(()));
    assert!(header(&server.post.lock().mails[0], "Subject: ").contains("a test"));
    running.stop().await;
}
