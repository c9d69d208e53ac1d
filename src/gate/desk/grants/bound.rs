//! Which values a parameter may have in runs by a grant.

use serde::{Deserialize, Serialize};

use crate::gate::digest::BoundParameter;

/// PostgreSQL's types whose binary form is a plain integer: `int8`, `int2`, `int4`.
const INTEGERS: [u32; 3] = [20, 21, 23];

/// One parameter's bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The value that was approved.
    Same,
    /// Any value, NULL included.
    Any,
    /// A whole number, both ends included.
    Between {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// One of these texts.
    OneOf(Vec<String>),
}

impl Bound {
    /// Reads `same`, `any`, `1..9` or `=eu|us`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "same" => return Some(Self::Same),
            "any" => return Some(Self::Any),
            _ => {}
        }
        if let Some(texts) = text.strip_prefix('=') {
            return Some(Self::OneOf(texts.split('|').map(str::to_owned).collect()));
        }
        let (min, max) = text.split_once("..")?;
        let (min, max) = (min.parse().ok()?, max.parse().ok()?);
        (min <= max).then_some(Self::Between { min, max })
    }

    /// Does it allow this value? `same` says whether it is the approved one. What cannot be read is not allowed.
    pub fn allows(&self, value: &BoundParameter<'_>, same: bool) -> bool {
        match self {
            Self::Same => same,
            Self::Any => true,
            Self::Between { min, max } => whole_number(value).is_some_and(|number| (*min..=*max).contains(&number)),
            Self::OneOf(texts) => text(value).is_some_and(|text| texts.iter().any(|allowed| allowed == text)),
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Same => f.write_str("same"),
            Self::Any => f.write_str("any"),
            Self::Between { min, max } => write!(f, "{min}..{max}"),
            Self::OneOf(texts) => write!(f, "one of {}", texts.len()),
        }
    }
}

fn text<'a>((_, value, format): &BoundParameter<'a>) -> Option<&'a str> {
    if *format != 0 {
        return None;
    }
    std::str::from_utf8((*value)?).ok()
}

fn whole_number(parameter: &BoundParameter<'_>) -> Option<i64> {
    let (oid, value, format) = parameter;
    if *format == 0 {
        return text(parameter)?.trim().parse().ok();
    }
    if !INTEGERS.contains(oid) {
        return None;
    }
    let bytes = (*value)?;
    match bytes.len() {
        2 => Some(i64::from(i16::from_be_bytes(bytes.try_into().ok()?))),
        4 => Some(i64::from(i32::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(value: &str) -> BoundParameter<'_> {
        (25, Some(value.as_bytes()), 0)
    }

    #[test]
    fn only_values_within_are_allowed() {
        let between = Bound::Between { min: -1, max: 100 };
        for (value, allowed) in
            [("-1", true), ("100", true), (" 7 ", true), ("101", false), ("7.5", false), ("", false), ("7 OR 1", false)]
        {
            assert_eq!(between.allows(&text_of(value), true), allowed, "{value}");
        }
        assert!(!between.allows(&(25, None, 0), true));
        let one_of = Bound::OneOf(vec!["eu".into(), "us".into()]);
        assert!(one_of.allows(&text_of("eu"), false) && !one_of.allows(&text_of("EU"), true));
        assert!(!one_of.allows(&(25, Some(b"eu"), 1), true), "another format is not read");
        assert!(Bound::Any.allows(&(25, None, 0), false) && !Bound::Same.allows(&text_of("x"), false));
    }

    #[test]
    fn bounds_are_read_as_people_write_them() {
        assert_eq!(Bound::parse("same"), Some(Bound::Same));
        assert_eq!(Bound::parse("-3..9"), Some(Bound::Between { min: -3, max: 9 }));
        assert_eq!(Bound::parse("=eu|us"), Some(Bound::OneOf(vec!["eu".into(), "us".into()])));
        for bad in ["", "9..1", "1..", "..", "a..b", "Any", "eu|us", "1...9"] {
            assert_eq!(Bound::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn binary_integers_are_read_by_their_type() {
        let between = Bound::Between { min: 0, max: 10 };
        assert!(between.allows(&(23, Some(&5_i32.to_be_bytes()), 1), false));
        assert!(between.allows(&(20, Some(&10_i64.to_be_bytes()), 1), false));
        assert!(!between.allows(&(21, Some(&(-1_i16).to_be_bytes()), 1), false));
        assert!(!between.allows(&(701, Some(&5_i64.to_be_bytes()), 1), false), "a float's bytes are no integer");
        assert!(!between.allows(&(23, Some(&[5]), 1), false) && !between.allows(&(23, None, 1), false));
    }
}
