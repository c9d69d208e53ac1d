//! Printing: tables for people, JSON for programs, talk to stderr. Colour only on a terminal and without `NO_COLOR`.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::cli::Output;
use crate::cli::exit::Failure;

/// Writes a line of data. A reader that went away (`| head`) ends the process quietly, as is the habit.
///
/// # Errors
/// Any other trouble with stdout.
pub fn data(line: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::Unreachable(format!("could not write to stdout: {error}"))),
    }
}

/// Says something to the person at the terminal.
pub fn talk(line: &str) {
    // Nothing can be said about stderr failing, and nothing depends on it.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// One item: as JSON, or by `table`.
///
/// # Errors
/// Stdout fails.
pub fn item<T: Serialize>(output: Output, item: &T, table: impl FnOnce(&T) -> String) -> Result<(), Failure> {
    match output {
        Output::Table => data(table(item).trim_end()),
        Output::Json => data(&json(item, true)?),
        Output::Jsonl => data(&json(item, false)?),
    }
}

/// Many items: a JSON array, JSON lines, or a table with these headings.
///
/// # Errors
/// Stdout fails.
pub fn items<T: Serialize, const N: usize>(
    output: Output,
    items: &[T],
    headings: [&str; N],
    row: impl Fn(&T) -> [String; N],
) -> Result<(), Failure> {
    match output {
        Output::Table => data(table(headings, items.iter().map(row).collect()).trim_end()),
        Output::Json => data(&json(&items, true)?),
        Output::Jsonl => items.iter().try_for_each(|item| data(&json(item, false)?)),
    }
}

fn json<T: Serialize>(value: &T, pretty: bool) -> Result<String, Failure> {
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    text.map_err(|error| Failure::Usage(format!("could not write JSON: {error}")))
}

/// Left-aligned columns, two spaces between, the last one unpadded. Cells are expected to be one line each.
pub fn table<const N: usize>(headings: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut rows = rows;
    rows.insert(0, headings.map(str::to_owned));
    let widths: Vec<usize> = (0..N)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, wide) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(wide.saturating_sub(width(cell)) + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Characters shown: escape sequences of our own colours do not count.
fn width(text: &str) -> usize {
    let mut shown = 0;
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\u{1b}') => escape = true,
            (false, _) => shown += 1,
            (true, 'm') => escape = false,
            (true, _) => {}
        }
    }
    shown
}

/// Colours a word if stdout is a terminal that wants it.
pub fn coloured(word: &str, colour: Colour) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || !std::io::stdout().is_terminal();
    if plain { word.to_owned() } else { format!("\u{1b}[{}m{word}\u{1b}[0m", colour as u8) }
}

/// The colours used, by their SGR number (ECMA-48 §8.3.117).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Colour {
    /// No, or gone wrong.
    Red = 31,
    /// Yes, or done.
    Green = 32,
    /// Waiting.
    Yellow = 33,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_colours_take_no_room() {
        let rows = vec![["a".to_owned(), "\u{1b}[31mno\u{1b}[0m".to_owned(), "x".to_owned()]];
        let text = table(["ID", "STATE", "WHAT"], rows);
        assert_eq!(text, "ID  STATE  WHAT\na   \u{1b}[31mno\u{1b}[0m     x\n");
    }
}
