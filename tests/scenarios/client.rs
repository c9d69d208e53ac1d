//! One agent's connection, over either protocol, by the drivers that agents use: tokio-postgres and mysql_async.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Params, Row, Value};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::SimpleQueryMessage;

use crate::stage::Stage;

/// Text cells.
pub type Rows = Vec<Vec<String>>;

/// An error that the client got.
#[derive(Clone, Debug)]
pub struct Refused {
    /// SQLSTATE.
    pub state: String,
    /// MySQL's number; 0 for PostgreSQL.
    pub number: u16,
    /// Its text.
    pub message: String,
}

impl Refused {
    /// What kind of refusal it is, by the beginning of its text.
    pub fn kind(&self) -> &'static str {
        let kinds = [
            ("approval pending", "pending"),
            ("approval denied", "denied"),
            ("approval expired", "expired"),
            ("blocked by rule", "forbidden"),
            ("reason required", "reason_missing"),
            ("hold cancelled", "cancelled"),
        ];
        kinds.iter().find(|(start, _)| self.message.starts_with(start)).map_or("other", |(_, kind)| kind)
    }

    /// The approval it names.
    pub fn approval(&self) -> Option<String> {
        let at = self.message.find("apr_")?;
        Some(self.message[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
    }
}

/// How a statement ended.
pub type Answer = Result<Rows, Refused>;

/// One connection.
#[derive(Clone)]
pub enum Client {
    Postgres(Arc<tokio_postgres::Client>, tokio::task::AbortHandle),
    MySql(Arc<Mutex<Conn>>, Opts, u32),
}

impl Client {
    pub async fn connect(stage: &Stage, secret: &str, agent: &str) -> Self {
        Self::try_connect(stage, secret, agent).await.unwrap_or_else(|error| panic!("{error:?}\n{}", stage.log()))
    }

    pub async fn try_connect(stage: &Stage, secret: &str, agent: &str) -> Result<Self, Refused> {
        if stage.kind == crate::stage::Kind::Postgres {
            let parameters = format!("host=127.0.0.1 port={} user={agent} password={secret} dbname=shop", stage.port);
            let (client, connection) =
                tokio_postgres::connect(&parameters, tokio_postgres::NoTls).await.map_err(postgres_error)?;
            let task = tokio::spawn(async move {
                let _ended = connection.await;
            });
            return Ok(Self::Postgres(Arc::new(client), task.abort_handle()));
        }
        let options: Opts = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(stage.port)
            .user(Some(agent))
            .pass(Some(secret))
            .db_name(Some("shop"))
            .prefer_socket(false)
            .into();
        let conn = Conn::new(options.clone()).await.map_err(mysql_error)?;
        let id = conn.id();
        Ok(Self::MySql(Arc::new(Mutex::new(conn)), options, id))
    }

    /// Runs a text as it is.
    pub async fn query(&self, sql: &str) -> Answer {
        match self {
            Self::Postgres(client, _) => Ok(simple_cells(&client.simple_query(sql).await.map_err(postgres_error)?)),
            Self::MySql(conn, ..) => {
                let mut conn = conn.lock().await;
                let mut result = conn.query_iter(sql).await.map_err(mysql_error)?;
                let mut rows: Vec<Row> = Vec::new();
                while !result.is_empty() {
                    rows.extend(result.collect::<Row>().await.map_err(mysql_error)?);
                }
                drop(result);
                Ok(rows.into_iter().map(text_cells).collect())
            }
        }
    }

    /// Prepares and executes a statement with text parameters; `?` marks them for either protocol. Rows come in binary.
    pub async fn execute(&self, sql: &str, parameters: &[&str]) -> Answer {
        match self {
            Self::Postgres(client, _) => {
                let mut text = String::new();
                for (index, part) in sql.split('?').enumerate() {
                    if index > 0 {
                        text.push_str(&format!("${index}"));
                    }
                    text.push_str(part);
                }
                let kinds = vec![tokio_postgres::types::Type::TEXT; parameters.len()];
                let statement = client.prepare_typed(&text, &kinds).await.map_err(postgres_error)?;
                let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
                    parameters.iter().map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
                let rows = client.query(&statement, &values).await.map_err(postgres_error)?;
                Ok(rows.iter().map(binary_cells).collect())
            }
            Self::MySql(conn, ..) => {
                let mut conn = conn.lock().await;
                let values = parameters.iter().map(|value| Value::from(*value)).collect::<Vec<_>>();
                let parameters = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
                let rows: Vec<Row> = conn.exec(sql, parameters).await.map_err(mysql_error)?;
                Ok(rows.into_iter().map(text_cells).collect())
            }
        }
    }

    /// Sends a text and goes on meanwhile.
    pub fn send(&self, sql: &str) -> JoinHandle<Answer> {
        let (client, sql) = (self.clone(), sql.to_owned());
        tokio::spawn(async move { client.query(&sql).await })
    }

    /// Asks to cancel what this connection is doing, as its driver's users do.
    pub async fn cancel(&self) {
        match self {
            Self::Postgres(client, _) => client.cancel_token().cancel_query(tokio_postgres::NoTls).await.unwrap(),
            Self::MySql(_, options, id) => {
                let mut other = Conn::new(options.clone()).await.unwrap();
                other.query_drop(format!("KILL QUERY {id}")).await.unwrap();
                other.disconnect().await.unwrap();
            }
        }
    }

    /// Goes away without a word, whatever is under way.
    pub fn leave(self, sent: JoinHandle<Answer>) {
        sent.abort();
        if let Self::Postgres(_, task) = &self {
            task.abort();
        }
    }

    /// Runs a text that must succeed; its cells.
    pub async fn rows(&self, sql: &str) -> Rows {
        self.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// The only cell.
    pub async fn cell(&self, sql: &str) -> String {
        self.rows(sql).await.first().and_then(|row| row.first()).cloned().unwrap_or_else(|| panic!("{sql}: no rows"))
    }
}

/// How a statement that was sent ended, within the time that is fair.
pub async fn answer(sent: JoinHandle<Answer>) -> Answer {
    tokio::time::timeout(Duration::from_secs(20), sent).await.expect("an answer in time").expect("no panic")
}

/// The refusal that it ended with.
pub async fn refusal(sent: JoinHandle<Answer>) -> Refused {
    answer(sent).await.expect_err("a refusal")
}

fn postgres_error(error: tokio_postgres::Error) -> Refused {
    let known = error.as_db_error().unwrap_or_else(|| panic!("not the server's error: {error:?}"));
    Refused { state: known.code().code().to_owned(), number: 0, message: known.message().to_owned() }
}

fn mysql_error(error: mysql_async::Error) -> Refused {
    match error {
        mysql_async::Error::Server(error) => Refused { state: error.state, number: error.code, message: error.message },
        other => panic!("not the server's error: {other:?}"),
    }
}

fn simple_cells(answer: &[SimpleQueryMessage]) -> Rows {
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|column| row.get(column).unwrap_or("(null)").to_owned()).collect())
        }
        _ => None,
    };
    answer.iter().filter_map(row).collect()
}

fn binary_cells(row: &tokio_postgres::Row) -> Vec<String> {
    let cell = |index: usize| match row.columns()[index].type_().name() {
        "int4" => row.get::<_, Option<i32>>(index).map(|value| value.to_string()),
        "int8" => row.get::<_, Option<i64>>(index).map(|value| value.to_string()),
        _ => row.try_get::<_, Option<String>>(index).unwrap_or_else(|error| panic!("{error}")),
    };
    (0..row.len()).map(|index| cell(index).unwrap_or_else(|| "(null)".to_owned())).collect()
}

fn text_cells(row: Row) -> Vec<String> {
    let cell = |value: Value| match value {
        Value::NULL => "(null)".to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        other => other.as_sql(true).trim_matches('\'').to_owned(),
    };
    row.unwrap().into_iter().map(cell).collect()
}
