//! The names of MySQL's and MariaDB's built-in functions that lineage may follow, from the manuals of MySQL 8.0 to 9 and
//! MariaDB 10.11.
//!
//! Notation as for PostgreSQL: `name/arguments`, `@n` not through argument n. Whatever takes a number or a date warns about
//! text that is none, and the warning quotes it: through such arguments a function is fallible.

/// Cannot fail, warns of nothing and takes no value-dependent time, whatever its arguments are.
pub(in crate::statement::builtins) const FUNCTIONS_TOTAL: &str = "\
    any_value/1 ascii/1 binary/1 bit_length/1 char_length/1 character_length/1 charset/1 coercibility/1 collation/1 concat/1- \
    concat_ws/2- crc32/1 curdate/0 current_date/0 current_time/0-1 current_timestamp/0-1 curtime/0-1 default/1 \
    field/2- find_in_set/2 grouping/1- hex/1 instr/2 is_ipv4/1 is_ipv6/1 is_uuid/1 json_array/0- json_quote/1 \
    json_valid/1 lcase/1 length/1 lengthb/1 localtime/0-1 localtimestamp/0-1 locate/2 lower/1 ltrim/1 md5/1 \
    natural_sort_key/1 now/0-1 octet_length/1 ord/1 password/1 pi/0 position/2 quote/1 rand/0 replace/3 reverse/1 \
    rtrim/1 sha/1 sha1/1 soundex/1 sysdate/0-1 to_base64/1 trim/1-2 ucase/1 unix_timestamp/0 upper/1 utc_date/0 \
    utc_time/0-1 utc_timestamp/0-1 uuid/0 weight_string/1";

/// Pure, but the value of an argument can make it fail, warn or slow.
pub(in crate::statement::builtins) const FUNCTIONS_FALLIBLE: &str = "\
    abs/1 acos/1 add_months/2 adddate/2 addtime/2 aes_decrypt/2-6 aes_encrypt/2-6 asin/1 atan/1-2 atan2/2 bin/1 \
    bin_to_uuid/1-2 bit_count/1 ceil/1 ceiling/1 char/1- chr/1 compress/1 conv/3 convert_tz/3 cos/1 cot/1 date/1 \
    date_add/2 date_format/2-3 date_sub/2 datediff/2 day/1 dayname/1 dayofmonth/1 dayofweek/1 dayofyear/1 decode/2 \
    degrees/1 des_decrypt/1-2 des_encrypt/1-2 elt/2- encode/2 encrypt/1-2 exp/1 export_set/3-5 extract/1 \
    extractvalue/2 floor/1 format/2-3 format_bytes/1 format_pico_time/1 from_base64/1 from_days/1 from_unixtime/1-2 \
    get_format/2 hour/1 inet6_aton/1 inet6_ntoa/1 inet_aton/1 inet_ntoa/1 insert/4@0 interval/2- is_ipv4_compat/1 \
    is_ipv4_mapped/1 json_append/3- json_array_append/3- json_array_insert/3- json_compact/1 json_contains/2-3 \
    json_contains_path/3- json_depth/1 json_detailed/1-2 json_equals/2 json_exists/2 json_extract/2- json_insert/3- \
    json_keys/1-2 json_length/1-2 json_loose/1 json_merge/2- json_merge_patch/2- json_merge_preserve/2- \
    json_normalize/1 json_object/0-@odd json_overlaps/2 json_pretty/1 json_query/2 json_remove/2- json_replace/3- \
    json_schema_valid/2 json_search/3- json_set/3- json_storage_free/1 json_storage_size/1 json_type/1 \
    json_unquote/1 json_value/2 last_day/1 last_insert_id/1 left/2@0 ln/1 locate/3 log/1-2 log10/1 log2/1 lpad/2-3@0 \
    make_set/2- makedate/2 maketime/3 match/2- microsecond/1 mid/2-3@0 minute/1 mod/2 month/1 monthname/1 oct/1 \
    period_add/2 period_diff/2 pow/2 power/2 quarter/1 radians/1 rand/1 random_bytes/1 regexp_instr/2-6 \
    regexp_like/2-3 regexp_replace/3-6 regexp_substr/2-5 repeat/2@0 right/2@0 round/1-2 rpad/2-3@0 sec_to_time/1 \
    second/1 sha2/2@0 sign/1 sin/1 space/1 sqrt/1 st_area/1 st_asbinary/1-2 st_asgeojson/1-3 st_astext/1-2 \
    st_aswkt/1-2 st_buffer/2- st_centroid/1 st_contains/2 st_crosses/2 st_difference/2 st_dimension/1 st_disjoint/2 \
    st_distance/2-3 st_distance_sphere/2-3 st_envelope/1 st_equals/2 st_geohash/2-3 st_geomfromgeojson/1-3 \
    st_geomfromtext/1-3 st_geometryfromtext/1-3 st_geometrytype/1 st_intersection/2 st_intersects/2 st_isempty/1 \
    st_issimple/1 st_isvalid/1 st_latitude/1-2 st_length/1-2 st_linefromtext/1-3 st_longitude/1-2 st_makeenvelope/2 \
    st_numpoints/1 st_overlaps/2 st_pointfromtext/1-3 st_polyfromtext/1-3 st_srid/1-2 st_touches/2 st_transform/2 \
    st_union/2 st_within/2 st_x/1-2 st_y/1-2 str_to_date/2 subdate/2 substr/2-3@0 substring/2-3@0 \
    substring_index/3@0 subtime/2 tan/1 time/1 time_format/2 time_to_sec/1 timediff/2 timestamp/1-2 timestampadd/3 \
    timestampdiff/3 to_char/1-2 to_days/1 to_seconds/1 truncate/2 uncompress/1 uncompressed_length/1 unhex/1 \
    unix_timestamp/1 updatexml/3 uuid_to_bin/1-2 week/1-2 weekday/1 weekofyear/1 year/1 yearweek/1-2";

/// Aggregates that tell only how many.
pub(in crate::statement::builtins) const COUNTS: &str = "\
    count/0-";

/// Aggregates whose result is a statistic of numbers.
pub(in crate::statement::builtins) const AGGREGATES_NUMERIC: &str = "\
    avg/1 std/1 stddev/1 stddev_pop/1 stddev_samp/1 sum/1 var_pop/1 var_samp/1 variance/1";

/// Aggregates whose result holds values as they are.
pub(in crate::statement::builtins) const AGGREGATES_VALUE: &str = "\
    bit_and/1 bit_or/1 bit_xor/1 group_concat/1- json_arrayagg/1 json_objectagg/2 max/1 min/1 st_collect/1";

/// Ordered-set aggregates; the count is that of the direct arguments.
pub(in crate::statement::builtins) const AGGREGATES_ORDERED: &str = "\
    median/1 percentile_cont/1 percentile_disc/1";

/// Window functions that tell a position.
pub(in crate::statement::builtins) const WINDOWS_POSITION: &str = "\
    cume_dist/0 dense_rank/0 ntile/1 percent_rank/0 rank/0 row_number/0";

/// Window functions that return another row's value.
pub(in crate::statement::builtins) const WINDOWS_VALUE: &str = "\
    first_value/1 lag/1-3 last_value/1 lead/1-3 nth_value/2";

/// Functions that return rows.
pub(in crate::statement::builtins) const TABLES: &str = "\
    json_table/1";

/// About the session or the server; never about rows of user tables.
pub(in crate::statement::builtins) const SESSION: &str = "\
    connection_id/0 current_role/0 current_user/0 database/0 found_rows/0 icu_version/0 last_insert_id/0 \
    ps_current_thread_id/0 row_count/0 schema/0 session_user/0 system_user/0 user/0 uuid_short/0 version/0";

/// Acts on the server, its files, its locks, its time, or runs programs. For naming the action only, see `dangers.rs`.
pub(in crate::statement::builtins) const DANGERS_SERVER: &str = "\
    asynchronous_connection_failover_add_source audit_log_read benchmark clone get_lock group_replication_set_as_primary \
    http_get http_post is_free_lock is_used_lock kdf keyring_key_fetch load_file master_gtid_wait master_pos_wait \
    release_all_locks release_lock service_get_read_locks service_get_write_locks sleep source_pos_wait sys_eval \
    sys_exec sys_get sys_set wait_for_executed_gtid_set wait_until_sql_thread_after_gtids";
