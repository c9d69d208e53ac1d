//! The system relations of MySQL and MariaDB that statements may read: definitions of objects, never what rows of user tables hold.
//!
//! Left out on purpose: process lists, statement texts and digests, histograms and column statistics, buffer pages, traces,
//! accounts and their attributes, status counters, and all of `sys`.

/// Of `information_schema`, in lower case.
pub(in crate::statement::builtins) const INFORMATION_SCHEMA: &str = "\
    administrable_role_authorizations applicable_roles character_sets check_constraints \
    collation_character_set_applicability collations column_privileges columns columns_extensions enabled_roles engines \
    events files geometry_columns global_variables key_column_usage keywords parameters partitions plugins \
    referential_constraints role_column_grants role_routine_grants role_table_grants routines schema_privileges \
    schemata schemata_extensions session_variables spatial_ref_sys sql_functions st_geometry_columns \
    st_spatial_reference_systems st_units_of_measure statistics system_variables table_constraints \
    table_constraints_extensions table_privileges tables tables_extensions triggers user_privileges \
    view_routine_usage view_table_usage views";

/// Of `performance_schema`.
pub(in crate::statement::builtins) const PERFORMANCE_SCHEMA: &str = "\
    global_variables session_variables variables_info";

/// Of `mysql`.
pub(in crate::statement::builtins) const MYSQL: &str = "\
    help_category help_keyword help_relation help_topic time_zone time_zone_leap_second time_zone_name \
    time_zone_transition time_zone_transition_type";
