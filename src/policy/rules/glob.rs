//! Patterns of rules: `*` and `?` within a name, `**` over the parts of a path.

/// Does the pattern fit the whole text? `*` stands for any characters, `?` for one.
pub fn fits(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == letter => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|letter| *letter == '*')
}

/// Does any pattern fit?
pub fn any(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, text))
}

/// A dotted pattern: part by part, `**` for any number of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    parts: Vec<String>,
}

impl PathPattern {
    /// Splits at dots. Names that contain dots can be met by `*` and `?` only.
    pub fn new(text: &str) -> Self {
        Self { parts: text.split('.').map(str::to_owned).collect() }
    }

    /// Has `**` in it, so that it fits paths of any length.
    pub fn is_open(&self) -> bool {
        self.parts.iter().any(|part| part == "**")
    }

    /// How many parts.
    pub fn part_count(&self) -> usize {
        self.parts.len()
    }

    /// Has a part without any letters.
    pub fn has_gap(&self) -> bool {
        self.parts.iter().any(String::is_empty)
    }

    /// The pattern's part at this position.
    pub fn part(&self, index: usize) -> Option<&str> {
        self.parts.get(index).map(String::as_str)
    }

    /// Does it fit the path?
    pub fn fits(&self, path: &[&str]) -> bool {
        fits_parts(&self.parts, path)
    }

    /// Does it fit the end of the path? For names that people may write with or without the database and the schema.
    pub fn fits_end(&self, path: &[&str]) -> bool {
        if self.is_open() {
            return self.fits(path);
        }
        let skip = path.len().checked_sub(self.parts.len());
        skip.and_then(|skip| path.get(skip..)).is_some_and(|end| self.fits(end))
    }
}

fn fits_parts(parts: &[String], path: &[&str]) -> bool {
    match (parts.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((open, rest)), _) if open == "**" => {
            fits_parts(rest, path) || path.split_first().is_some_and(|(_, below)| fits_parts(parts, below))
        }
        (Some((part, rest)), Some((name, below))) => fits(part, name) && fits_parts(rest, below),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_fit_anything_and_names_fit_themselves() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("pii.*", "pii.email", true),
            ("pii.*", "pii", false),
            ("*_id", "customer_id", true),
            ("*_id", "customer_ids", false),
            ("a?c", "abc", true),
            ("a*b*c", "axxbyybzzc", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn star_stays_within_its_part_and_two_stars_do_not() {
        let path = ["shop", "public", "customers", "email"];
        for (pattern, expected) in [
            ("shop.public.customers.email", true),
            ("*.*.*.email", true),
            ("*.email", false),
            ("**.email", true),
            ("shop.**", true),
            ("shop.public.customers.*.x", false),
        ] {
            assert_eq!(PathPattern::new(pattern).fits(&path), expected, "{pattern}");
        }
    }

    #[test]
    fn relations_may_be_named_from_their_end() {
        let path = ["shop", "public", "customers"];
        for (pattern, expected) in
            [("customers", true), ("public.customers", true), ("crm.public.customers", false), ("public", false)]
        {
            assert_eq!(PathPattern::new(pattern).fits_end(&path), expected, "{pattern}");
        }
    }

    #[test]
    fn many_stars_do_not_take_forever() {
        let text = "a".repeat(2000);
        assert!(!fits(&format!("{}b", "*a".repeat(50)), &text));
    }
}
