//! `holdpoint people`: passwords of people without an identity provider, and links for setting them. Through the API when it
//! answers, else on the store itself.

use std::io::{BufRead, IsTerminal};
use std::process::{Command as Program, Stdio};

use clap::Subcommand;

use crate::api::signin::LINK_SPAN;
use crate::api::signin::people::{IssuedLink, PersonAction, PersonBody, PersonList, bodies, link};
use crate::cli::exit::{Exit, Failure};
use crate::cli::offline::{self, Store, Way};
use crate::cli::{Global, Output, print};
use crate::clock::Timestamp;
use crate::gate::approval::visible::{line, short};
use crate::identity::ids::PersonName;
use crate::identity::password::{self, Login};
use crate::identity::secret::Secret;

/// `holdpoint people …`
#[derive(Debug, Subcommand)]
pub enum PeopleCommand {
    /// List people of the configuration, and how they get in.
    List,
    /// Print a link, good for one day and one use, by which a person sets a password.
    Invite {
        /// One of `people:`.
        name: String,
    },
    /// Set a person's password: asked for, or read from standard input. Whoever sets it stands in the person's chain.
    SetPassword {
        /// One of `people:`.
        name: String,
    },
    /// Take a person's password away, and end their sessions.
    RemovePassword {
        /// One of `people:`.
        name: String,
    },
    /// End a person's sessions.
    SignOut {
        /// One of `people:`.
        name: String,
    },
}

/// Runs one of them.
///
/// # Errors
/// Neither the API nor the store can be used, or it says no.
pub async fn run(global: &Global, command: PeopleCommand) -> Result<Exit, Failure> {
    let way = offline::way(global).await?;
    let done = carry_out(global, &way, command).await;
    way.close().await;
    done.map(|()| Exit::Ok)
}

async fn carry_out(global: &Global, way: &Way, command: PeopleCommand) -> Result<(), Failure> {
    match command {
        PeopleCommand::List => {
            let people = list(way).await?;
            print::items(global.output, &people, ["NAME", "GROUPS", "PASSWORD", "LINK UNTIL", "SESSIONS"], row)?;
        }
        PeopleCommand::Invite { name } => {
            let issued = invite(way, name).await?;
            if global.output == Output::Table {
                print::talk("works once, until tomorrow; shown this once and kept nowhere:");
            }
            print::item(global.output, &issued, |issued| issued.link.clone())?;
        }
        PeopleCommand::SetPassword { name } => {
            let password = ask()?;
            act(way, &name, "set-password", Some(password)).await?;
            print::talk(&format!("password of {} set", line(&name)));
        }
        PeopleCommand::RemovePassword { name } => {
            act(way, &name, "remove-password", None).await?;
            print::talk(&format!("password of {} removed", line(&name)));
        }
        PeopleCommand::SignOut { name } => {
            act(way, &name, "sign-out", None).await?;
            print::talk(&format!("{} signed out everywhere", line(&name)));
        }
    }
    Ok(())
}

fn row(person: &PersonBody) -> [String; 5] {
    let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_rfc3339());
    [
        short(&person.name, 40),
        line(&person.groups.join(",")),
        time(person.password_set_at),
        time(person.link_until),
        person.sessions.to_string(),
    ]
}

/// The new password: asked for twice without showing it, or one line of standard input.
fn ask() -> Result<Secret, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return read_line();
    }
    let _quiet = Quiet::begin();
    print::talk("new password:");
    let first = read_line()?;
    print::talk("once more:");
    let second = read_line()?;
    if first.expose() == second.expose() {
        return Ok(first);
    }
    Err(Failure::Usage("the two passwords are not the same".into()))
}

fn read_line() -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().read_line(&mut text);
    read.map_err(|error| Failure::Usage(format!("standard input cannot be read: {error}")))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// While it lives, the terminal does not show what is typed.
struct Quiet;

impl Quiet {
    fn begin() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        stty("echo");
    }
}

fn stty(setting: &str) {
    let done = Program::new("stty").arg(setting).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !done.is_ok_and(|status| status.success()) {
        print::talk("(this terminal shows what you type)");
    }
}

async fn list(way: &Way) -> Result<Vec<PersonBody>, Failure> {
    match way {
        Way::Api(client) => client.get::<PersonList>("v1/people", &[]).await.map(|list| list.people),
        Way::Store(store) => {
            let logins = store.tokens.logins().map_err(offline::trouble)?;
            let (now, idle) = (store.now(), store.config.sign_in.span.idle);
            let mut sessions = store.tokens.browser_sessions().map_err(offline::trouble)?;
            sessions.retain(|session| session.holds(idle, now));
            Ok(bodies(&store.config.people, logins, &sessions, now))
        }
    }
}

async fn invite(way: &Way, name: String) -> Result<IssuedLink, Failure> {
    let store = match way {
        Way::Api(client) => {
            return client.post(&format!("v1/people/{name}:invite"), &PersonAction::default()).await;
        }
        Way::Store(store) => store,
    };
    let mut login = known(store, &name)?;
    let expires_at = store.now().after(LINK_SPAN);
    let secret = login.invite(store.operator.clone(), expires_at);
    store.record(format!("link made for {name} to set a password")).await?;
    store.tokens.put_login(login).await.map_err(offline::trouble)?;
    Ok(IssuedLink { person: name, link: link(&store.config.api.public_url, &secret), expires_at })
}

async fn act(way: &Way, name: &str, verb: &str, password: Option<Secret>) -> Result<(), Failure> {
    let store = match way {
        Way::Api(client) => {
            let body = PersonAction { password: password.map(|password| password.expose().to_owned()) };
            let request = client.request(reqwest::Method::POST, &format!("v1/people/{name}:{verb}"), &[])?;
            client.send(request.json(&body)).await?;
            return Ok(());
        }
        Way::Store(store) => store,
    };
    let login = known(store, name)?;
    let login = match password {
        Some(password) => {
            let hash = password::hash(&password, &login.person).map_err(|weak| Failure::Usage(weak.to_string()))?;
            let mut login = login;
            login.set(hash, Some(store.operator.clone()), store.now());
            login
        }
        None if verb == "remove-password" => Login { hash: None, set_at: None, link: None, ..login },
        None => login,
    };
    store.record(format!("{verb} for {name}")).await?;
    let person = login.person.clone();
    store.tokens.put_login(login).await.map_err(offline::trouble)?;
    end_sessions(store, &person).await
}

fn known(store: &Store, name: &str) -> Result<Login, Failure> {
    store.must_know(name)?;
    let person = PersonName(name.to_owned());
    let found = store.tokens.login(&person).map_err(offline::trouble)?;
    Ok(found.unwrap_or_else(|| Login::new(person)))
}

async fn end_sessions(store: &Store, person: &PersonName) -> Result<(), Failure> {
    let sessions = store.tokens.browser_sessions().map_err(offline::trouble)?;
    let of_person = sessions.into_iter().filter(|session| session.proof.person == *person);
    store.tokens.remove_browser_sessions(of_person.map(|session| session.id).collect()).await.map_err(offline::trouble)
}
