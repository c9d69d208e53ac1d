//! What a person is shown: the request of an approval, with classified literals withheld.

use bytes::Bytes;

use crate::gate::approval::{Claims, Request, Requester, ShownStatement, Target};
use crate::policy::judge::words;
use crate::session::core::hold::Held;
use crate::session::core::{Core, Parameter};
use crate::session::judge::{Judged, Judgement};
use crate::statement::fingerprint::withhold_literals;

/// Parameters shown at most, and characters of each.
pub(in crate::session) const PARAMETERS_MAX: usize = 50;
const PARAMETER_CHARS: usize = 200;
/// Bytes that this many characters can take.
const PARAMETER_BYTES: usize = PARAMETER_CHARS * 4;
/// PostgreSQL's types whose binary form is the text: `name`, `text`, `unknown`, `bpchar`, `varchar`.
const TEXT_OIDS: [u32; 5] = [19, 25, 705, 1042, 1043];

impl Parameter {
    /// As much of it as is shown. A long value is not kept alive by its beginning.
    pub fn shortened(&self) -> Self {
        let short = |value: &Bytes| value.get(..PARAMETER_BYTES).map_or_else(|| value.clone(), Bytes::copy_from_slice);
        Self { oid: self.oid, value: self.value.as_ref().map(short), format: self.format }
    }
}

impl Core {
    /// What the requester says of itself about this text: session settings first, then a trailing sqlcommenter block.
    pub fn claims(&self, judged: &Judged) -> Claims {
        let mut claims = self.said.claims.clone();
        let (_, pairs) = crate::statement::comment::split_sqlcommenter(&judged.text, &self.reading.scope.dialect);
        for (name, value) in pairs {
            let place = match name.as_str() {
                "reason" => &mut claims.reason,
                "ticket" => &mut claims.ticket,
                "end_user" => &mut claims.end_user,
                "model" => &mut claims.model,
                "traceparent" => &mut claims.traceparent,
                _ => continue,
            };
            if place.is_none() {
                *place = claimed(&value);
            }
        }
        claims
    }

    /// The request for holding this; `inside` an open transaction or not.
    pub fn request(&self, held: &Held<'_>, inside: bool) -> Request {
        let judged = held.judged;
        let mut digest = self.digest(judged, held.parameters);
        if let Some(rows) = held.rows_so_far {
            // A hold in mid-result is its own request: it is about the rest of one running result.
            digest = format!("{digest}-{}-{}-{rows}", self.id.0, self.statements);
        }
        let hits = judged.statements.iter().flat_map(|one| one.ruling.hits.iter().cloned()).collect();
        let mut classes: Vec<String> =
            judged.statements.iter().flat_map(|one| one.ruling.classes.iter().cloned()).collect();
        classes.sort();
        classes.dedup();
        Request {
            digest,
            requester: Requester {
                agent: self.agent.name.clone(),
                owner: self.agent.owner.clone(),
                issued_by: self.agent.issued_by.clone(),
                session: self.id,
                client_addr: self.client_addr.clone(),
                claims: self.claims(judged),
            },
            target: Target {
                protocol: self.protocol.to_owned(),
                database: self.database.clone(),
                role: if self.reading.scope.role.is_empty() {
                    self.role.clone()
                } else {
                    self.reading.scope.role.to_string()
                },
            },
            statements: judged.statements.iter().map(|one| shown(judged, one, held.parameters)).collect(),
            hits,
            rules_version: judged.world.rules.version().to_owned(),
            classes,
            masked_columns: masked_columns(judged),
            in_transaction: inside,
            locks: None,
            rows_so_far: held.rows_so_far,
            stages: held.policy.stages.clone(),
            reason_required: held.policy.reason_required,
            assurance: held.policy.assurance,
        }
    }
}

fn shown(judged: &Judged, one: &Judgement, parameters: &[Parameter]) -> ShownStatement {
    let world = &judged.world;
    let footprint = &one.statement.footprint;
    // What could not be followed may touch anything: its literals are withheld as well.
    let withhold = judged.tainted() || !footprint.opaque.is_empty();
    let text = if withhold {
        withhold_literals(&one.statement.text, &one.statement.dialect)
    } else {
        one.statement.text.to_string()
    };
    ShownStatement {
        text,
        summary: summary(judged, one),
        actions: one.ruling.actions.clone(),
        objects: footprint.relations.iter().map(|used| used.name.to_string()).collect(),
        lineage: words::lineage_words(footprint, &world.catalog, &world.classes),
        parameters: parameters
            .iter()
            .take(PARAMETERS_MAX)
            .map(|parameter| shown_parameter(parameter, withhold))
            .collect(),
        row_estimate: one.evidence.estimated_rows.or(one.evidence.estimated_changed),
    }
}

/// What it does, in words; first of all what would be shown as it is.
fn summary(judged: &Judged, one: &Judgement) -> String {
    let Judged { world, .. } = judged;
    let rows = one.evidence.estimated_rows;
    let words = words::summary(&one.statement.footprint, &world.catalog, &world.classes, rows);
    if one.reveal.is_empty() {
        return words;
    }
    let revealed: Vec<&str> = one.reveal.iter().map(|class| &**class).collect();
    let most = one.ruling.ceiling.unwrap_or_default();
    format!("Shows {} unmasked, at most {most} rows. {words}", revealed.join(", "))
}

fn shown_parameter(parameter: &Parameter, withhold: bool) -> String {
    match &parameter.value {
        None => "NULL".to_owned(),
        Some(_) if withhold => "(withheld)".to_owned(),
        Some(bytes) if parameter.format == 0 || TEXT_OIDS.contains(&parameter.oid) => {
            String::from_utf8_lossy(bytes).chars().take(PARAMETER_CHARS).collect()
        }
        Some(bytes) => {
            let hexed: String = bytes.iter().take(PARAMETER_CHARS / 2).map(|byte| format!("{byte:02x}")).collect();
            format!("\\x{hexed}")
        }
    }
}

fn masked_columns(judged: &Judged) -> Vec<String> {
    let mut names = Vec::new();
    for one in &judged.statements {
        for output in one.statement.footprint.outputs.iter().flatten() {
            let mut classes = output.sources.iter().flat_map(|source| judged.world.classes.of(source.column));
            let classified = classes.any(|class| !one.reveal.contains(&class.name));
            if output.unknown || classified {
                names.push(output.name.to_string());
            }
        }
    }
    names
}

/// A claimed value as it is kept: one line, bounded; empty is none.
pub(in crate::session) fn claimed(value: &str) -> Option<String> {
    const CHARS_MAX: usize = 500;
    let kept: String = value.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect();
    (!kept.is_empty()).then_some(kept)
}
