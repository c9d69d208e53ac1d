//! SET, RESET, SHOW, DISCARD: what they change about the session, from a list of settings that are known.
//!
//! A setting that is on no list is opaque: extensions may hang anything on one, and several of PostgreSQL's own switch
//! off checks or print plans.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{DiscardMode, VariableSetKind, VariableSetStmt};

use super::{Build, blank, names, output};
use crate::statement::footprint::{Facet, Footprint, RowBound, SessionEffect, Verb};

/// The prefix of the settings that Holdpoint itself answers.
const CLAIM_PREFIX: &str = "holdpoint.";

/// Settings that change neither how text is read, nor where names resolve, nor who may do what.
const HARMLESS: &str = "\
    application_name array_nulls bytea_output check_function_bodies client_connection_check_interval \
    client_min_messages commit_siblings constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost \
    cursor_tuple_fraction datestyle default_statistics_target default_table_access_method default_tablespace \
    default_text_search_config default_toast_compression default_transaction_deferrable \
    default_transaction_isolation default_transaction_read_only default_with_oids effective_cache_size \
    effective_io_concurrency extra_float_digits from_collapse_limit geqo geqo_effort geqo_generations \
    geqo_pool_size geqo_seed geqo_selection_bias geqo_threshold gin_fuzzy_search_limit \
    gin_pending_list_limit hash_mem_multiplier idle_in_transaction_session_timeout idle_session_timeout \
    intervalstyle jit jit_above_cost jit_inline_above_cost jit_optimize_above_cost join_collapse_limit lc_messages \
    lc_monetary lc_numeric lc_time lock_timeout logical_decoding_work_mem maintenance_io_concurrency \
    maintenance_work_mem max_parallel_maintenance_workers max_parallel_workers max_parallel_workers_per_gather \
    min_parallel_index_scan_size min_parallel_table_scan_size parallel_leader_participation parallel_setup_cost \
    parallel_tuple_cost password_encryption plan_cache_mode quote_all_identifiers random_page_cost \
    recursive_worktable_factor restrict_nonsystem_relation_kind seq_page_cost statement_timeout synchronize_seqscans \
    synchronous_commit tcp_keepalives_count tcp_keepalives_idle tcp_keepalives_interval tcp_user_timeout \
    temp_buffers temp_tablespaces timezone timezone_abbreviations transaction_deferrable transaction_isolation \
    transaction_read_only transaction_timeout vacuum_cost_delay vacuum_cost_limit vacuum_cost_page_dirty \
    vacuum_cost_page_hit vacuum_cost_page_miss work_mem xmlbinary xmloption";

/// Settings that decide how text is read or where names resolve.
const READING: [&str; 5] =
    ["search_path", "standard_conforming_strings", "client_encoding", "backslash_quote", "escape_string_warning"];

/// Settings that decide who the session is or which checks apply to it.
const PRIVILEGE: [&str; 5] =
    ["role", "session_authorization", "row_security", "session_replication_role", "createrole_self_grant"];

/// SET, RESET, SHOW, SET CONSTRAINTS, DISCARD; `None` for anything else.
pub(super) fn footprint(node: &NodeEnum) -> Option<Footprint> {
    Some(match node {
        NodeEnum::VariableSetStmt(set) => set_statement(set),
        NodeEnum::VariableShowStmt(show) => show_statement(&show.name),
        NodeEnum::ConstraintsSetStmt(_) => {
            blank(Verb::Set).facet(Facet::Session).effect(SessionEffect::Harmless { setting: Arc::from("constraints") })
        }
        NodeEnum::DiscardStmt(discard) => discard_statement(discard.target),
        _ => return None,
    })
}

fn set_statement(set: &VariableSetStmt) -> Footprint {
    let kind = VariableSetKind::try_from(set.kind).unwrap_or(VariableSetKind::Undefined);
    let verb = match kind {
        VariableSetKind::VarReset | VariableSetKind::VarResetAll => Verb::Reset,
        _ => Verb::Set,
    };
    let print = blank(verb).facet(Facet::Session);
    let name = set.name.to_ascii_lowercase();
    match kind {
        VariableSetKind::VarResetAll => print.effect(SessionEffect::ChangesReading { setting: Arc::from("all") }),
        VariableSetKind::VarSetMulti => match name.as_str() {
            "transaction" | "session characteristics" | "transaction snapshot" => {
                print.effect(SessionEffect::Harmless { setting: Arc::from("transaction") })
            }
            _ => print.opaque("setting", "this form of SET is not known"),
        },
        VariableSetKind::VarSetValue | VariableSetKind::VarSetDefault | VariableSetKind::VarReset => {
            match name.strip_prefix(CLAIM_PREFIX) {
                Some(claim) => claim_statement(print, claim, set, kind),
                None => setting(print, &name),
            }
        }
        VariableSetKind::VarSetCurrent | VariableSetKind::Undefined => {
            print.opaque("setting", "this form of SET is not known")
        }
    }
}

fn claim_statement(print: Footprint, claim: &str, set: &VariableSetStmt, kind: VariableSetKind) -> Footprint {
    let name = Arc::from(claim);
    if kind != VariableSetKind::VarSetValue {
        return print.effect(SessionEffect::Claim { name, value: None });
    }
    let values: Option<Vec<String>> = set.args.iter().map(|arg| names::value(arg.node.as_ref())).collect();
    match values {
        Some(values) => {
            let value = Some(Arc::from(values.join(", ")));
            print.effect(SessionEffect::Claim { name, value })
        }
        None => print.opaque(&format!("setting {CLAIM_PREFIX}{claim}"), "its value is not a plain constant"),
    }
}

fn setting(print: Footprint, name: &str) -> Footprint {
    let setting: Arc<str> = Arc::from(name);
    if PRIVILEGE.contains(&name) {
        return print.facet(Facet::Privilege).effect(SessionEffect::ChangesReading { setting });
    }
    if READING.contains(&name) {
        return print.effect(SessionEffect::ChangesReading { setting });
    }
    if harmless(name) {
        return print.effect(SessionEffect::Harmless { setting });
    }
    print
        .opaque(&format!("setting {name}"), "this setting is not on the list of known ones; leave it out")
        .effect(SessionEffect::ChangesReading { setting })
}

/// Is this setting on the list of harmless ones? The name as the server folds it: lower case.
pub(super) fn harmless(name: &str) -> bool {
    HARMLESS.split_ascii_whitespace().any(|known| known == name)
}

fn show_statement(name: &str) -> Footprint {
    let print = blank(Verb::Show).facet(Facet::Session);
    let prefix = name.get(..CLAIM_PREFIX.len());
    if prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(CLAIM_PREFIX)) {
        let claim = name.get(CLAIM_PREFIX.len()..).unwrap_or_default();
        return print.effect(SessionEffect::ShowClaim { name: Arc::from(claim) });
    }
    let (columns, rows): (&[&str], u64) =
        if name == "all" { (&["name", "setting", "description"], SETTINGS_MOST) } else { (&[name], 1) };
    Footprint {
        outputs: Some(columns.iter().map(|column| output(column, Vec::new())).collect()),
        returned: RowBound::AtMost(rows),
        ..print
    }
}

/// More settings than any server has.
const SETTINGS_MOST: u64 = 800;

fn discard_statement(target: i32) -> Footprint {
    let print = blank(Verb::Discard).facet(Facet::Session);
    let setting = |name: &str| Arc::from(name);
    match DiscardMode::try_from(target).unwrap_or(DiscardMode::Undefined) {
        DiscardMode::DiscardAll => print
            .effect(SessionEffect::ChangesReading { setting: setting("discard") })
            .effect(SessionEffect::Deallocate { name: None })
            .effect(SessionEffect::CloseCursor { name: None }),
        DiscardMode::DiscardTemp => print.effect(SessionEffect::ChangesReading { setting: setting("temporary") }),
        DiscardMode::DiscardPlans => print.effect(SessionEffect::Harmless { setting: setting("plans") }),
        DiscardMode::DiscardSequences => print.effect(SessionEffect::Harmless { setting: setting("sequences") }),
        DiscardMode::Undefined => print.opaque("discard", "this form of DISCARD is not known"),
    }
}
