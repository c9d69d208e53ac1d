//! Checks an exported log offline, with nothing but the public key: every record in its place, canonical, chained; every
//! checkpoint signed and over exactly these records. Names the first bad one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use serde_json::Value;

use crate::audit::canonical::canonical;
use crate::audit::chain::Head;
use crate::audit::checkpoint::{Checkpoint, CheckpointError, NoteVerifier};
use crate::audit::event::{Event, Record};
use crate::clock::Timestamp;
use crate::identity::ids::ApprovalId;

/// What a good log contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Position of the first record; not 0 for a part of a log, whose roots cannot be checked.
    pub first: u64,
    /// Records checked.
    pub records: u64,
    /// Checkpoints checked, those from elsewhere included.
    pub checkpoints: u64,
    /// Records that the last checkpoint covers; those behind it are chained, but nobody signed them yet.
    pub signed: u64,
    /// Time of the first and the last record.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Approvals that were spent and of which no end is recorded.
    pub unfinished: BTreeSet<ApprovalId>,
    /// Runs that ended without `LogStopped`.
    pub unclean_ends: u64,
}

/// The first thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The export cannot be read.
    #[error("the export cannot be read: {0}")]
    Input(#[from] io::Error),
    /// A line that is neither a record nor a checkpoint.
    #[error("line {line}: not a record: {why}")]
    NotARecord {
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The line was not written by this log in this form.
    #[error("record {seq} (line {line}) was changed: it is not in canonical form")]
    NotCanonical {
        /// Its position.
        seq: u64,
        /// Line, from 1.
        line: u64,
    },
    /// A record is missing, doubled or moved.
    #[error("record {expected} is missing: line {line} holds record {found}")]
    WrongPlace {
        /// The position that should come.
        expected: u64,
        /// The one that came.
        found: u64,
        /// Line, from 1.
        line: u64,
    },
    /// The next record does not carry this one's hash.
    #[error("record {seq} was changed: record {} carries another hash for it", seq + 1)]
    BrokenChain {
        /// Position of the changed record.
        seq: u64,
    },
    /// A checkpoint that is not to be believed.
    #[error("the checkpoint in line {line} is not valid: {why}")]
    BadCheckpoint {
        /// Line, from 1; 0 for one from elsewhere.
        line: u64,
        /// Why.
        why: CheckpointError,
    },
    /// The records are not those that were signed.
    #[error("a record between {from} and {to} was changed: the root signed at {at} is another one")]
    WrongRoot {
        /// First record that may be the changed one.
        from: u64,
        /// Last record that may be.
        to: u64,
        /// When it was signed, RFC 3339.
        at: String,
    },
    /// A checkpoint covers more records than there are.
    #[error("the log was cut: {signed} records were signed at {at}, but it ends after {found}")]
    Truncated {
        /// Records signed.
        signed: u64,
        /// Records there.
        found: u64,
        /// When it was signed, RFC 3339.
        at: String,
    },
    /// It begins in the middle, and that was not asked for.
    #[error(
        "the export begins with record {0}, so its roots cannot be checked; allow a part of a log if that is meant"
    )]
    Partial(u64),
}

/// What to check against.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// The log's public key.
    pub key: NoteVerifier,
    /// Signed notes that were kept elsewhere: they show what was cut off or rewritten since.
    pub notes: Vec<String>,
    /// A part of a log will do.
    pub partial: bool,
}

/// Checks an export.
///
/// # Errors
/// The first thing that is wrong; see [`VerifyError`].
pub fn verify(input: impl BufRead, options: &VerifyOptions) -> Result<Report, VerifyError> {
    let mut check = Check::new(options)?;
    for (number, line) in (1..).zip(input.lines()) {
        let line = line?;
        if !line.is_empty() {
            check.line(number, &line)?;
        }
    }
    check.end()
}

struct Check<'a> {
    options: &'a VerifyOptions,
    head: Head,
    report: Report,
    /// Roots from elsewhere, by size.
    elsewhere: BTreeMap<u64, Vec<Checkpoint>>,
    /// Records covered by the last good checkpoint.
    good: u64,
    running: bool,
}

impl<'a> Check<'a> {
    fn new(options: &'a VerifyOptions) -> Result<Self, VerifyError> {
        let mut elsewhere: BTreeMap<u64, Vec<Checkpoint>> = BTreeMap::new();
        for note in &options.notes {
            let checkpoint = options.key.verify(note).map_err(|why| VerifyError::BadCheckpoint { line: 0, why })?;
            elsewhere.entry(checkpoint.size).or_default().push(checkpoint);
        }
        let (head, report) = (Head::default(), Report::default());
        Ok(Self { options, head, report, elsewhere, good: 0, running: false })
    }

    /// The position that comes next.
    fn next(&self) -> u64 {
        self.report.first + self.report.records
    }

    fn line(&mut self, line: u64, text: &str) -> Result<(), VerifyError> {
        let not_a_record = |why: serde_json::Error| VerifyError::NotARecord { line, why: why.to_string() };
        let value: Value = serde_json::from_str(text).map_err(not_a_record)?;
        if let Some(note) = value.get("checkpoint").and_then(Value::as_str) {
            return self.note(line, note);
        }
        let record: Record = serde_json::from_value(value.clone()).map_err(not_a_record)?;
        if canonical(&value).ok().as_deref() != Some(text) {
            return Err(VerifyError::NotCanonical { seq: record.seq, line });
        }
        self.record(line, &record, text)
    }

    fn record(&mut self, line: u64, record: &Record, text: &str) -> Result<(), VerifyError> {
        if self.report.records == 0 && record.seq > 0 {
            if !self.options.partial {
                return Err(VerifyError::Partial(record.seq));
            }
            self.report.first = record.seq;
        } else if record.seq != self.next() {
            return Err(VerifyError::WrongPlace { expected: self.next(), found: record.seq, line });
        } else if record.prev != hex::encode(self.head.prev()) {
            return Err(VerifyError::BrokenChain { seq: record.seq.saturating_sub(1) });
        }
        self.head.take(text.as_bytes());
        self.report.records += 1;
        let first = self.report.span.map_or(record.at, |(first, _)| first);
        self.report.span = Some((first, record.at));
        self.count(&record.event);
        for checkpoint in self.elsewhere.remove(&self.next()).unwrap_or_default() {
            self.root(&checkpoint)?;
        }
        Ok(())
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::LogStarted { .. } => {
                self.report.unclean_ends += u64::from(self.running);
                self.running = true;
            }
            Event::LogStopped {} => self.running = false,
            Event::Intent { approval, .. } => {
                self.report.unfinished.insert(approval.clone());
            }
            Event::ApprovalState { approval, .. } | Event::ApprovalUnchanged { approval, .. } => {
                self.report.unfinished.remove(approval);
            }
            _ => {}
        }
    }

    fn note(&mut self, line: u64, note: &str) -> Result<(), VerifyError> {
        let checkpoint = self.options.key.verify(note).map_err(|why| VerifyError::BadCheckpoint { line, why })?;
        if checkpoint.size > self.next() {
            return Err(self.truncated(&checkpoint));
        }
        if checkpoint.size == self.next() {
            return self.root(&checkpoint);
        }
        // It covers less than what came before it: its place in the file is wrong, so records were put in front of it.
        Err(VerifyError::WrongRoot {
            from: self.good,
            to: self.next().saturating_sub(1),
            at: checkpoint.at.to_rfc3339(),
        })
    }

    fn root(&mut self, checkpoint: &Checkpoint) -> Result<(), VerifyError> {
        self.report.checkpoints += 1;
        if self.report.first > 0 {
            return Ok(());
        }
        if checkpoint.root != self.head.frontier().root() {
            let at = checkpoint.at.to_rfc3339();
            return Err(VerifyError::WrongRoot { from: self.good, to: checkpoint.size.saturating_sub(1), at });
        }
        self.good = checkpoint.size;
        self.report.signed = checkpoint.size;
        Ok(())
    }

    fn truncated(&self, checkpoint: &Checkpoint) -> VerifyError {
        VerifyError::Truncated { signed: checkpoint.size, found: self.next(), at: checkpoint.at.to_rfc3339() }
    }

    fn end(self) -> Result<Report, VerifyError> {
        match self.elsewhere.last_key_value() {
            Some((size, checkpoints)) if *size > self.next() => match checkpoints.first() {
                Some(checkpoint) => Err(self.truncated(checkpoint)),
                None => Ok(self.report),
            },
            _ => Ok(self.report),
        }
    }
}

#[cfg(test)]
mod tests;
