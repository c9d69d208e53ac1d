//! Text from others, made visible: controls, bidirectional marks, zero-width and odd blanks are spelled out, so that what an
//! approver reads is what is there. The command line uses the same list.

use maud::{Markup, PreEscaped, Render, html};

use crate::gate::approval::visible::hides;

/// How a text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// On one line: line breaks are spelled out, too.
    Line,
    /// As code: line breaks and tabs stay as they are.
    Code,
    /// Every blank is shown.
    Exact,
}

/// A text of somebody else's, ready for the page.
pub struct Shown<'a>(pub &'a str, pub Layout);

impl Render for Shown<'_> {
    fn render(&self) -> Markup {
        let Self(text, layout) = *self;
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match (c, layout) {
                ('\n', Layout::Exact) => out.push_str("<span class=\"blank\">⏎</span>\n"),
                ('\t', Layout::Exact) => out.push_str("<span class=\"blank\">→</span>\t"),
                (' ', Layout::Exact) => out.push_str("<span class=\"blank\">·</span>"),
                ('\n' | '\t', Layout::Code) => out.push(c),
                _ if hides(c) => out.push_str(&format!("<span class=\"odd\">U+{:04X}</span>", u32::from(c))),
                ('&', _) => out.push_str("&amp;"),
                ('<', _) => out.push_str("&lt;"),
                ('>', _) => out.push_str("&gt;"),
                ('"', _) => out.push_str("&quot;"),
                ('\'', _) => out.push_str("&#39;"),
                _ => out.push(c),
            }
        }
        PreEscaped(out)
    }
}

/// One line of somebody else's text, kept from turning the text around it.
pub fn line(text: &str) -> Markup {
    html! { bdi { (Shown(text, Layout::Line)) } }
}

/// What is odd about a text, in words: an approver is told before reading it.
pub fn warning(text: &str) -> Option<String> {
    let hidden = text.chars().filter(|c| hides(*c) && !matches!(c, '\n' | '\t' | '\r')).count();
    let foreign = text.chars().filter(|c| c.is_alphabetic() && !c.is_ascii()).count();
    let says = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {many}")),
    };
    let parts: Vec<String> = [
        says(hidden, "invisible or control character", "invisible or control characters"),
        says(
            foreign,
            "letter beyond ASCII, which may look like another",
            "letters beyond ASCII, which may look like others",
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| format!("The text holds {}.", parts.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelled_out_and_markup_is_text() {
        let shown = |text, layout| Shown(text, layout).render().into_string();
        assert_eq!(shown("a\u{202e}b\n", Layout::Code), "a<span class=\"odd\">U+202E</span>b\n");
        assert_eq!(shown("a\nb", Layout::Line), "a<span class=\"odd\">U+000A</span>b");
        assert_eq!(shown("<script>\"'&", Layout::Code), "&lt;script&gt;&quot;&#39;&amp;");
        assert_eq!(
            shown(" \u{200b}", Layout::Exact),
            "<span class=\"blank\">·</span><span class=\"odd\">U+200B</span>"
        );
        assert_eq!(shown("Grüße, 日本 🙂", Layout::Line), "Grüße, 日本 🙂");
    }

    #[test]
    fn odd_texts_are_announced() {
        assert_eq!(warning("SELECT 1\n\t-- x"), None);
        assert_eq!(warning("SEL\u{200b}ECT"), Some("The text holds 1 invisible or control character.".into()));
        let cyrillic = warning("sel\u{435}ct \u{435}").unwrap();
        assert!(cyrillic.contains("2 letters beyond ASCII"), "{cyrillic}");
    }
}
