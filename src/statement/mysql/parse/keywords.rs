//! The keywords of queries and changes of rows: whatever is not here is a name to the server, and so to sqlparser.

use crate::statement::scope::Flavour;

/// Keywords of both servers (MySQL manual, "Keywords and Reserved Words"; MariaDB: "Reserved Words").
const KEYWORDS: &str = "\
    AGAINST ALL AND ANY AS ASC AUTO BETWEEN BINARY BOOLEAN BOTH BY CASE CAST CHAR CHARACTER CHARSET COLLATE COLUMNS CONVERT \
    CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DATE DATETIME DAY DECIMAL DEFAULT DELETE DESC \
    DISTINCT DISTINCTROW DIV DOUBLE DUPLICATE ELSE EMPTY END ERROR ESCAPE EXCEPT EXISTS EXPANSION EXTRACT FALSE FETCH \
    FIRST FLOAT FOLLOWING FOR FORCE FROM GROUP GROUP_CONCAT HAVING HIGH_PRIORITY HOUR IGNORE IN INDEX INNER INSERT INT \
    INTEGER INTERSECT INTERVAL INTO IS JOIN JSON JSON_TABLE KEY LANGUAGE LEADING LEFT LIKE LIMIT LOCALTIME LOCALTIMESTAMP \
    LOCK LOCKED MATCH MEMBER MICROSECOND MINUTE MODE MONTH NATURAL NCHAR NESTED NEXT NOT NOWAIT NULL NULLS OF OFFSET ON \
    ONLY OR ORDER ORDINALITY OUTER OVER PARTITION PATH POSITION PRECEDING PRECISION QUARTER QUERY RANGE REAL RECURSIVE \
    REGEXP REPLACE RESPECT RETURNING RIGHT RLIKE ROLLUP ROW ROWS SECOND SELECT SEPARATOR SET SHARE SIGNED SKIP SOME \
    SQL_BIG_RESULT SQL_BUFFER_RESULT SQL_CALC_FOUND_ROWS SQL_NO_CACHE SQL_SMALL_RESULT STRAIGHT_JOIN SUBSTR SUBSTRING \
    TABLE THEN TIES TIME TIMESTAMP TO TRAILING TRIM TRUE UNBOUNDED UNION UNKNOWN UNSIGNED UPDATE USE USING VALUE VALUES \
    VARCHAR WEEK WHEN WHERE WINDOW WITH XOR YEAR";

/// Keywords that are functions where a parenthesis follows.
const FUNCTIONS: &str = "CHAR DATE DAY HOUR IF INSERT LEFT MICROSECOND MINUTE MOD MONTH QUARTER REPLACE RIGHT SECOND TIME \
    TIMESTAMP WEEK YEAR FORMAT";

/// Names of types, which sqlparser takes for such in front of a string; the server only DATE, TIME and TIMESTAMP.
const TYPES: &str = "BOOLEAN CHAR CHARACTER DATETIME DAY DECIMAL DOUBLE FLOAT HOUR INT INTEGER JSON MICROSECOND \
    MINUTE MONTH NCHAR PRECISION QUARTER REAL SECOND SIGNED UNSIGNED VARCHAR WEEK YEAR";

/// Built-in functions that are such only where the parenthesis touches the name (MySQL manual, "Function Name Parsing").
const GLUED: &str = "adddate bit_and bit_or bit_xor cast count curdate curtime date_add date_sub extract group_concat \
    group_unique_users json_arrayagg json_objectagg max mid min now position session_user st_collect std stddev \
    stddev_pop stddev_samp subdate substr substring sum sysdate system_user trim unique_users var_pop var_samp variance \
    avg approx_count_distinct";

/// Keywords behind which an operand begins.
const OPENERS: &str = "ALL AND BETWEEN BINARY BY CASE DISTINCT DISTINCTROW DIV ELSE ESCAPE HAVING HIGH_PRIORITY IN \
    INTERVAL LIKE LIMIT MOD NOT OFFSET ON OR REGEXP RETURNING RLIKE SELECT SET SQL_BIG_RESULT SQL_BUFFER_RESULT \
    SQL_CALC_FOUND_ROWS SQL_NO_CACHE SQL_SMALL_RESULT STRAIGHT_JOIN THEN USING VALUES WHEN WHERE XOR";

fn lists(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}

/// Is this word (in upper case) a keyword of queries and changes of rows?
pub(super) fn is_keyword(upper: &str, flavour: Flavour) -> bool {
    // To MariaDB it is a name like any other.
    (upper == "LATERAL" && flavour == Flavour::MySql) || lists(KEYWORDS, upper)
}

/// Is this keyword the name of a function when a parenthesis follows?
pub(super) fn is_function(upper: &str) -> bool {
    lists(FUNCTIONS, upper)
}

/// Would sqlparser take this keyword for the type of the string behind it, where the server sees a column and its alias?
pub(super) fn is_type(upper: &str) -> bool {
    lists(TYPES, upper)
}

/// Is this a built-in function only when its parenthesis touches it?
pub(super) fn is_glued_function(name: &str) -> bool {
    lists(GLUED, &name.to_ascii_lowercase())
}

/// Does an operand begin behind this keyword?
pub(super) fn opens_operand(upper: &str) -> bool {
    lists(OPENERS, upper)
}
