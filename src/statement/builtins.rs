//! Which of PostgreSQL's own functions, operators, casts and system relations are understood.

use crate::statement::footprint::Facet;

/// Can it fail, or take a time, that depends on the values it gets?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Never.
    Total,
    /// It may.
    Fallible,
}

/// What a function does with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One value out of its arguments.
    Scalar(Total),
    /// `count`.
    Count,
    /// `sum`, `avg`.
    NumericAggregate,
    /// `min`, `max`, `array_agg`.
    ValueAggregate,
    /// `percentile_disc`.
    OrderedAggregate,
    /// A window function; `value`: passes argument values on.
    Window {
        /// Passes argument values on.
        value: bool,
    },
    /// Returns rows.
    TableFunction,
    /// `now()`.
    SessionInfo,
}

/// What an operator does with its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorKind {
    /// Compares.
    Comparison,
    /// Never fails.
    Total,
    /// May fail.
    Fallible,
    /// Looks into JSON.
    JsonPath,
    /// `||`.
    Concat,
}

/// What a cast does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastKind {
    /// Never fails.
    Total,
    /// May fail.
    Fallible,
    /// A user's type.
    Unknown,
}

/// A function of `pg_catalog` that is understood.
pub fn function(name: &str, _argument_count: usize) -> Option<Kind> {
    Some(match name {
        "upper" | "lower" | "length" | "char_length" | "reverse" | "concat" | "concat_ws" | "left" | "right"
        | "substr" | "substring" | "md5" | "trim" | "btrim" | "ltrim" | "rtrim" | "lpad" | "rpad" | "replace"
        | "translate" | "split_part" | "strpos" | "position" | "initcap" | "row_to_json" | "to_json" | "to_jsonb"
        | "json_build_object" | "jsonb_build_object" | "json_build_array" | "jsonb_build_array" | "array_to_string"
        | "encode" | "ascii" | "format_type" | "to_char" | "date_trunc" | "date_part" | "extract" | "quote_literal"
        | "quote_ident" => Kind::Scalar(Total::Total),
        "round" | "abs" | "to_date" | "to_number" | "decode" | "convert_from" | "timezone" | "get_byte" | "chr"
        | "repeat" | "like_escape" => Kind::Scalar(Total::Fallible),
        "count" => Kind::Count,
        "sum" | "avg" => Kind::NumericAggregate,
        "min" | "max" | "array_agg" | "string_agg" | "json_agg" | "jsonb_agg" | "json_object_agg"
        | "jsonb_object_agg" | "bool_and" | "bool_or" => Kind::ValueAggregate,
        "percentile_disc" | "percentile_cont" | "mode" => Kind::OrderedAggregate,
        "row_number" | "rank" | "dense_rank" | "ntile" => Kind::Window { value: false },
        "lag" | "lead" | "first_value" | "last_value" | "nth_value" => Kind::Window { value: true },
        "generate_series"
        | "unnest"
        | "regexp_split_to_table"
        | "json_each"
        | "jsonb_each"
        | "json_each_text"
        | "jsonb_array_elements"
        | "json_array_elements"
        | "string_to_table" => Kind::TableFunction,
        "now" | "version" | "current_database" | "current_setting" | "random" | "gen_random_uuid" => Kind::SessionInfo,
        _ => return None,
    })
}

/// An operator of `pg_catalog` that is understood.
pub fn operator(name: &str) -> Option<OperatorKind> {
    Some(match name {
        "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=" | "~~" | "!~~" | "~~*" | "!~~*" | "@>" | "<@" | "&&" | "?" => {
            OperatorKind::Comparison
        }
        "~" | "!~" | "~*" | "!~*" | "+" | "-" | "*" | "/" | "%" | "^" => OperatorKind::Fallible,
        "->" | "->>" | "#>" | "#>>" => OperatorKind::JsonPath,
        "||" => OperatorKind::Concat,
        _ => return None,
    })
}

/// A cast to a type of `pg_catalog`.
pub fn cast(type_name: &str) -> CastKind {
    match type_name {
        "text" | "varchar" | "bpchar" | "name" => CastKind::Total,
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "bool" | "date" | "time" | "timetz"
        | "timestamp" | "timestamptz" | "interval" | "uuid" | "json" | "jsonb" | "bytea" | "inet" | "varbit"
        | "xml" | "regclass" => CastKind::Fallible,
        _ => CastKind::Unknown,
    }
}

/// A system relation that holds no user data.
pub fn system_relation(schema: &str, name: &str) -> bool {
    matches!(
        (schema, name),
        ("pg_catalog", "pg_class" | "pg_namespace" | "pg_attribute" | "pg_type")
            | ("information_schema", "tables" | "columns")
    )
}

/// A function known for what it does beyond returning a value.
pub fn danger(name: &str) -> Option<Facet> {
    Some(match name {
        "pg_read_file" | "pg_terminate_backend" | "pg_sleep" => Facet::Server,
        "lo_export" => Facet::Exports,
        "query_to_xml" | "dblink" | "cursor_to_xml" | "table_to_xml" => Facet::Routine,
        "set_config" => Facet::Session,
        _ => return None,
    })
}
