//! The system relations that statements may read, and so the catalog holds: definitions of objects, never what rows of user tables hold.
//!
//! Left out on purpose: statistics and their views (`pg_stats`, `pg_statistic`, `pg_stat_*`), activity and prepared texts,
//! locks, large objects, password stores, user mappings, subscriptions (connection strings), server files.
//! `pg_statistic_ext` holds definitions only (its data is in `pg_statistic_ext_data`); `psql \d` needs it.

/// Relations and views of `pg_catalog`.
pub const PG_CATALOG: &str = "\
    pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_auth_members pg_available_extension_versions \
    pg_available_extensions pg_cast pg_class pg_collation pg_constraint pg_conversion pg_database pg_default_acl \
    pg_depend pg_description pg_enum pg_event_trigger pg_extension pg_foreign_data_wrapper pg_foreign_server \
    pg_foreign_table pg_group pg_index pg_indexes pg_inherits pg_init_privs pg_language pg_matviews pg_namespace \
    pg_opclass pg_operator pg_opfamily pg_partitioned_table pg_policies pg_policy pg_proc pg_publication \
    pg_publication_namespace pg_publication_rel pg_publication_tables pg_range pg_rewrite pg_roles pg_rules \
    pg_seclabel pg_seclabels pg_sequence pg_sequences pg_settings pg_shdepend pg_shdescription pg_statistic_ext \
    pg_tables pg_tablespace pg_timezone_abbrevs pg_timezone_names pg_transform pg_trigger pg_ts_config \
    pg_ts_config_map pg_ts_dict pg_ts_parser pg_ts_template pg_type pg_user pg_views";

/// Views of `information_schema`; `user_mapping_options` holds passwords and is not among them.
pub const INFORMATION_SCHEMA: &str = "\
    administrable_role_authorizations applicable_roles attributes character_sets check_constraint_routine_usage \
    check_constraints collation_character_set_applicability collations column_column_usage column_domain_usage \
    column_options column_privileges column_udt_usage columns constraint_column_usage constraint_table_usage \
    data_type_privileges domain_constraints domain_udt_usage domains element_types enabled_roles \
    foreign_data_wrappers foreign_servers foreign_tables information_schema_catalog_name key_column_usage \
    parameters referential_constraints role_column_grants role_routine_grants role_table_grants role_udt_grants \
    role_usage_grants routine_column_usage routine_privileges routine_routine_usage routine_sequence_usage \
    routine_table_usage routines schemata sequences sql_features sql_implementation_info sql_parts sql_sizing \
    table_constraints table_privileges tables transforms triggered_update_columns triggers udt_privileges \
    usage_privileges user_defined_types view_column_usage view_routine_usage view_table_usage views";

/// Tables of MySQL's and MariaDB's `information_schema`. Left out besides: the text of running statements, profiles,
/// histograms, counters, variables, and whatever shows pages of InnoDB or of its full-text indexes.
pub const MYSQL_INFORMATION_SCHEMA: &str = "\
    ADMINISTRABLE_ROLE_AUTHORIZATIONS APPLICABLE_ROLES CHARACTER_SETS CHECK_CONSTRAINTS COLLATIONS \
    COLLATION_CHARACTER_SET_APPLICABILITY COLUMNS COLUMNS_EXTENSIONS COLUMN_PRIVILEGES ENABLED_ROLES ENGINES EVENTS \
    GEOMETRY_COLUMNS KEYWORDS KEY_COLUMN_USAGE PARAMETERS PARTITIONS PLUGINS REFERENTIAL_CONSTRAINTS RESOURCE_GROUPS \
    ROLE_COLUMN_GRANTS ROLE_ROUTINE_GRANTS ROLE_TABLE_GRANTS ROUTINES SCHEMATA SCHEMATA_EXTENSIONS SCHEMA_PRIVILEGES \
    SPATIAL_REF_SYS SQL_FUNCTIONS STATISTICS ST_GEOMETRY_COLUMNS ST_SPATIAL_REFERENCE_SYSTEMS ST_UNITS_OF_MEASURE TABLES \
    TABLES_EXTENSIONS TABLE_CONSTRAINTS TABLE_CONSTRAINTS_EXTENSIONS TABLE_PRIVILEGES TRIGGERS USER_PRIVILEGES \
    VIEWS VIEW_ROUTINE_USAGE VIEW_TABLE_USAGE";
