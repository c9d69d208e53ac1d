//! Functions known to act beyond the row stream, so that their action can be named. The list decides nothing about
//! safety: whatever is on no list at all is not understood either way.

/// Takes data out: large objects to files, other servers, the write-ahead log, backups.
pub(super) const EXPORTS: &str = "\
    lo_export dblink dblink_exec dblink_open dblink_fetch dblink_send_query dblink_get_result \
    pg_logical_slot_get_changes pg_logical_slot_get_binary_changes pg_logical_slot_peek_changes \
    pg_logical_slot_peek_binary_changes pg_create_logical_replication_slot pg_create_physical_replication_slot \
    pg_copy_logical_replication_slot pg_copy_physical_replication_slot pg_backup_start pg_backup_stop pg_start_backup \
    pg_stop_backup pg_export_snapshot query_export_to_s3 pg_file_write";

/// Acts on the server, its files, its processes, its network.
pub(super) const SERVER: &str = "\
    pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old pg_logfile_rotate \
    pg_promote pg_switch_wal pg_create_restore_point pg_wal_replay_pause pg_wal_replay_resume pg_read_file \
    pg_read_file_old pg_read_binary_file pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_ls_archive_statusdir \
    pg_ls_logicalmapdir pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir pg_stat_file pg_file_read \
    pg_file_rename pg_file_sync pg_file_unlink pg_logdir_ls pg_current_logfile pg_hba_file_rules \
    pg_ident_file_mappings pg_show_all_file_settings lo_import dblink_connect dblink_connect_u dblink_disconnect \
    pg_log_backend_memory_contexts pg_stat_reset pg_stat_reset_shared pg_stat_reset_slru \
    pg_stat_reset_single_table_counters pg_stat_reset_single_function_counters pg_stat_reset_replication_slot \
    pg_stat_reset_subscription_stats pg_stat_reset_backend_stats pg_stat_statements_reset pg_drop_replication_slot \
    pg_replication_slot_advance pg_replication_origin_create pg_replication_origin_drop \
    pg_replication_origin_advance pg_replication_origin_session_setup pg_replication_origin_session_reset \
    pg_replication_origin_xact_setup pg_replication_origin_xact_reset pg_sync_replication_slots \
    pg_logical_emit_message pg_import_system_collations pg_clear_relation_stats pg_clear_attribute_stats \
    pg_restore_relation_stats pg_restore_attribute_stats http http_get http_post http_put http_delete";

/// Runs SQL held in a string, or reads relations by name.
pub(super) const ROUTINE: &str = "\
    query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema table_to_xml \
    table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema \
    database_to_xml database_to_xmlschema database_to_xml_and_xmlschema ts_stat ts_rewrite crosstab crosstab2 \
    crosstab3 crosstab4 crosstab_hash connectby xpath_table";
