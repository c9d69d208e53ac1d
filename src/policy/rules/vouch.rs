//! `functions:` of the rules: functions that somebody vouches for, bound to their definition.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::vouched::{Reveals, Vouched};
use crate::catalog::{Catalog, Function};
use crate::policy::rules::glob::PathPattern;
use crate::policy::rules::lint::{Finding, Level, finding};
use crate::policy::rules::{Origin, RuleSet};

/// One entry as written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VouchRaw {
    /// `database.schema.function`; `*` stands for anything within a part. All overloads are meant.
    #[serde(rename = "match")]
    pub path: String,
    /// What its result, its failing and its duration tell: `nothing`, or its `arguments`. It must tell nothing that is stored.
    pub reveals: Reveals,
    /// Hex SHA-256 of the definition as the server prints it (`pg_get_functiondef`). With another
    /// definition the function is not vouched for.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"))]
    pub definition: Option<String>,
}

/// One entry, compiled.
#[derive(Clone, Debug)]
pub struct Vouch {
    pattern: PathPattern,
    reveals: Reveals,
    /// Hex, lower case.
    definition: Option<String>,
    origin: Origin,
}

impl Vouch {
    /// Compiles an entry; the error is the key at fault, the cause and the fix.
    pub(crate) fn new(raw: &VouchRaw, origin: Origin) -> Result<Self, (&'static str, String, &'static str)> {
        let pattern = PathPattern::new(&raw.path);
        if pattern.has_gap() || pattern.is_open() || pattern.part_count() != 3 {
            let fix = "write database.schema.function, such as `shop.public.price_of`";
            return Err(("match", format!("`{}` does not have three parts", raw.path), fix));
        }
        let hex = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if raw.definition.as_ref().is_some_and(|text| !hex(text)) {
            return Err(("definition", "this is no hex SHA-256".to_owned(), "64 hex digits"));
        }
        let definition = raw.definition.as_ref().map(|text| text.to_ascii_lowercase());
        Ok(Self { pattern, reveals: raw.reveals, definition, origin })
    }

    fn names(&self, function: &Function, database: &str) -> bool {
        self.pattern.fits(&[database, &function.schema, &function.name])
    }

    fn is_definition(&self, function: &Function) -> bool {
        self.definition.as_ref().is_none_or(|wanted| **wanted == *function.definition_sha256)
    }
}

impl RuleSet {
    /// Which functions of this catalog the rules vouch for.
    pub fn vouched(&self, catalog: &Catalog) -> Vouched {
        let mut vouched = Vouched::default();
        for vouch in &self.vouches {
            let meant = catalog.functions().filter(|function| vouch.names(function, &catalog.database));
            meant
                .filter(|function| vouch.is_definition(function))
                .for_each(|function| vouched.add(function, vouch.reveals));
        }
        vouched
    }

    /// Entries that vouch for whatever a function will become, for a definition that changed, or for nothing.
    pub(crate) fn lint_vouches(&self, catalog: Option<&Catalog>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for vouch in &self.vouches {
            if vouch.definition.is_none() {
                let text = "vouched for without `definition`: whoever may replace the function decides what it reveals";
                findings.push(finding("unbound-vouch", Level::Warning, text.to_owned(), &vouch.origin));
            }
            let Some(catalog) = catalog.filter(|catalog| catalog.functions().next().is_some()) else { continue };
            let named: Vec<_> =
                catalog.functions().filter(|function| vouch.names(function, &catalog.database)).collect();
            if named.is_empty() {
                let text = "vouched for, but there is no such function".to_owned();
                findings.push(finding("idle-vouch", Level::Warning, text, &vouch.origin));
            } else if !named.iter().any(|function| vouch.is_definition(function)) {
                let text =
                    "the function's definition is not the one vouched for; read it, then renew the hash".to_owned();
                findings.push(finding("changed-function", Level::Error, text, &vouch.origin));
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::Parts;

    fn rules(functions: &str) -> Result<RuleSet, String> {
        let text = format!("version: 1\nfunctions:\n{functions}");
        RuleSet::load_dir(&[("r.yaml".to_owned(), text)]).map_err(|faults| faults[0].to_string())
    }

    fn function(name: &str, argument: u32) -> Function {
        Function {
            schema: Arc::from("public"),
            name: Arc::from(name),
            arguments: vec![(Arc::from(""), argument)],
            defaults: 0,
            returns: 25,
            out_columns: Vec::new(),
            kind: 'f',
            language: Arc::from("plpgsql"),
            body: None,
            returns_set: false,
            changes_context: false,
            extension: None,
            definition_sha256: Arc::from("ab".repeat(32)),
        }
    }

    fn catalog() -> Arc<Catalog> {
        let functions = vec![function("f", 25), function("f", 23), function("g", 25)];
        Arc::new(Catalog::new(Arc::from("shop"), 1, 150_000, Parts { functions, ..Parts::default() }))
    }

    fn answers(functions: &str) -> Vec<Option<Reveals>> {
        let catalog = catalog();
        let catalog = catalog.with_vouched(rules(functions).unwrap().vouched(&catalog));
        [function("f", 25), function("f", 23), function("g", 25), function("h", 25)]
            .map(|function| catalog.reveals(&function))
            .to_vec()
    }

    #[test]
    fn a_vouch_covers_every_overload_of_its_name_and_the_less_trusting_one_counts() {
        let (nothing, arguments) = (Some(Reveals::Nothing), Some(Reveals::Arguments));
        assert_eq!(answers("  - { match: shop.public.f, reveals: nothing }"), [nothing, nothing, None, None]);
        let both = "  - { match: 'shop.public.*', reveals: arguments }\n  - { match: shop.public.f, reveals: nothing }";
        assert_eq!(answers(both), [arguments, arguments, arguments, None]);
        assert_eq!(answers("  - { match: crm.public.f, reveals: nothing }"), [None; 4]);
    }

    #[test]
    fn a_vouch_ends_with_the_definition_it_was_given_for() {
        let bound = |hash: &str| format!("  - {{ match: shop.public.g, reveals: nothing, definition: '{hash}' }}");
        assert_eq!(answers(&bound(&"AB".repeat(32)))[2], Some(Reveals::Nothing));
        assert_eq!(answers(&bound(&"cd".repeat(32))), [None; 4]);
        let codes = |text: &str| {
            let findings = rules(text).unwrap().lint(Some(&catalog()));
            findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(&bound(&"cd".repeat(32))), ["changed-function"]);
        assert_eq!(codes(&bound(&"ab".repeat(32))), [""; 0]);
        assert_eq!(codes("  - { match: shop.public.x, reveals: nothing }"), ["idle-vouch", "unbound-vouch"]);
    }

    #[test]
    fn an_older_word_does_not_outlive_its_rules() {
        let vouched = rules("  - { match: shop.public.g, reveals: nothing }").unwrap().vouched(&catalog());
        let catalog = catalog().with_vouched(vouched).with_vouched(Vouched::default());
        assert_eq!(catalog.reveals(&function("g", 25)), None);
    }

    #[test]
    fn names_and_hashes_are_checked() {
        assert!(rules("  - { match: f, reveals: nothing }").unwrap_err().contains("functions[0].match"));
        let short = rules("  - { match: a.b.c, reveals: nothing, definition: abc }").unwrap_err();
        assert!(short.contains("functions[0].definition"), "{short}");
        assert!(rules("  - { match: a.b.c, reveals: all }").is_err());
    }
}
