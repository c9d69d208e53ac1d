//! Text from others on a terminal, a page or in a message. An agent chooses its SQL and its reasons; what it sends must not
//! move the cursor, recolour, reorder or hide what an approver reads.

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

/// Controls, format characters (bidi among them), fillers, selectors, odd spaces, private use, noncharacters.
pub fn hides(c: char) -> bool {
    if c.is_control() || (c.is_whitespace() && c != ' ') {
        return true;
    }
    matches!(u32::from(c),
        0x00AD | 0x034F | 0x0600..=0x0605 | 0x061C | 0x06DD | 0x070F | 0x0890..=0x0891 | 0x08E2
        | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x202A..=0x202E
        | 0x2060..=0x206F | 0x2800 | 0x3164 | 0xD7B0..=0xD7FF | 0xE000..=0xF8FF | 0xFE00..=0xFE0F | 0xFEFF
        | 0xFFA0 | 0xFFF0..=0xFFFB | 0xFFFE..=0xFFFF | 0x1_10BD | 0x1_10CD | 0x1_3430..=0x1_345F
        | 0x1_BCA0..=0x1_BCA3 | 0x1_D159 | 0x1_D173..=0x1_D17A | 0xE_0000..=0x10_FFFF)
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
