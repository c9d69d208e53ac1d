//! `holdpoint audit tail|verify|export|receipt|key`: reads the log, also while `serve` writes it, and checks exports offline.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::audit::checkpoint::{NoteSigner, NoteVerifier};
use crate::audit::event::Record;
use crate::audit::export::{ExportError, ExportRange, export};
use crate::audit::log::LOG_NAME;
use crate::audit::receipt::{Receipt, receipt};
use crate::audit::store::AuditStore;
use crate::audit::verify::{Report, VerifyOptions, verify};
use crate::identity::ids::ApprovalId;
use crate::identity::store::{KeyName, KeyStore};
use crate::store::rocks::RocksStore;

const FOLLOW_EVERY: Duration = Duration::from_millis(500);
const PAGE: usize = 1000;

/// Read, check and export the audit log.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What can be done with the log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the last records.
    Tail(TailArgs),
    /// Check an export, or the store itself; names the first bad record.
    Verify(VerifyArgs),
    /// Write the log as JSON Lines, checkpoints included.
    Export(ExportArgs),
    /// Make a receipt for one approval, or check one.
    Receipt(ReceiptArgs),
    /// Print the public key that checks this log.
    Key,
}

/// Arguments of `tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// How many records.
    #[arg(short = 'n', long, default_value_t = 20)]
    pub lines: u64,
    /// Go on as new ones come.
    #[arg(short, long)]
    pub follow: bool,
    /// Print records as they are stored.
    #[arg(long)]
    pub json: bool,
    /// Only records of this approval.
    #[arg(long)]
    pub approval: Option<String>,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// An export (`-` for standard input); without it the store is checked.
    pub file: Option<PathBuf>,
    /// The public key as `holdpoint audit key` prints it, or a file that holds it; without it the store's own.
    #[arg(long)]
    pub key: Option<String>,
    /// Checkpoints kept elsewhere (JSON Lines), to notice what was cut off or rewritten.
    #[arg(long)]
    pub checkpoints: Option<PathBuf>,
    /// Accept a part of a log; its roots are not checked.
    #[arg(long)]
    pub partial: bool,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where to; standard output without it.
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// First record.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// First record that is left out.
    #[arg(long)]
    pub until: Option<u64>,
    /// Leave the checkpoints out.
    #[arg(long)]
    pub records_only: bool,
}

/// Arguments of `receipt`.
#[derive(Debug, Args)]
pub struct ReceiptArgs {
    /// The approval.
    #[arg(required_unless_present = "check")]
    pub approval: Option<String>,
    /// Check this receipt instead.
    #[arg(long, conflicts_with = "approval")]
    pub check: Option<PathBuf>,
    /// The public key to check it with, as for `verify`.
    #[arg(long)]
    pub key: Option<String>,
}

/// Runs the command. `store` is the store's directory; checking an export with `--key` needs none.
///
/// # Errors
/// The log is not what it should be, or it cannot be read. The text names the first bad record.
pub fn run(args: &AuditArgs, store: Option<&Path>, out: &mut dyn Write) -> anyhow::Result<()> {
    let done = match &args.command {
        AuditCommand::Tail(tail) => print_tail(&Onlooker::open(store)?, tail, out),
        AuditCommand::Verify(verify) => print_verify(verify, store, out),
        AuditCommand::Export(export) => write_export(&Onlooker::open(store)?, export, out),
        AuditCommand::Receipt(receipt) => print_receipt(receipt, store, out),
        AuditCommand::Key => writeln!(out, "{}", Onlooker::open(store)?.key()?).map_err(Into::into),
    };
    match done {
        // Whoever reads our output has read enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|io| io.kind() == io::ErrorKind::BrokenPipe)
}

/// The store, opened beside the process that writes it. Its scratch directory goes away with it.
struct Onlooker {
    store: RocksStore,
    scratch: PathBuf,
}

impl Onlooker {
    fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = path.context("there is no store to read: name a configuration, or a file to check and its --key")?;
        anyhow::ensure!(path.is_dir(), "there is no store at `{}`", path.display());
        let scratch = std::env::temp_dir().join(format!("holdpoint-audit-{:x}", rand::random::<u64>()));
        std::fs::create_dir(&scratch).with_context(|| format!("cannot make `{}`", scratch.display()))?;
        match RocksStore::open_secondary(path, &scratch) {
            Ok(store) => Ok(Self { store, scratch }),
            Err(error) => {
                let _ = std::fs::remove_dir_all(&scratch);
                Err(error).with_context(|| format!("cannot open the store at `{}`", path.display()))
            }
        }
    }

    fn key(&self) -> anyhow::Result<NoteVerifier> {
        let seed = self.store.key(KeyName::AuditSigning)?.context("this store has no signing key yet")?;
        Ok(NoteSigner::new(LOG_NAME, &seed).verifier())
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}

fn print_tail(onlooker: &Onlooker, args: &TailArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let wanted = args.approval.as_deref().map(parse_id).transpose()?;
    let mut at = match wanted {
        Some(_) => 0,
        None => onlooker.store.record_count()?.saturating_sub(args.lines),
    };
    loop {
        loop {
            let page = onlooker.store.records(at, PAGE)?;
            if page.is_empty() {
                break;
            }
            for text in page {
                at += 1;
                print_record(&text, wanted.as_ref(), args.json, out)?;
            }
        }
        out.flush()?;
        if !args.follow {
            return Ok(());
        }
        std::thread::sleep(FOLLOW_EVERY);
        onlooker.store.catch_up()?;
    }
}

fn print_record(text: &str, wanted: Option<&ApprovalId>, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let record: Record = serde_json::from_str(text).context("a record cannot be read")?;
    if wanted.is_some() && record.event.approval() != wanted {
        return Ok(());
    }
    if json {
        return Ok(writeln!(out, "{text}")?);
    }
    let mut event = serde_json::to_value(&record.event)?;
    let kind = event.get_mut("kind").map(serde_json::Value::take);
    let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or("?");
    write!(out, "{:>8} {} {kind}", record.seq, record.at.to_rfc3339())?;
    for (name, value) in event.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        write!(out, " {name}={value}")?;
    }
    Ok(writeln!(out)?)
}

fn parse_id(text: &str) -> anyhow::Result<ApprovalId> {
    ApprovalId::parse(text).with_context(|| format!("`{text}` is not an approval's id"))
}

fn print_verify(args: &VerifyArgs, store: Option<&Path>, out: &mut dyn Write) -> anyhow::Result<()> {
    let notes = args.checkpoints.as_deref().map(read_notes).transpose()?.unwrap_or_default();
    let options = VerifyOptions { key: key(args.key.as_deref(), store)?, notes, partial: args.partial };
    let report = match &args.file {
        Some(file) => verify(open(file)?, &options)?,
        None => verify_store(&Onlooker::open(store)?, &options)?,
    };
    print_report(&report, out)
}

fn key(given: Option<&str>, store: Option<&Path>) -> anyhow::Result<NoteVerifier> {
    let Some(given) = given else { return Onlooker::open(store)?.key() };
    if Path::new(given).is_file() {
        return Ok(NoteVerifier::parse(&std::fs::read_to_string(given)?)?);
    }
    Ok(NoteVerifier::parse(given)?)
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// Every checkpoint in a file of JSON Lines; other lines are skipped, so that an export will do as well.
fn read_notes(file: &Path) -> anyhow::Result<Vec<String>> {
    let mut notes = Vec::new();
    for line in open(file)?.lines() {
        let value: serde_json::Value = serde_json::from_str(&line?)
            .with_context(|| format!("`{}` is not a file of checkpoints", file.display()))?;
        notes.extend(value.get("checkpoint").and_then(serde_json::Value::as_str).map(str::to_owned));
    }
    anyhow::ensure!(!notes.is_empty(), "there is no checkpoint in `{}`", file.display());
    Ok(notes)
}

/// Exports into a pipe and checks what comes out of it, so that memory does not grow with the log.
fn verify_store(onlooker: &Onlooker, options: &VerifyOptions) -> anyhow::Result<Report> {
    let (reader, mut writer) = io::pipe()?;
    std::thread::scope(|scope| {
        let exporting = scope.spawn(move || export(&onlooker.store, ExportRange::default(), &mut writer));
        let report = verify(BufReader::new(reader), options);
        let exported = exporting.join().map_err(|_| anyhow::anyhow!("the export broke off"))?;
        match (report, exported) {
            (Ok(_), Err(ExportError::Store(error))) => Err(error.into()),
            (report, _) => Ok(report?),
        }
    })
}

fn print_report(report: &Report, out: &mut dyn Write) -> anyhow::Result<()> {
    let last = (report.first + report.records).saturating_sub(1);
    match report.span {
        None => writeln!(out, "good, and empty")?,
        Some((from, to)) => {
            let (from, to) = (from.to_rfc3339(), to.to_rfc3339());
            writeln!(
                out,
                "good: records {} to {last}, {from} to {to}, {} checkpoints",
                report.first, report.checkpoints
            )?;
        }
    }
    if report.first > 0 {
        writeln!(out, "note: it begins in the middle, so the signed roots were not checked")?;
    } else if report.signed < report.records {
        let open = report.records - report.signed;
        writeln!(out, "note: {open} records behind the last checkpoint are chained, but not signed yet")?;
    }
    if report.unclean_ends > 0 {
        writeln!(out, "note: {} runs ended without saying so", report.unclean_ends)?;
    }
    for approval in &report.unfinished {
        writeln!(out, "note: {approval} was released, and its end is not recorded")?;
    }
    Ok(())
}

fn write_export(onlooker: &Onlooker, args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let range = ExportRange { from: args.from, until: args.until, records_only: args.records_only };
    let Some(path) = &args.output else {
        export(&onlooker.store, range, out)?;
        return Ok(());
    };
    let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
    let mut file = io::BufWriter::new(file);
    let count = export(&onlooker.store, range, &mut file)?;
    file.get_ref().sync_all()?;
    Ok(writeln!(out, "{count} records written to {}", path.display())?)
}

fn print_receipt(args: &ReceiptArgs, store: Option<&Path>, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Some(file) = &args.check {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let receipt: Receipt = serde_json::from_str(&text).context("not a receipt")?;
        let checkpoint = receipt.check(&key(args.key.as_deref(), store)?)?;
        let (count, at) = (receipt.records.len(), checkpoint.at.to_rfc3339());
        return Ok(writeln!(out, "good: {count} records of {} are in the log signed at {at}", receipt.approval)?);
    }
    let id = parse_id(args.approval.as_deref().unwrap_or_default())?;
    let made = receipt(&Onlooker::open(store)?.store, &id)?;
    Ok(writeln!(out, "{}", serde_json::to_string_pretty(&made)?)?)
}

#[cfg(test)]
mod tests;
