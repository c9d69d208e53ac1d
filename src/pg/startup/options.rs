//! The `options` parameter: the command line that a client wants for its session.

use crate::pg::startup::StartupError;

/// Splits `-c name=value`, `-cname=value` and `--name=value` as the server does: words at white space, a backslash takes the
/// next character as it is, and `-` in a name means `_`.
///
/// # Errors
/// Any other option, named.
pub fn split(text: &str) -> Result<Vec<(String, String)>, StartupError> {
    let mut found = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let assignment = if word == "-c" {
            words.next().ok_or_else(|| StartupError::Option(word.clone()))?
        } else {
            let rest = word.strip_prefix("--").or_else(|| word.strip_prefix("-c"));
            rest.map(str::to_owned).ok_or_else(|| StartupError::Option(shortened(&word)))?
        };
        let Some((name, value)) = assignment.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(StartupError::Option(shortened(&assignment)));
        };
        found.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(found)
}

/// The first 64 characters, for messages.
pub fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter.is_ascii_whitespace() || letter == '\u{b}' {
            words.extend(word.take());
            continue;
        }
        let taken = if letter == '\\' { letters.next() } else { Some(letter) };
        word.get_or_insert_default().extend(taken);
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        split(text).unwrap()
    }

    #[test]
    fn all_three_spellings_are_read() {
        let wanted = [("a.b", "1"), ("c_d", "2"), ("e", "3=4")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(pairs("-c a.b=1  -cc-d=2 --e=3=4"), wanted);
    }

    #[test]
    fn backslash_keeps_spaces_inside_a_value() {
        assert_eq!(
            pairs(r"-c holdpoint.reason=refund\ check\\1"),
            [("holdpoint.reason".into(), r"refund check\1".into())]
        );
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for text in ["-d 5", "-c", "-c name", "--name", "-c =x", "word"] {
            assert!(matches!(split(text), Err(StartupError::Option(_))), "{text}");
        }
    }
}
