//! Reads Rust source well enough to judge it: comments and literals blanked out, test code cut away, functions measured.
//! Offsets and line breaks stay where they were, so that every finding can name its line.

/// Comments, strings and characters replaced by spaces; line breaks kept.
pub fn blank(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at + 1),
            b'r' | b'b' | b'c' if !follows_word(bytes, at) => literal_end(bytes, at),
            b'\'' => character_end(bytes, at),
            _ => at,
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

/// Part of an identifier.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| at + found)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`, `b'…'`; `at` itself if none stands here.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let mut next = at;
    while next < bytes.len() && next < at + 2 && matches!(bytes[next], b'r' | b'b' | b'c') {
        next += 1;
    }
    let raw = bytes[at..next].contains(&b'r');
    let hashes = bytes[next..].iter().take_while(|byte| **byte == b'#').count();
    match bytes.get(next + hashes) {
        Some(b'"') if raw => {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = next + hashes + 1;
            let found = bytes[body..].windows(close.len()).position(|window| window == close.as_bytes());
            found.map_or(bytes.len(), |found| body + found + close.len())
        }
        Some(b'"') if hashes == 0 => string_end(bytes, next + 1),
        Some(b'\'') if hashes == 0 && &bytes[at..next] == b"b" => character_end(bytes, next),
        _ => at,
    }
}

/// The end of a character literal; `at` itself for a lifetime.
fn character_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at + 1) {
        Some(b'\\') => {
            let close = bytes[at + 3..].iter().position(|byte| *byte == b'\'');
            close.map_or(bytes.len(), |found| at + 3 + found + 1)
        }
        Some(_) => {
            let text = String::from_utf8_lossy(&bytes[at + 1..bytes.len().min(at + 6)]).into_owned();
            let width = text.chars().next().map_or(1, char::len_utf8);
            if bytes.get(at + 1 + width) == Some(&b'\'') { at + width + 2 } else { at }
        }
        None => at,
    }
}

/// Items under `#[cfg(test)]` and `#[test]` blanked out of an already blanked source.
pub fn without_tests(blanked: &str) -> String {
    let mut out = blanked.to_string();
    for marker in ["#[cfg(test)]", "#[test]", "#[tokio::test"] {
        while let Some(start) = out.find(marker) {
            let end = item_end(&out, start + marker.len());
            let hole: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            out.replace_range(start..end, &hole);
        }
    }
    out
}

/// The end of the item that begins at `from`: its closing brace, or its semicolon if that comes first.
fn item_end(text: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, character) in text[from..].char_indices() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && character == '}' {
                    return from + offset + 1;
                }
            }
            ';' if depth == 0 => return from + offset + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where a word begins, each time it stands alone.
pub fn words<'text>(text: &'text str, word: &'text str) -> impl Iterator<Item = usize> + 'text {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let bytes = text.as_bytes();
        let after = bytes.get(at + word.len()).copied().unwrap_or(b' ');
        !follows_word(bytes, *at) && !is_word(after)
    })
}

/// The line of an offset, counted from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The first module of every path that starts with `crate::`, and its line; groups (`crate::{a, b::c}`) included.
pub fn crate_paths(blanked: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for at in words(blanked, "crate") {
        let line = line_of(blanked, at);
        let Some(rest) = after_colons(&blanked[at + "crate".len()..]) else { continue };
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(group_heads(group).into_iter().map(|head| (head, line)));
        } else {
            found.push((leading_word(rest), line));
        }
    }
    found.retain(|(name, _)| !name.is_empty());
    found
}

fn after_colons(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix("::").map(str::trim_start)
}

fn leading_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.push(leading_word(group[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.push(leading_word(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    heads
}

/// One function with a body.
pub struct Function {
    pub name: String,
    pub line: usize,
    /// Lines of its body that hold code.
    pub lines: usize,
    /// It carries the lint exception for flat tables.
    pub excused: bool,
}

/// All functions of a blanked source, those of inner modules and closures' hosts included.
pub fn functions(blanked: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for at in words(blanked, "fn") {
        let name = leading_word(blanked[at + 2..].trim_start());
        let end = item_end(blanked, at);
        let Some(open) = blanked[at..end].find('{').map(|open| at + open) else { continue };
        if name.is_empty() {
            continue;
        }
        let lines = blanked[open + 1..end - 1].lines().filter(|line| !line.trim().is_empty()).count();
        let attributes = &blanked[..at];
        let item_start = attributes.rfind([';', '}', '{']).map_or(0, |found| found + 1);
        let excused = attributes[item_start..].contains("too_many_lines");
        found.push(Function { name, line: line_of(blanked, at), lines, excused });
    }
    found
}
