-- The sample shop for MySQL and MariaDB: the rows of demo.sql, value for value but for the API keys (MySQL 9 has no md5).
-- 100 000 customers, 200 000 orders, 150 000 payments, 500 employees, 2 000 API keys. None of them is anybody.

SET NAMES utf8mb4;

CREATE TABLE customers (
    id            bigint PRIMARY KEY,
    full_name     varchar(100) NOT NULL,
    email         varchar(100) NOT NULL UNIQUE,
    phone         varchar(30),
    date_of_birth date,
    city          varchar(60) NOT NULL,
    country       char(2) NOT NULL,
    created_at    datetime NOT NULL
);

CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    status      varchar(20) NOT NULL CHECK (status IN ('open', 'paid', 'shipped', 'returned')),
    total       decimal(12, 2) NOT NULL,
    placed_at   datetime NOT NULL,
    FOREIGN KEY (customer_id) REFERENCES customers (id)
);

CREATE TABLE payments (
    id          bigint PRIMARY KEY,
    order_id    bigint NOT NULL,
    card_number varchar(20) NOT NULL,
    card_holder varchar(100) NOT NULL,
    amount      decimal(12, 2) NOT NULL,
    paid_at     datetime NOT NULL,
    FOREIGN KEY (order_id) REFERENCES orders (id)
);

CREATE TABLE employees (
    id         integer PRIMARY KEY,
    full_name  varchar(100) NOT NULL,
    email      varchar(100) NOT NULL UNIQUE,
    ssn        varchar(20) NOT NULL UNIQUE,
    salary     decimal(10, 2) NOT NULL,
    manager_id integer,
    hired_on   date NOT NULL,
    FOREIGN KEY (manager_id) REFERENCES employees (id)
);

CREATE TABLE api_keys (
    id          integer PRIMARY KEY,
    customer_id bigint NOT NULL,
    label       varchar(100) NOT NULL,
    api_key     varchar(100) NOT NULL UNIQUE,
    active      boolean NOT NULL,
    created_at  datetime NOT NULL,
    FOREIGN KEY (customer_id) REFERENCES customers (id)
);

-- Neither server lets a statement open one temporary table twice, so these are ordinary tables, dropped below.
CREATE TABLE digits (d bigint NOT NULL);
INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TABLE numbers (i bigint PRIMARY KEY);
INSERT INTO numbers
SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d
FROM digits a, digits b, digits c, digits d, digits e, digits f
WHERE f.d < 2;
CREATE TABLE first_names (n integer PRIMARY KEY, name varchar(20) NOT NULL);
INSERT INTO first_names VALUES
    (0, 'Ada'), (1, 'Bela'), (2, 'Chiara'), (3, 'Daniel'), (4, 'Edith'), (5, 'Farid'), (6, 'Greta'), (7, 'Hugo'), (8, 'Ines'),
    (9, 'Jonas'), (10, 'Kira'), (11, 'Luca'), (12, 'Mona'), (13, 'Nils'), (14, 'Olga'), (15, 'Pavel'), (16, 'Rosa'), (17, 'Samir'),
    (18, 'Tilda'), (19, 'Vera'), (20, 'Wanda'), (21, 'Yusuf'), (22, 'Zoe');
CREATE TABLE last_names (n integer PRIMARY KEY, name varchar(20) NOT NULL);
INSERT INTO last_names VALUES
    (0, 'Adler'), (1, 'Berg'), (2, 'Costa'), (3, 'Dahl'), (4, 'Engel'), (5, 'Fischer'), (6, 'Grant'), (7, 'Hoffmann'), (8, 'Ivanov'),
    (9, 'Jensen'), (10, 'Keller'), (11, 'Lorenz'), (12, 'Moreau'), (13, 'Novak'), (14, 'Olsen'), (15, 'Petit'), (16, 'Quist'),
    (17, 'Rossi'), (18, 'Schmidt'), (19, 'Torres'), (20, 'Urban'), (21, 'Vogel'), (22, 'Winter'), (23, 'Young'), (24, 'Ziegler');

INSERT INTO customers
SELECT i,
       concat(f.name, ' ', l.name),
       concat(lower(f.name), '.', lower(l.name), i, '@', elt(1 + i % 3, 'mail.example', 'post.example', 'web.example')),
       concat('+49 30 ', lpad(i * 7919 % 10000000, 7, '0')),
       date '1945-01-01' + INTERVAL i * 37 % 22000 DAY,
       elt(1 + i % 6, 'Berlin', 'Lisbon', 'Oslo', 'Prague', 'Turin', 'Vienna'),
       elt(1 + i % 6, 'DE', 'PT', 'NO', 'CZ', 'IT', 'AT'),
       timestamp '2020-01-01 00:00:00' + INTERVAL i * 23 MINUTE
FROM numbers
JOIN first_names f ON f.n = i % 23
JOIN last_names l ON l.n = i DIV 23 % 25
WHERE i <= 100000
ORDER BY i;

INSERT INTO orders
SELECT i,
       1 + i * 48611 % 100000,
       elt(1 + i % 4, 'open', 'paid', 'shipped', 'returned'),
       (i * 104729 % 50000) / 100 + 4.99,
       timestamp '2024-01-01 00:00:00' + INTERVAL i * 5 MINUTE
FROM numbers
ORDER BY i;

INSERT INTO payments
SELECT o.id,
       o.id,
       concat('4', lpad(o.id * 15485863 % 1000000000000000, 15, '0')),
       c.full_name,
       o.total,
       o.placed_at + INTERVAL 10 MINUTE
FROM orders o
JOIN customers c ON c.id = o.customer_id
WHERE o.id <= 150000
ORDER BY o.id;

INSERT INTO employees
SELECT i,
       concat(f.name, ' ', l.name),
       concat(lower(f.name), '.', lower(l.name), i, '@shop.example'),
       concat_ws('-', lpad(100 + i % 600, 3, '0'), lpad(i * 13 % 100, 2, '0'), lpad(i * 7 % 10000, 4, '0')),
       32000 + (i * 7717 % 60000),
       nullif(i DIV 10, 0),
       date '2012-01-01' + INTERVAL i * 11 % 4500 DAY
FROM numbers
JOIN first_names f ON f.n = i * 5 % 23
JOIN last_names l ON l.n = i * 3 % 25
WHERE i <= 500
ORDER BY i;

INSERT INTO api_keys
SELECT i, i * 47 % 100000 + 1, concat('key ', i), concat('sk_live_', left(sha2(concat('holdpoint demo key ', i), 256), 32)), i % 5 <> 0,
       timestamp '2025-01-01 00:00:00' + INTERVAL i HOUR
FROM numbers
WHERE i <= 2000;

DROP TABLE digits, numbers, first_names, last_names;

CREATE VIEW customer_totals AS
SELECT c.id, c.country, count(o.id) AS orders, coalesce(sum(o.total), 0) AS total
FROM customers c
LEFT JOIN orders o ON o.customer_id = c.id
GROUP BY c.id, c.country;

ANALYZE TABLE customers, orders, payments, employees, api_keys;
