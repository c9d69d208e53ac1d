//! MySQL's lists: readable, without overlap, nothing that reaches further on them.

use super::*;
use crate::statement::builtins::{Kind, MYSQL_FUNCTIONS, Total};

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
    assert_eq!(MYSQL_FUNCTIONS.values().map(Vec::len).sum::<usize>(), words);
    assert!(words > 300, "{words}");
    for (name, entries) in MYSQL_FUNCTIONS.iter() {
        for (index, entry) in entries.iter().enumerate() {
            assert!(entry.least <= entry.most, "{name}");
            for other in &entries[index + 1..] {
                assert!(entry.most < other.least || other.most < entry.least, "{name}: {entry:?} {other:?}");
            }
        }
    }
}

#[test]
fn whatever_takes_a_number_from_text_is_fallible() {
    let scalar = |name: &str| MYSQL_FUNCTIONS.get(name).and_then(|all| all.first()).map(|entry| entry.kind);
    for name in ["abs", "round", "year", "date_format", "extractvalue", "aes_decrypt", "json_extract", "from_unixtime"]
    {
        assert_eq!(scalar(name), Some(Kind::Scalar(Total::Fallible)), "{name}");
    }
    for name in ["upper", "concat", "length", "md5", "trim"] {
        assert_eq!(scalar(name), Some(Kind::Scalar(Total::Total)), "{name}");
    }
}

#[test]
fn what_acts_beyond_the_row_stream_is_on_no_list() {
    let names = "load_file sleep benchmark get_lock release_lock is_free_lock is_used_lock master_pos_wait name_const sys_exec \
        sys_eval statement_digest statement_digest_text gtid_subset setval";
    for name in names.split_ascii_whitespace() {
        assert!(!MYSQL_FUNCTIONS.contains_key(name), "{name}");
    }
    for name in functions::DANGERS_SERVER.split_ascii_whitespace() {
        assert!(!MYSQL_FUNCTIONS.contains_key(name), "{name}");
        assert_eq!(danger(name), Some(Facet::Server));
    }
    assert_eq!(danger("upper"), None);
}

#[test]
fn system_relations_describe_and_never_hold() {
    for (schema, name) in
        [("information_schema", "TABLES"), ("INFORMATION_SCHEMA", "columns"), ("mysql", "time_zone_name")]
    {
        assert!(system_relation(schema, name), "{schema}.{name}");
    }
    let off = "information_schema.PROCESSLIST information_schema.COLUMN_STATISTICS information_schema.INNODB_BUFFER_PAGE \
        information_schema.OPTIMIZER_TRACE information_schema.USER_ATTRIBUTES information_schema.PROFILING mysql.user \
        mysql.global_priv mysql.column_stats mysql.general_log mysql.innodb_index_stats sys.processlist \
        performance_schema.threads performance_schema.processlist \
        performance_schema.events_statements_summary_by_digest performance_schema.user_variables_by_thread \
        performance_schema.prepared_statements_instances shop.tables";
    for path in off.split_ascii_whitespace() {
        let (schema, name) = path.split_once('.').unwrap();
        assert!(!system_relation(schema, name), "{path}");
    }
}

#[test]
fn casts_that_cut_or_compute_are_fallible() {
    assert_eq!(cast("char"), CastKind::Total);
    for name in ["char(n)", "signed", "unsigned", "decimal", "date", "json"] {
        assert_eq!(cast(name), CastKind::Fallible, "{name}");
    }
    assert_eq!(cast("geometry"), CastKind::Unknown);
}
