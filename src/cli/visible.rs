//! Text from others on a terminal. An agent chooses its SQL and its reasons; what it sends must not move the cursor,
//! recolour, reorder or hide what an approver reads.

use crate::api::page::visible::hides;

/// Many lines: newlines and tabs stay, everything else that is not plainly visible is spelled out as `<U+202E>`.
pub fn block(text: &str) -> String {
    spelled(text, |c| matches!(c, '\n' | '\t'))
}

/// One line: newlines and tabs become spaces, runs of spaces one; everything else as in [`block`].
pub fn line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    let words: Vec<&str> = flat.split(' ').filter(|word| !word.is_empty()).collect();
    spelled(&words.join(" "), |_| false)
}

/// [`line()`], cut to at most `max` characters, and seen to be cut.
pub fn short(text: &str, max: usize) -> String {
    let line = line(text);
    if line.chars().count() <= max {
        return line;
    }
    let mut cut: String = line.chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

fn spelled(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if keep(c) || !hides(c) {
            out.push(c);
        } else {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        assert_eq!(block("a\u{1b}[2Jb"), "a<U+001B>[2Jb");
        assert_eq!(block("x\u{202e}y\u{2066}z"), "x<U+202E>y<U+2066>z");
        assert_eq!(block("SELECT 1\n\t--\r"), "SELECT 1\n\t--<U+000D>");
        assert_eq!(block("\u{feff}\u{a0}\u{e0041}\u{85}\u{2028}"), "<U+FEFF><U+00A0><U+E0041><U+0085><U+2028>");
        assert_eq!(block("Grüße, 日本 🙂"), "Grüße, 日本 🙂");
    }

    #[test]
    fn line_is_one_line_and_short_says_that_it_was_cut() {
        assert_eq!(line("a\n\n  b\tc\r\n"), "a b c");
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(short("abcd", 4), "abcd");
    }
}
