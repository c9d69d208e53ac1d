//! The names of PostgreSQL's built-in functions that lineage may follow, curated from `pg_proc` of PostgreSQL 13 to 18.
//!
//! Notation: `name/arguments`, where arguments is `n`, `n-m` or `n-` (variadic). A name may stand in several lists with
//! different counts. What is on no list is not understood: SQL in strings, files, network, large objects, settings,
//! notifications, locks, sleeping, statistics.

/// Cannot fail and takes no value-dependent time, whatever its arguments are (of the right type).
pub(super) const FUNCTIONS_TOTAL: &str = "\
    abbrev/1 array_dims/1 array_length/2 array_lower/2 array_ndims/1 array_replace/3 array_reverse/1 \
    array_to_json/1-2 array_to_string/2-3 array_upper/2 ascii/1 bit_count/1 bit_length/1 bpchar/1 broadcast/1 \
    btrim/1-2 cardinality/1 casefold/1 ceil/1 ceiling/1 char_length/1 character_length/1 clock_timestamp/0 concat/1- \
    concat_ws/2- crc32/1 crc32c/1 family/1 floor/1 gen_random_uuid/0 hashint4/1 hashint8/1 hashtext/1 \
    hashtextextended/2 host/1 hostmask/1 inet_same_family/2 initcap/1 isempty/1 isfinite/1 json_build_array/0- \
    json_strip_nulls/1-2 json_typeof/1 jsonb_build_array/0- jsonb_pretty/1 jsonb_strip_nulls/1-2 jsonb_typeof/1 \
    left/2 length/1 lower/1 lower_inc/1 lower_inf/1 ltrim/1-2 masklen/1 md5/1 min_scale/1 name/1 netmask/1 network/1 \
    now/0 num_nonnulls/1- num_nulls/1- octet_length/1 overlaps/4 pg_collation_for/1 pg_column_compression/1 \
    pg_column_size/1 pg_size_pretty/1 pg_typeof/1 pi/0 position/2 quote_ident/1 quote_literal/1 quote_nullable/1 \
    random/0 replace/3 reverse/1 right/2 round/1 row_to_json/1-2 rtrim/1-2 scale/1 sha224/1 sha256/1 sha384/1 \
    sha512/1 sign/1 starts_with/2 statement_timestamp/0 string_to_array/2-3 strpos/2 substr/2 text/1 timeofday/0 \
    to_bin/1 to_hex/1 to_json/1 to_jsonb/1 to_oct/1 transaction_timestamp/0 translate/3 trim_scale/1 trunc/1 \
    unicode_assigned/1 upper/1 upper_inc/1 upper_inf/1 uuid_extract_timestamp/1 uuid_extract_version/1 uuidv4/0 \
    uuidv7/0-1 varchar/1";

/// Pure, but the value of an argument can make it fail or slow. `@n`: not through argument n
/// (from 0); `@odd`: not through the second, fourth, … one.
pub(super) const FUNCTIONS_FALLIBLE: &str = "\
    abs/1 acos/1 acosd/1 acosh/1 age/1-2 area/1 array_append/2 array_cat/2 array_fill/2-3 array_position/2-3 \
    array_positions/2 array_prepend/2 array_remove/2 array_sample/2 array_shuffle/1 array_sort/1-3 \
    array_to_tsvector/1 asin/1 asind/1 asinh/1 atan/1 atan2/2 atan2d/2 atand/1 atanh/1 bit/2-3 bool/1 cbrt/1 \
    center/1 chr/1 cidr/1 convert/3 convert_from/2 convert_to/2 cos/1 cosd/1 cosh/1 cot/1 cotd/1 date/1 date_add/2-3 \
    date_bin/3 date_part/2@1 date_subtract/2-3 date_trunc/2-3@1 datemultirange/0- daterange/2-3 decode/2 degrees/1 \
    diameter/1 div/2 encode/2@0 enum_first/1 enum_last/1 enum_range/1-2 erf/1 erfc/1 exp/1 extract/2@1 factorial/1 \
    float4/1 float8/1 format/1- gamma/1 gcd/2 get_bit/2 get_byte/2 height/1 inet/1 inet_merge/2 int2/1 int4/1 \
    int4multirange/0- int4range/2-3 int8/1 int8multirange/0- int8range/2-3 interval/1-2 is_normalized/1-2@0 \
    json_array_length/1 json_build_object/0-@odd json_extract_path/1- json_extract_path_text/1- json_object/1-2 \
    jsonb_array_length/1 jsonb_build_object/0-@odd jsonb_extract_path/1- jsonb_extract_path_text/1- jsonb_insert/3-4 \
    jsonb_object/1-2 jsonb_path_exists/2-4 jsonb_path_exists_tz/2-4 jsonb_path_match/2-4 jsonb_path_match_tz/2-4 \
    jsonb_path_query_array/2-4 jsonb_path_query_array_tz/2-4 jsonb_path_query_first/2-4 \
    jsonb_path_query_first_tz/2-4 jsonb_set/3-4 jsonb_set_lax/3-5 justify_days/1 justify_hours/1 justify_interval/1 \
    lcm/2 length/2 lgamma/1 like_escape/2 ln/1 log/1-2 log10/1 lpad/2-3@0 macaddr/1 make_date/3 make_interval/0-7 \
    make_time/3 make_timestamp/6 make_timestamptz/6-7 mod/2 money/1 multirange/1 normalize/1-2@0 npoints/1 \
    numeric/1-2 nummultirange/0- numnode/1 numrange/2-3 oid/1 overlay/3-4@0 parse_ident/1-2 pg_size_bytes/1 \
    phraseto_tsquery/1-2 plainto_tsquery/1-2 point/2 pow/2 power/2 querytree/1 radians/1 radius/1 random/2 \
    random_normal/0-2 range_merge/1-2 regclass/1 regexp_count/2-4 regexp_instr/2-7 regexp_like/2-3 regexp_match/2-3 \
    regexp_replace/3-6 regexp_split_to_array/2-3 regexp_substr/2-6 repeat/2 round/2@0 rpad/2-3@0 set_bit/3 \
    set_byte/3 set_masklen/2 setweight/2-3 similar_escape/2 similar_to_escape/1-2 sin/1 sind/1 sinh/1 split_part/3@0 \
    sqrt/1 strip/1 substr/3@0 substring/2 substring/3@0 tan/1 tand/1 tanh/1 time/1-2 timestamp/1-2 timestamptz/1-2 \
    timetz/1-2 timezone/2@1 to_ascii/1-2 to_char/2@0 to_date/2 to_number/2 to_timestamp/1-2 to_tsquery/1-2 \
    to_tsvector/1-2 trim_array/2 trunc/2@0 ts_delete/2 ts_filter/2 ts_headline/2-4 ts_rank/2-4 ts_rank_cd/2-4 \
    tsmultirange/0- tsquery_phrase/2-3 tsrange/2-3 tstzmultirange/0- tstzrange/2-3 tsvector_to_array/1 unistr/1 \
    varbit/3 websearch_to_tsquery/1-2 width/1 width_bucket/2-4 xid/1";

/// Aggregates that tell only how many.
pub(super) const COUNTS: &str = "\
    count/0-1 regr_count/2";

/// Aggregates whose result is a statistic of numbers.
pub(super) const AGGREGATES_NUMERIC: &str = "\
    avg/1 corr/2 covar_pop/2 covar_samp/2 regr_avgx/2 regr_avgy/2 regr_intercept/2 regr_r2/2 regr_slope/2 regr_sxx/2 \
    regr_sxy/2 regr_syy/2 stddev/1 stddev_pop/1 stddev_samp/1 sum/1 var_pop/1 var_samp/1 variance/1";

/// Aggregates whose result holds values as they are.
pub(super) const AGGREGATES_VALUE: &str = "\
    any_value/1 array_agg/1 bit_and/1 bit_or/1 bit_xor/1 bool_and/1 bool_or/1 every/1 json_agg/1 json_agg_strict/1 \
    json_object_agg/2@1 jsonb_agg/1 jsonb_agg_strict/1 jsonb_object_agg/2@1 max/1 min/1 range_agg/1 \
    range_intersect_agg/1 string_agg/2";

/// Ordered-set and hypothetical-set aggregates; the count is that of the direct arguments.
pub(super) const AGGREGATES_ORDERED: &str = "\
    cume_dist/1- dense_rank/1- mode/0 percent_rank/1- percentile_cont/1 percentile_disc/1 rank/1-";

/// Window functions that tell a position.
pub(super) const WINDOWS_POSITION: &str = "\
    cume_dist/0 dense_rank/0 ntile/1 percent_rank/0 rank/0 row_number/0";

/// Window functions that return another row's value.
pub(super) const WINDOWS_VALUE: &str = "\
    first_value/1 lag/1-3 last_value/1 lead/1-3 nth_value/2";

/// Functions that return sets or rows.
pub(super) const TABLES: &str = "\
    _pg_expandarray/1 aclexplode/1 generate_series/2-3 generate_subscripts/2-3 json_array_elements/1 \
    json_array_elements_text/1 json_each/1 json_each_text/1 json_object_keys/1 json_to_record/1 json_to_recordset/1 \
    jsonb_array_elements/1 jsonb_array_elements_text/1 jsonb_each/1 jsonb_each_text/1 jsonb_object_keys/1 \
    jsonb_path_query/2-4 jsonb_path_query_tz/2-4 jsonb_to_record/1 jsonb_to_recordset/1 \
    pg_available_extension_versions/0 pg_available_extensions/0 pg_get_keywords/0 pg_get_object_address/3 \
    pg_identify_object/3 pg_identify_object_as_address/3 pg_listening_channels/0 pg_options_to_table/1 \
    pg_partition_ancestors/1 pg_partition_tree/1 pg_sequence_parameters/1 pg_show_all_settings/0 \
    pg_tablespace_databases/1 pg_timezone_abbrevs/0 pg_timezone_names/0 regexp_matches/2-3 regexp_split_to_table/2-3 \
    string_to_table/2-3 ts_token_type/1 unnest/1-@all";

/// About the session, the server or definitions; never about rows of user tables.
pub(super) const SESSION: &str = "\
    _pg_char_max_length/2 _pg_char_octet_length/2 _pg_datetime_precision/2 _pg_index_position/2 _pg_interval_type/2 \
    _pg_numeric_precision/2 _pg_numeric_precision_radix/2 _pg_numeric_scale/2 _pg_truetypid/2 _pg_truetypmod/2 \
    acldefault/2 col_description/2 current_database/0 current_schema/0 current_schemas/1 current_setting/1-2 \
    current_user/0 currval/1 format_type/2 getdatabaseencoding/0 getpgusername/0 has_any_column_privilege/2-3 \
    has_column_privilege/3-4 has_database_privilege/2-3 has_foreign_data_wrapper_privilege/2-3 \
    has_function_privilege/2-3 has_language_privilege/2-3 has_parameter_privilege/2-3 has_schema_privilege/2-3 \
    has_sequence_privilege/2-3 has_server_privilege/2-3 has_table_privilege/2-3 has_tablespace_privilege/2-3 \
    has_type_privilege/2-3 inet_client_addr/0 inet_client_port/0 inet_server_addr/0 inet_server_port/0 lastval/0 \
    mxid_age/1 nextval/1 obj_description/1-2 oidvectortypes/1 pg_advisory_unlock_all/0 pg_backend_pid/0 \
    pg_basetype/1 pg_blocking_pids/1 pg_char_to_encoding/1 pg_client_encoding/0 pg_collation_is_visible/1 \
    pg_column_is_updatable/3 pg_conf_load_time/0 pg_conversion_is_visible/1 pg_current_snapshot/0 \
    pg_current_wal_lsn/0 pg_current_xact_id/0 pg_current_xact_id_if_assigned/0 pg_database_size/1 \
    pg_describe_object/3 pg_encoding_max_length/1 pg_encoding_to_char/1 pg_function_is_visible/1 pg_get_acl/3 \
    pg_get_constraintdef/1-2 pg_get_expr/2-3 pg_get_function_arg_default/2 pg_get_function_arguments/1 \
    pg_get_function_identity_arguments/1 pg_get_function_result/1 pg_get_function_sqlbody/1 pg_get_functiondef/1 \
    pg_get_indexdef/1-3 pg_get_partition_constraintdef/1 pg_get_partkeydef/1 pg_get_replica_identity_index/1 \
    pg_get_ruledef/1-2 pg_get_serial_sequence/2 pg_get_statisticsobjdef/1 pg_get_statisticsobjdef_columns/1 \
    pg_get_statisticsobjdef_expressions/1 pg_get_triggerdef/1-2 pg_get_userbyid/1 pg_get_viewdef/1-2 pg_has_role/2-3 \
    pg_index_column_has_property/3 pg_index_has_property/2 pg_indexam_has_property/2 pg_indexes_size/1 \
    pg_is_in_recovery/0 pg_is_other_temp_schema/1 pg_jit_available/0 pg_last_wal_receive_lsn/0 \
    pg_last_wal_replay_lsn/0 pg_last_xact_replay_timestamp/0 pg_my_temp_schema/0 pg_opclass_is_visible/1 \
    pg_operator_is_visible/1 pg_opfamily_is_visible/1 pg_partition_root/1 pg_postmaster_start_time/0 \
    pg_relation_is_publishable/1 pg_relation_is_updatable/2 pg_relation_size/1-2 pg_settings_get_flags/1 \
    pg_statistics_obj_is_visible/1 pg_table_is_visible/1 pg_table_size/1 pg_tablespace_location/1 \
    pg_tablespace_size/1 pg_total_relation_size/1 pg_trigger_depth/0 pg_ts_config_is_visible/1 \
    pg_ts_dict_is_visible/1 pg_ts_parser_is_visible/1 pg_ts_template_is_visible/1 pg_type_is_visible/1 \
    pg_wal_lsn_diff/2 row_security_active/1 session_user/0 shobj_description/2 system_user/0 to_regclass/1 \
    to_regcollation/1 to_regnamespace/1 to_regoper/1 to_regoperator/1 to_regproc/1 to_regprocedure/1 to_regrole/1 \
    to_regtype/1 to_regtypemod/1 txid_current/0 txid_current_if_assigned/0 txid_current_snapshot/0 version/0";
