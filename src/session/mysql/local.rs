//! What the proxy answers itself: `SET @holdpoint_…`, `SHOW holdpoint.…`, `SELECT @@holdpoint_…`, and what SHOW WARNINGS may
//! tell of a statement that touched classified columns.

use std::sync::Arc;

use crate::mysql::compose::{self, TextResult};
use crate::mysql::diagnostics;
use crate::mysql::packets::ok::{OkPacket, Status};
use crate::mysql::packets::prepare::Prepared as PreparedPacket;
use crate::mysql::refusal::OwnError;
use crate::session::cancel::Kill;
use crate::session::core::End;
use crate::session::core::judging::judge_reading;
use crate::session::core::said::{mentions_us, ours};
use crate::session::judge::Judged;
use crate::session::mysql::Session;
use crate::session::mysql::answers::Diagnostics;
use crate::statement::footprint::SessionEffect;

impl Session {
    /// The statement is one of ours, alone in its text.
    pub(super) async fn is_local(&mut self, text: &Arc<str>) -> Result<bool, End> {
        if !mentions_us(text.as_bytes()) {
            return Ok(false);
        }
        let judged = judge_reading(self, text).await?;
        let [only] = judged.statements.as_slice() else { return Ok(false) };
        Ok(ours(&only.statement.footprint.session))
    }

    /// Answers the statements of a text that are ours, as far as they stand in front. What remains; `None`: nothing.
    pub(super) async fn answer_local_statements(&mut self, text: Arc<str>) -> Result<Option<Arc<str>>, End> {
        if !mentions_us(text.as_bytes()) {
            return Ok(Some(text));
        }
        let judged = judge_reading(self, &text).await?;
        let mut consumed = 0;
        let count = judged.statements.iter().take_while(|one| ours(&one.statement.footprint.session)).count();
        for (index, one) in judged.statements.iter().take(count).enumerate() {
            consumed = one.statement.end;
            let more = index + 1 < judged.statements.len();
            self.run_local_effects(&one.statement.footprint.session, more);
        }
        if count == 0 {
            return Ok(Some(text));
        }
        let rest = text.get(consumed..).unwrap_or_default().trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        Ok((count < judged.statements.len()).then(|| Arc::from(rest)))
    }

    /// Runs one of our statements for a COM_STMT_EXECUTE. A result of ours comes in text cells, which binary rows hold alike.
    pub(super) async fn run_local(&mut self, text: &Arc<str>) -> Result<(), End> {
        let judged = judge_reading(self, text).await?;
        if let Some(one) = judged.statements.first() {
            self.run_local_binary(&one.statement.footprint.session);
        }
        Ok(())
    }

    fn run_local_effects(&mut self, effects: &[SessionEffect], more: bool) {
        let more = if more { Status::MORE_RESULTS } else { Status::default() };
        let status = self.status.without(Status::MORE_RESULTS).with(more);
        let shown = self.claim_all(effects);
        match shown {
            Some((name, value)) => {
                let rows = [vec![Some(value)]];
                let result = TextResult { columns: &[&name], rows: &rows, status };
                result.put(&mut self.link.to_client, &mut self.turn, self.client);
            }
            None => {
                let ok = OkPacket { status, ..OkPacket::default() };
                compose::ok(&mut self.link.to_client, &mut self.turn, &ok, self.client);
            }
        }
    }

    fn run_local_binary(&mut self, effects: &[SessionEffect]) {
        match self.claim_all(effects) {
            Some((name, value)) => {
                let rows = [vec![Some(value)]];
                let result = TextResult { columns: &[&name], rows: &rows, status: self.status };
                result.put_binary(&mut self.link.to_client, &mut self.turn, self.client);
            }
            None => self.put_ok(),
        }
    }

    /// Takes the claims; name and value of what is asked for, if something is.
    fn claim_all(&mut self, effects: &[SessionEffect]) -> Option<(String, String)> {
        let mut shown = None;
        for effect in effects {
            match effect {
                SessionEffect::Claim { name, value } => self.core.said.claim(name, value.as_deref()),
                SessionEffect::ShowClaim { name } => shown = Some((format!("holdpoint.{name}"), self.core.show(name))),
                _ => {}
            }
        }
        shown
    }

    /// One of our statements is prepared: under a number that no server gives.
    pub(super) fn prepare_local(&mut self, text: Arc<str>) {
        let packet = PreparedPacket { statement: self.next_local, ..PreparedPacket::default() };
        self.next_local = self.next_local.wrapping_add(1).max(super::prepared::FIRST_LOCAL);
        self.keep_prepared(text, None, &packet);
        self.put(|out| packet.encode(out));
    }

    /// KILL, and what SHOW WARNINGS may tell of a statement that touched classified columns. `true`: it was answered.
    pub(super) fn answer_itself(&mut self, judged: &Judged, binary: bool) -> bool {
        let effects = || judged.footprints().flat_map(|footprint| &footprint.session);
        let several = judged.statements.len() > 1;
        let kill = effects().find_map(|effect| match effect {
            SessionEffect::Kill { number, query } => Some((*number, *query)),
            _ => None,
        });
        if let Some((number, query)) = kill {
            if several {
                self.refuse(&OwnError::new(1235, "42000", "KILL is answered on its own: send it alone"));
            } else {
                self.kill(number, if query { Kill::Query } else { Kill::Connection });
            }
            return true;
        }
        if !effects().any(|effect| *effect == SessionEffect::TellsDiagnostics) {
            return false;
        }
        match self.diagnostics {
            _ if several && judged.tainted() => {
                let text = "SHOW WARNINGS tells of statements sent before it: send it alone";
                self.refuse(&OwnError::new(1235, "42000", text));
                true
            }
            Diagnostics::Withheld(error) => {
                self.tell_withheld(judged, error, binary);
                true
            }
            Diagnostics::Open => false,
        }
    }

    /// What is left of the server's messages: how many errors, and their wording.
    fn tell_withheld(&mut self, judged: &Judged, error: Option<u16>, binary: bool) {
        let columns =
            judged.statements.first().and_then(|one| one.statement.footprint.outputs.as_ref()).map_or(0, Vec::len);
        let (names, rows): (&[&str], Vec<Vec<Option<String>>>) = match (columns, error) {
            (1, error) => (&["count"], vec![vec![Some(u8::from(error.is_some()).to_string())]]),
            (_, None) => (&["Level", "Code", "Message"], Vec::new()),
            (_, Some(code)) => {
                let row = ["Error".to_owned(), code.to_string(), diagnostics::wording(code).to_owned()];
                (&["Level", "Code", "Message"], vec![row.map(Some).to_vec()])
            }
        };
        let result = TextResult { columns: names, rows: &rows, status: self.status.without(Status::MORE_RESULTS) };
        match binary {
            false => result.put(&mut self.link.to_client, &mut self.turn, self.client),
            true => result.put_binary(&mut self.link.to_client, &mut self.turn, self.client),
        }
    }

    /// An OK of our own.
    pub(super) fn put_ok(&mut self) {
        let ok = OkPacket { status: self.status.without(Status::MORE_RESULTS), ..OkPacket::default() };
        compose::ok(&mut self.link.to_client, &mut self.turn, &ok, self.client);
    }
}
