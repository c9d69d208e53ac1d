-- One of everything that a snapshot tells apart, on either server.
CREATE TABLE t (
    id int PRIMARY KEY, a varchar(10), b int NOT NULL,
    c varchar(40) GENERATED ALWAYS AS (upper(a)) VIRTUAL, d varchar(40) GENERATED ALWAYS AS (concat(a, 'it''s \\ \n "')) STORED,
    u int UNIQUE, v varchar(50) NOT NULL UNIQUE, w varchar(300) NOT NULL, x int NOT NULL, y int NOT NULL,
    UNIQUE KEY prefixed (w(10)), UNIQUE KEY two (x, y), UNIQUE KEY half (x, u)
);
CREATE TABLE kinds (
    id int PRIMARY KEY, k_tiny tinyint, k_small smallint, k_medium mediumint, k_big bigint unsigned, k_float float,
    k_double double, k_decimal decimal(5, 2), k_year year, k_date date, k_datetime datetime, k_timestamp timestamp NULL,
    k_time time, k_char char(3), k_text mediumtext, k_binary binary(3), k_blob longblob, k_json json, k_enum enum('a', 'b'),
    k_set set('x'), k_bit bit(3), k_geometry geometry, k_hidden int INVISIBLE
);
CREATE TABLE memory_one (id int NOT NULL UNIQUE) ENGINE = MEMORY;
CREATE TABLE part_one (id int NOT NULL) ENGINE = MyISAM;
CREATE TABLE merged (id int NOT NULL, UNIQUE KEY (id)) ENGINE = MERGE UNION = (part_one);
CREATE TABLE parted (id int NOT NULL PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2;
CREATE TABLE `Odd Name` (`A b` int);
CREATE VIEW v AS SELECT id, a FROM t;
CREATE VIEW vv AS SELECT upper(a) AS x FROM v;
CREATE TRIGGER on_insert BEFORE INSERT ON parted FOR EACH ROW SET NEW.id = NEW.id + 1;
CREATE FUNCTION plus_one(n int) RETURNS int DETERMINISTIC RETURN n + 1;
CREATE PROCEDURE both_ways(IN first int, OUT second varchar(10), INOUT third date) SELECT first;
CREATE TABLE twins (a int NOT NULL, b int NOT NULL, PRIMARY KEY (a, b));
CREATE TABLE Twins (a int NOT NULL, b int NOT NULL, PRIMARY KEY (a, b));
