//! Stands in for the session: passes packets on, each side in its own form, with the machines that the session uses.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use holdpoint::mysql::command::{self, Command};
use holdpoint::mysql::compose;
use holdpoint::mysql::frame::{Sequence, cut, packet, put, take};
use holdpoint::mysql::handshake::capabilities::Capabilities;
use holdpoint::mysql::ledger::{Answer, Part};
use holdpoint::mysql::packets::ok::{End, OkPacket};
use holdpoint::mysql::packets::query::Query;
use holdpoint::mysql::packets::requests;
use holdpoint::mysql::refusal::{OwnError, unserved};
use holdpoint::session::cancel::{Asked, Kill, send_upstream};
use holdpoint::session::login::mysql::MysqlEstablished;
use holdpoint::session::login::mysql::change_user::{Again, Login, Next};
use holdpoint::session::shared::Shared;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One side: its stream, what was read, whose turn it is.
struct Side<S> {
    stream: S,
    buffer: BytesMut,
    turn: Sequence,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Side<S> {
    async fn read(&mut self) -> Option<BytesMut> {
        loop {
            if let Some(head) = cut(&self.buffer, 1 << 28).ok()? {
                self.turn.accept(&head).ok()?;
                return Some(take(&mut self.buffer, &head));
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn send(&mut self, payload: &[u8]) -> Option<()> {
        let mut out = BytesMut::new();
        put(&mut out, &mut self.turn, payload);
        self.write(&out).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).await.ok()?;
        self.stream.flush().await.ok()
    }
}

/// Serves a session until one side leaves or breaks the protocol.
pub async fn relay(session: MysqlEstablished, shared: Arc<Shared>) {
    let handle = session.cancel.handle().clone();
    let cancels = async {
        loop {
            handle.requested().await;
            send_upstream(&handle).await.unwrap();
        }
    };
    tokio::select! {
        _ = talk(session, shared) => {}
        () = cancels => {}
        () = handle.killed() => {}
    }
}

async fn talk(session: MysqlEstablished, shared: Arc<Shared>) -> Option<()> {
    let again = Again::of(&session);
    let agent = session.agent.name.clone();
    let (mine, theirs) = (session.client_capabilities, session.upstream_capabilities);
    let mut client = Side { stream: session.client, buffer: session.leftovers, turn: Sequence(0) };
    let mut upstream = Side { stream: session.upstream, buffer: session.upstream_leftovers, turn: Sequence(0) };
    loop {
        (client.turn, upstream.turn) = (Sequence(0), Sequence(0));
        let payload = client.read().await?;
        let command = match Command::of(&payload) {
            Ok(command) => command,
            Err(other) => {
                fail(&mut client, &unserved(other)).await?;
                continue;
            }
        };
        match command {
            Command::ChangeUser => {
                change_user(&payload, &again, &shared, &mut client).await?;
                upstream.send(&[command::RESET_CONNECTION]).await?;
                upstream.read().await?;
                answer_ok(&mut client, mine).await?;
                continue;
            }
            Command::ProcessKill => {
                let number = requests::process_kill(&payload).ok()?;
                kill(&shared, number, &agent, Kill::Connection, &mut client, mine).await?;
                continue;
            }
            Command::Query => {
                let query = Query::decode(&payload, mine).ok()?;
                let text = String::from_utf8_lossy(query.text).into_owned();
                if let Some(number) = text.strip_prefix("KILL QUERY ").and_then(|number| number.parse().ok()) {
                    kill(&shared, number, &agent, Kill::Query, &mut client, mine).await?;
                    continue;
                }
                let mut out = BytesMut::new();
                query.encode(&mut out, theirs);
                upstream.send(&out).await?;
            }
            _ => upstream.send(&payload).await?,
        }
        pass(Answer::to(command, theirs), &mut upstream, &mut client, mine).await?;
        if command == Command::Quit {
            return Some(());
        }
    }
}

/// Passes an answer on, its ends in the form agreed with the client.
async fn pass<U, C>(mut answer: Answer, upstream: &mut Side<U>, client: &mut Side<C>, mine: Capabilities) -> Option<()>
where
    U: AsyncRead + AsyncWrite + Unpin,
    C: AsyncRead + AsyncWrite + Unpin,
{
    let (mut columns, mut ended) = (0, true);
    while !answer.is_done() {
        let payload = upstream.read().await?;
        let mut out = BytesMut::new();
        let part = answer.take(&payload).ok()?;
        let rows = matches!(part, Part::TextRow | Part::BinaryRow | Part::RowsEnd(_) | Part::Error(_));
        if columns > 0 && rows && !std::mem::replace(&mut ended, true) {
            // The upstream says no end of columns; this client may want one.
            compose::columns_end(&mut out, &mut client.turn, End::default(), mine);
        }
        match part {
            Part::Ok(ok) => compose::ok(&mut out, &mut client.turn, &ok, mine),
            Part::RowsEnd(end) => compose::rows_end(&mut out, &mut client.turn, &end, mine),
            Part::ColumnsEnd(end) | Part::ParametersEnd(end) => {
                ended = true;
                compose::columns_end(&mut out, &mut client.turn, end, mine);
            }
            other => {
                if let Part::ColumnCount(count) = other {
                    (columns, ended) = (count, false);
                }
                put(&mut out, &mut client.turn, &payload);
            }
        }
        client.write(&out).await?;
    }
    Some(())
}

async fn kill<C: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    number: u32,
    agent: &holdpoint::identity::ids::AgentName,
    kill: Kill,
    client: &mut Side<C>,
    mine: Capabilities,
) -> Option<()> {
    match shared.cancel.ask_by_id(number, agent, kill) {
        Asked::Told => answer_ok(client, mine).await,
        _ => fail(client, &OwnError::new(1094, "HY000", format!("Unknown thread id: {number}"))).await,
    }
}

async fn answer_ok<C: AsyncRead + AsyncWrite + Unpin>(client: &mut Side<C>, mine: Capabilities) -> Option<()> {
    let mut out = BytesMut::new();
    compose::ok(&mut out, &mut client.turn, &OkPacket::default(), mine);
    client.write(&out).await
}

async fn fail<C: AsyncRead + AsyncWrite + Unpin>(client: &mut Side<C>, error: &OwnError) -> Option<()> {
    let mut out = BytesMut::new();
    error.put(&mut out, &mut client.turn);
    client.write(&out).await
}

/// Runs the login up to its OK, which the caller sends. `None`: it failed, and the client has been told.
async fn change_user<C: AsyncRead + AsyncWrite + Unpin>(
    payload: &[u8],
    again: &Again,
    shared: &Arc<Shared>,
    client: &mut Side<C>,
) -> Option<()> {
    let (mut login, mut next) = Login::begin(payload, again, shared).await.ok()?;
    loop {
        next = match next {
            Next::Ask(payload) => {
                client.send(&payload).await?;
                let answer = client.read().await?;
                login.answer(&answer).await.ok()?
            }
            Next::Accepted { before, .. } => {
                if let Some(before) = before {
                    let mut out = BytesMut::new();
                    packet(&mut out, &mut client.turn, |out| out.put_slice(&before));
                    client.write(&out).await?;
                }
                return Some(());
            }
            Next::Refused(error) => {
                fail(client, &error).await?;
                return None;
            }
        };
    }
}
