//! Which settings a session may change without harm, which change how text is read, and which act on the server.
//!
//! A setting that is on no list is opaque.

/// Settings that change neither how text is read, nor where names resolve, nor what is recorded or shown.
const HARMLESS: &str = "\
    autocommit auto_increment_increment auto_increment_offset big_tables bulk_insert_buffer_size column_compression_threshold \
    cte_max_recursion_depth deadlock_search_depth_long deadlock_search_depth_short deadlock_timeout_long \
    deadlock_timeout_short default_regex_flags default_storage_engine default_tmp_storage_engine default_week_format \
    div_precision_increment end_markers_in_json eq_range_index_dive_limit eq_range_index_dive_limit expensive_subquery_limit \
    explicit_defaults_for_timestamp foreign_key_checks generated_random_password_length group_concat_max_len \
    histogram_generation_max_mem_size idle_readonly_transaction_timeout idle_transaction_timeout \
    idle_write_transaction_timeout in_predicate_conversion_threshold information_schema_stats_expiry \
    innodb_lock_wait_timeout innodb_strict_mode innodb_table_locks interactive_timeout internal_tmp_mem_storage_engine \
    join_buffer_size join_buffer_space_limit join_cache_level lc_messages lc_time_names lock_wait_timeout \
    long_query_time low_priority_updates max_delayed_threads max_error_count max_execution_time max_heap_table_size \
    max_insert_delayed_threads max_join_size max_length_for_sort_data max_points_in_geometry max_recursive_iterations \
    max_relay_log_size max_rowid_filter_size max_seeks_for_key max_session_mem_used max_sort_length max_sp_recursion_depth \
    max_statement_time max_tmp_tables min_examined_row_limit mrr_buffer_size myisam_sort_buffer_size \
    myisam_stats_method net_buffer_length net_read_timeout net_retry_count net_write_timeout \
    optimizer_prune_level optimizer_search_depth optimizer_switch optimizer_use_condition_selectivity \
    optimizer_selectivity_sampling_limit parser_max_mem_size preload_buffer_size progress_report_time query_alloc_block_size \
    query_cache_type query_cache_wlock_invalidate query_prealloc_size rand_seed1 rand_seed2 range_alloc_block_size \
    range_optimizer_max_mem_size read_buffer_size read_rnd_buffer_size rowid_merge_buff_size select_into_buffer_size \
    show_create_table_verbosity show_gipk_in_create_table_and_information_schema sort_buffer_size sql_big_selects \
    sql_buffer_result sql_notes sql_quote_show_create sql_safe_updates sql_select_limit sql_warnings \
    standard_compliant_cte storage_engine system_versioning_alter_history time_zone timestamp tmp_disk_table_size \
    tmp_memory_table_size tmp_table_size transaction_alloc_block_size transaction_isolation transaction_prealloc_size \
    transaction_read_only tx_isolation tx_read_only unique_checks updatable_views_with_limit use_stat_tables wait_timeout \
    windowing_use_high_precision \
    alter_algorithm analyze_sample_percentage collation_database character_set_database character_set_server \
    collation_server character_set_filesystem insert_id last_insert_id identity lock_order net_wait_timeout";

/// Settings that decide how text is read, where names resolve, or what the server says about the session's state.
const READING: &str = "\
    sql_mode old_mode character_set_client character_set_connection collation_connection character_set_collations \
    default_collation_for_utf8mb4 session_track_schema session_track_state_change session_track_system_variables \
    session_track_transaction_info session_track_gtids explain_format";

/// Settings that act on the server, its files or its records, whoever sets them.
const SERVER: &str = "\
    sql_log_bin sql_log_off general_log general_log_file log_output slow_query_log slow_query_log_file init_connect \
    init_replica init_slave init_file read_only super_read_only event_scheduler local_infile secure_file_priv gtid_next \
    gtid_purged gtid_domain_id gtid_seq_no server_id binlog_format binlog_row_image pseudo_thread_id \
    pseudo_replica_mode pseudo_slave_mode debug debug_sync offline_mode resource_group skip_replication \
    require_row_format sql_replica_skip_counter sql_slave_skip_counter check_constraint_checks proxy_user external_user";

fn lists(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

/// Is this session setting, in lower case, on the list of harmless ones?
pub fn is_harmless(name: &str) -> bool {
    lists(HARMLESS, name)
}

/// Does it change how text is read, or what is told about the session's state?
pub(super) fn changes_reading(name: &str) -> bool {
    lists(READING, name)
}

/// Does it act on the server even when only the session's value is set?
pub(super) fn acts_on_server(name: &str) -> bool {
    lists(SERVER, name)
}

/// May results come in this character set? Only where the bytes are as they are stored, or UTF-8.
pub(super) fn is_plain_result_set(value: &str) -> bool {
    lists("null binary utf8 utf8mb3 utf8mb4 ascii default", &value.to_ascii_lowercase())
}
