//! Findings and test results in the forms that people and machines read.

use std::io::{Result, Write};

use serde_json::json;

use crate::cli::rules::Format;
use crate::policy::rules::RuleError;
use crate::policy::rules::cases::CaseResult;
use crate::policy::rules::lint::{Finding, Level};

/// A fault of a rules file as a finding.
pub fn of_fault(fault: &RuleError) -> Finding {
    let key = if fault.key.is_empty() { String::new() } else { format!("{}: ", fault.key) };
    let fix = fault.fix.as_ref().map(|fix| format!("; {fix}")).unwrap_or_default();
    Finding {
        code: "invalid",
        level: Level::Error,
        message: format!("{key}{}{fix}", fault.cause),
        file: fault.file.clone(),
        line: fault.place.line,
        column: fault.place.column,
    }
}

/// Writes findings in the form asked for.
pub fn findings(findings: &[Finding], format: Format, out: &mut dyn Write) -> Result<()> {
    match format {
        Format::Text => {
            for found in findings {
                let Finding { code, message, file, line, column, level } = found;
                writeln!(out, "{file}:{line}:{column}: {} {code}: {message}", word(*level))?;
            }
            Ok(())
        }
        Format::Json => writeln!(out, "{:#}", json!(findings)),
        Format::Sarif => writeln!(out, "{:#}", sarif(findings)),
        Format::Github => {
            for found in findings {
                let properties = format!("file={},line={},col={}", property(&found.file), found.line, found.column);
                writeln!(out, "::{} {properties},title={}::{}", word(found.level), found.code, data(&found.message))?;
            }
            Ok(())
        }
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

/// Escapes for GitHub's workflow commands: data, and properties.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn sarif(findings: &[Finding]) -> serde_json::Value {
    let mut codes: Vec<&str> = findings.iter().map(|found| found.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let result = |found: &Finding| {
        json!({
            "ruleId": found.code,
            "level": word(found.level),
            "message": { "text": found.message },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": found.file },
                "region": { "startLine": found.line, "startColumn": found.column },
            }}],
        })
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "holdpoint rules lint",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| json!({ "id": code })).collect::<Vec<_>>(),
            }},
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

/// Writes test results: one line for each, failures below it, and a count.
pub fn cases(results: &[CaseResult], out: &mut dyn Write) -> Result<()> {
    let mut failed = 0;
    for result in results {
        let passed = result.failures.is_empty();
        failed += usize::from(!passed);
        let sign = if passed { "ok  " } else { "FAIL" };
        writeln!(out, "{sign} {}:{} {}", result.file, result.line, result.name)?;
        for failure in &result.failures {
            writeln!(out, "       {failure}")?;
        }
    }
    writeln!(out, "{} passed, {failed} failed", results.len() - failed)
}

/// The same as JUnit XML.
pub fn junit(results: &[CaseResult]) -> String {
    let failed = results.iter().filter(|result| !result.failures.is_empty()).count();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(&format!("<testsuite name=\"holdpoint rules\" tests=\"{}\" failures=\"{failed}\">\n", results.len()));
    for result in results {
        let (name, file) = (escape(&result.name), escape(&result.file));
        text.push_str(&format!("  <testcase name=\"{name}\" file=\"{file}\" line=\"{}\"", result.line));
        if result.failures.is_empty() {
            text.push_str("/>\n");
            continue;
        }
        text.push_str(">\n");
        for failure in &result.failures {
            text.push_str(&format!("    <failure message=\"{}\"/>\n", escape(failure)));
        }
        text.push_str("  </testcase>\n");
    }
    text.push_str("</testsuite>\n");
    text
}

/// Escapes for XML attributes; control characters, which XML 1.0 does not know, become spaces.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}
