//! The lists of built-in functions, operators and casts: readable, without overlap, nothing that reaches further on them.

use super::*;

const PG: Dialect = Dialect::Postgres { standard_conforming_strings: true };

#[test]
fn every_word_of_the_lists_reads_and_no_counts_overlap() {
    let lists = [
        functions::FUNCTIONS_TOTAL,
        functions::FUNCTIONS_FALLIBLE,
        functions::COUNTS,
        functions::AGGREGATES_NUMERIC,
        functions::AGGREGATES_VALUE,
        functions::AGGREGATES_ORDERED,
        functions::WINDOWS_POSITION,
        functions::WINDOWS_VALUE,
        functions::TABLES,
        functions::SESSION,
    ];
    let words: usize = lists.iter().map(|list| list.split_ascii_whitespace().count()).sum();
    assert_eq!(FUNCTIONS.values().map(Vec::len).sum::<usize>(), words);
    assert!(words > 400, "{words}");
    for (name, entries) in FUNCTIONS.iter() {
        for (index, entry) in entries.iter().enumerate() {
            assert!(entry.least <= entry.most, "{name}");
            for other in &entries[index + 1..] {
                assert!(entry.most < other.least || other.most < entry.least, "{name}: {entry:?} {other:?}");
            }
        }
    }
}

#[test]
fn functions_are_found_by_name_and_argument_count() {
    let table = [
        ("upper", 1, Some(Kind::Scalar(Total::Total))),
        ("upper", 2, None),
        ("substring", 3, Some(Kind::Scalar(Total::Fallible))),
        ("count", 0, Some(Kind::Count)),
        ("sum", 1, Some(Kind::NumericAggregate)),
        ("max", 1, Some(Kind::ValueAggregate)),
        ("percentile_disc", 1, Some(Kind::OrderedAggregate)),
        ("rank", 0, Some(Kind::Window { value: false })),
        ("rank", 1, Some(Kind::OrderedAggregate)),
        ("lag", 3, Some(Kind::Window { value: true })),
        ("generate_series", 2, Some(Kind::TableFunction)),
        ("unnest", 1, Some(Kind::TableFunction)),
        ("format_type", 2, Some(Kind::SessionInfo)),
        ("nextval", 1, Some(Kind::SessionInfo)),
        ("concat", 30, Some(Kind::Scalar(Total::Total))),
        ("_pg_expandarray", 1, Some(Kind::TableFunction)),
    ];
    for (name, count, kind) in table {
        assert_eq!(function(PG, name, count), kind, "{name}/{count}");
    }
}

#[test]
fn whatever_runs_sql_or_leaves_the_row_stream_is_on_no_list() {
    let names = "query_to_xml query_to_xml_and_xmlschema query_to_xmlschema cursor_to_xml table_to_xml schema_to_xml \
        database_to_xml ts_stat ts_rewrite crosstab xpath_table xpath dblink dblink_exec lo_get lo_put lo_export lo_import \
        loread lowrite lo_from_bytea set_config pg_notify pg_sleep pg_sleep_for pg_sleep_until pg_advisory_lock \
        pg_try_advisory_lock pg_advisory_xact_lock setval pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file \
        pg_logical_slot_peek_changes pg_stat_get_activity pg_stat_get_backend_activity pg_cursor pg_prepared_statement \
        pg_terminate_backend pg_cancel_backend currtid2 pg_get_shmem_allocations pg_lock_status pg_mcv_list_items \
        pg_stat_reset pg_hba_file_rules binary_upgrade_set_missing_value plpgsql_call_handler json_populate_record \
        json_populate_recordset jsonb_populate_record pg_input_is_valid current_query int4pl texteq int4in textout \
        pg_sequence_last_value pg_show_all_file_settings pg_event_trigger_ddl_commands pg_config setseed";
    for name in names.split_ascii_whitespace() {
        for count in 0..8 {
            assert_eq!(function(PG, name, count), None, "{name}/{count}");
        }
    }
}

#[test]
fn an_argument_that_cannot_make_a_function_fail_is_told_apart() {
    let table = [
        ("upper", 1, 0, false),
        ("substr", 3, 0, false),
        ("substr", 3, 1, true),
        ("date_trunc", 2, 0, true),
        ("date_trunc", 2, 1, false),
        ("json_build_object", 4, 0, true),
        ("json_build_object", 4, 3, false),
        ("json_object_agg", 2, 0, true),
        ("json_object_agg", 2, 1, false),
        ("string_agg", 2, 0, false),
        ("sqrt", 1, 0, true),
        ("no_such_function", 1, 0, true),
        ("regexp_replace", 3, 0, true),
        ("unnest", 1, 0, false),
    ];
    for (name, count, argument, expected) in table {
        assert_eq!(fails_by(PG, name, count, argument), expected, "{name}/{count} {argument}");
    }
}

#[test]
fn operators_and_casts_are_sorted_by_what_they_can_do() {
    let operators = [
        ("=", Some(OperatorKind::Comparison)),
        ("~~*", Some(OperatorKind::Comparison)),
        ("||", Some(OperatorKind::Concat)),
        ("->>", Some(OperatorKind::JsonPath)),
        ("/", Some(OperatorKind::Fallible)),
        ("~", Some(OperatorKind::Fallible)),
        ("<<", Some(OperatorKind::Total)),
        ("===", None),
        ("<%", None),
    ];
    for (name, kind) in operators {
        assert_eq!(operator(PG, name), kind, "{name}");
    }
    let casts = [
        ("text", CastKind::Total),
        ("varchar", CastKind::Total),
        ("int4", CastKind::Fallible),
        ("_text", CastKind::Fallible),
        ("_int4", CastKind::Fallible),
        ("regclass", CastKind::Fallible),
        ("mood", CastKind::Unknown),
        ("_mood", CastKind::Unknown),
        ("record", CastKind::Unknown),
    ];
    for (name, kind) in casts {
        assert_eq!(cast(PG, name), kind, "{name}");
    }
}

#[test]
fn system_relations_with_data_or_secrets_are_not_readable() {
    for name in ["pg_class", "pg_roles", "pg_settings", "pg_statistic_ext", "pg_enum"] {
        assert!(system_relation(PG, "pg_catalog", name), "{name}");
        assert!(!system_relation(PG, "public", name), "{name}");
    }
    assert!(system_relation(PG, "information_schema", "columns"));
    let never = "pg_stats pg_stats_ext pg_statistic pg_statistic_ext_data pg_stat_activity pg_stat_statements \
        pg_prepared_statements pg_cursors pg_largeobject pg_largeobject_metadata pg_authid pg_shadow pg_user_mapping \
        pg_user_mappings pg_hba_file_rules pg_file_settings pg_subscription pg_locks pg_stat_user_tables \
        pg_replication_slots pg_db_role_setting pg_config pg_prepared_xacts";
    for name in never.split_ascii_whitespace() {
        assert!(!system_relation(PG, "pg_catalog", name), "{name}");
    }
    for name in ["user_mapping_options", "_pg_user_mappings", "foreign_server_options"] {
        assert!(!system_relation(PG, "information_schema", name), "{name}");
    }
}

#[test]
fn dangers_have_names_and_never_overlap_with_the_allow_list() {
    assert_eq!(danger(PG, "pg_terminate_backend"), Some(Facet::Server));
    assert_eq!(danger(PG, "lo_export"), Some(Facet::Exports));
    assert_eq!(danger(PG, "query_to_xml"), Some(Facet::Routine));
    assert_eq!(danger(PG, "set_config"), None);
    for name in DANGERS.keys() {
        assert!(!FUNCTIONS.contains_key(name), "{name}");
    }
}
