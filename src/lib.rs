//! Holdpoint: a proxy that holds risky SQL until a person approves, and masks classified columns on their way back.
//!
//! An agent connects with an ordinary connection string. Each statement is read and understood before it reaches the
//! database; the rules say whether it runs, waits for people or is refused; rows come back masked by where their data came
//! from; and all of it is written to a log that proves itself.
//!
//! # The life of one statement
//!
//! ```text
//! client bytes -> Frame -> Statement -> Footprint -> Action(s) -> Ruling -> Verdict -+-> Release -> upstream
//!                (pg,mysql) (statement)  (+ catalog)   (policy)    (policy)   (gate)  |
//!                                                                                    +-> Approval … Decision -> Release | Refusal
//! upstream bytes -> result header -> Plan -> rows -> MaskedCell -> client        and audit Events all along
//!                                    (masking)
//! ```
//!
//! Every step but waiting and I/O is a function of values, with time as an argument. Who may use whom is a table in
//! `tests/tidy.rs`.
//!
//! # Modules, in reading order
//!
//! - [`clock`]: time as a value
//! - [`identity`]: agents, people, tokens, secrets, and the ids that tie a story together
//! - [`catalog`]: what an upstream contains: relations, columns, keys, views, functions
//! - [`statement`]: SQL text to `Statement` to `Footprint`
//! - [`policy`]: rules to `RuleSet`; footprint and evidence to `Action`s and a `Ruling`
//! - [`masking`]: result columns to `Plan` to `MaskedCell`
//! - [`audit`]: events, hash chain, checkpoints, verification; and the names of metrics
//! - [`gate`]: `Ruling` to `Release`, hold or `Refusal`; approvals, quorum, the desk where statements wait
//! - [`config`]: `holdpoint.yaml`, raw to checked
//! - [`notify`]: tells people and programs what becomes of approvals: webhooks, e-mail, Slack, Teams
//! - [`pg`]: the PostgreSQL protocol without sockets
//! - [`mysql`]: the MySQL protocol without sockets
//! - [`session`]: one client connection from accept to close
//! - [`store`]: where things are kept: RocksDB, or memory
//! - [`api`]: the HTTP API for approvers, operators and auditors
//! - [`app`]: puts it all together and takes it down again
//! - [`cli`]: the command line, one file per subcommand
//!
//! # Words
//!
//! The same in code, YAML, API, command line, logs and README.
//!
//! - *agent*: who connects
//! - *upstream*: the real database
//! - *statement*: one SQL statement with its parameters
//! - *footprint*: what it touches: relations, columns read, written and filtered, functions, result columns with their lineage
//! - *action*: what it amounts to, such as `bulk_read` or `ddl`
//! - *class*: a label on columns, such as `pii.email`
//! - *rule*: one line of policy: when it matches, and what follows
//! - *ruling*: what the rules say
//! - *verdict*: what the gate does: allow, hold, deny
//! - *approval*: the request for a person's yes, and its life
//! - *decision*: what a person says
//! - *release*: permission to send, once
//! - *refusal*: an answer that is no, and what to do next
//! - *outcome*: how it ended
//! - *mask*: what becomes of a classified value
//! - *plan*: which mask for which result column
//! - *grant*: a standing, bounded approval
//! - *budget*: rows per agent and class over time
//! - *checkpoint*: a signed head of the audit log
//!
//! # Invariants
//!
//! Each has tests that try to break it.
//!
//! Invariant: nothing reaches the database unjudged. A statement that cannot be parsed, resolved or classified is an action
//! of its own (`opaque`), held unless the rules say otherwise. Unknown protocol messages are refused.
//!
//! Invariant: what was approved is what runs. A release is bound to a digest over text, parameters, agent, upstream, role,
//! path, settings and rules; it is single use, and expiry, revocation and kill switch are checked again as it is spent.
//!
//! Invariant: nothing runs for nobody. A held statement runs only while its requester is connected and waiting.
//!
//! Invariant: no row reaches a client except through a mask plan. If there is none, or the witnesses disagree, the result is
//! masked whole or refused; COPY, errors, notices and EXPLAIN included.
//!
//! Invariant: the requester never approves, nor anyone in the chain behind it. A quorum counts distinct people, each once.
//!
//! Invariant: recorded before done. The intent is durable before the effect, the completion afterwards, and a gap is
//! visible. If the audit cannot be written, gated actions stop.
//!
//! Invariant: closed when in doubt. Every failure of store, catalog, rules or clock has a stated outcome, and none of them
//! is "let it through".
//!
//! Invariant: secrets stay where they belong. Upstream credentials never reach agents; literals and parameters that touch
//! classified columns never reach approvers, logs or traces unmasked.
//!
//! Invariant: [`catalog`] and [`statement`] do not know that rules exist, nor [`policy`] and [`masking`] that people decide.

pub mod api;
pub mod app;
pub mod audit;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod gate;
pub mod identity;
pub mod masking;
pub mod mysql;
pub mod notify;
pub mod pg;
pub mod policy;
pub mod session;
pub mod statement;
pub mod store;
