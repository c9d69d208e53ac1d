-- The sample shop: the same rows on every machine, made from nothing but row numbers.
-- 100 000 customers, 200 000 orders, 150 000 payments, 500 employees, 2 000 API keys. None of them is anybody.

SET client_min_messages = warning;

CREATE TABLE customers (
    id            bigint PRIMARY KEY,
    full_name     text NOT NULL,
    email         text NOT NULL UNIQUE,
    phone         text,
    date_of_birth date,
    city          text NOT NULL,
    country       char(2) NOT NULL,
    created_at    timestamptz NOT NULL
);

CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    status      text NOT NULL CHECK (status IN ('open', 'paid', 'shipped', 'returned')),
    total       numeric(12, 2) NOT NULL,
    placed_at   timestamptz NOT NULL
);

CREATE TABLE payments (
    id          bigint PRIMARY KEY,
    order_id    bigint NOT NULL REFERENCES orders,
    card_number text NOT NULL,
    card_holder text NOT NULL,
    amount      numeric(12, 2) NOT NULL,
    paid_at     timestamptz NOT NULL
);

CREATE TABLE employees (
    id         integer PRIMARY KEY,
    full_name  text NOT NULL,
    email      text NOT NULL UNIQUE,
    ssn        text NOT NULL UNIQUE,
    salary     numeric(10, 2) NOT NULL,
    manager_id integer REFERENCES employees,
    hired_on   date NOT NULL
);

CREATE TABLE api_keys (
    id          integer PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    label       text NOT NULL,
    api_key     text NOT NULL UNIQUE,
    active      boolean NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE TEMPORARY TABLE first_names AS SELECT ordinality - 1 AS n, name FROM unnest(ARRAY[
    'Ada', 'Bela', 'Chiara', 'Daniel', 'Edith', 'Farid', 'Greta', 'Hugo', 'Ines', 'Jonas', 'Kira', 'Luca', 'Mona', 'Nils',
    'Olga', 'Pavel', 'Rosa', 'Samir', 'Tilda', 'Vera', 'Wanda', 'Yusuf', 'Zoe'
]) WITH ORDINALITY AS names(name, ordinality);
CREATE TEMPORARY TABLE last_names AS SELECT ordinality - 1 AS n, name FROM unnest(ARRAY[
    'Adler', 'Berg', 'Costa', 'Dahl', 'Engel', 'Fischer', 'Grant', 'Hoffmann', 'Ivanov', 'Jensen', 'Keller', 'Lorenz', 'Moreau',
    'Novak', 'Olsen', 'Petit', 'Quist', 'Rossi', 'Schmidt', 'Torres', 'Urban', 'Vogel', 'Winter', 'Young', 'Ziegler'
]) WITH ORDINALITY AS names(name, ordinality);

INSERT INTO customers
SELECT i,
       f.name || ' ' || l.name,
       lower(f.name) || '.' || lower(l.name) || i || '@' || (ARRAY['mail.example', 'post.example', 'web.example'])[1 + i % 3],
       '+49 30 ' || lpad((i * 7919 % 10000000)::text, 7, '0'),
       date '1945-01-01' + (i * 37 % 22000)::integer,
       (ARRAY['Berlin', 'Lisbon', 'Oslo', 'Prague', 'Turin', 'Vienna'])[1 + i % 6],
       (ARRAY['DE', 'PT', 'NO', 'CZ', 'IT', 'AT'])[1 + i % 6],
       timestamptz '2020-01-01 00:00:00+00' + i * interval '23 minutes'
FROM generate_series(1::bigint, 100000) AS i
JOIN first_names f ON f.n = i % 23
JOIN last_names l ON l.n = (i / 23) % 25
ORDER BY i;

INSERT INTO orders
SELECT i,
       1 + i * 48611 % 100000,
       (ARRAY['open', 'paid', 'shipped', 'returned'])[1 + i % 4],
       (i * 104729 % 50000) / 100.0 + 4.99,
       timestamptz '2024-01-01 00:00:00+00' + i * interval '5 minutes'
FROM generate_series(1::bigint, 200000) AS i;

INSERT INTO payments
SELECT o.id,
       o.id,
       '4' || lpad((o.id * 15485863 % 1000000000000000)::text, 15, '0'),
       c.full_name,
       o.total,
       o.placed_at + interval '10 minutes'
FROM orders o
JOIN customers c ON c.id = o.customer_id
WHERE o.id <= 150000
ORDER BY o.id;

INSERT INTO employees
SELECT i,
       f.name || ' ' || l.name,
       lower(f.name) || '.' || lower(l.name) || i || '@shop.example',
       lpad((100 + i % 600)::text, 3, '0') || '-' || lpad((i * 13 % 100)::text, 2, '0') || '-' || lpad((i * 7 % 10000)::text, 4, '0'),
       32000 + (i * 7717 % 60000),
       NULLIF(i / 10, 0),
       date '2012-01-01' + (i * 11 % 4500)
FROM generate_series(1, 500) AS i
JOIN first_names f ON f.n = i * 5 % 23
JOIN last_names l ON l.n = i * 3 % 25
ORDER BY i;

INSERT INTO api_keys
SELECT i, i * 47 % 100000 + 1, 'key ' || i, 'sk_live_' || md5('holdpoint demo key ' || i), i % 5 <> 0,
       timestamptz '2025-01-01 00:00:00+00' + i * interval '1 hour'
FROM generate_series(1, 2000) AS i;

DROP TABLE first_names, last_names;

CREATE INDEX ON orders (customer_id);
CREATE INDEX ON payments (order_id);
CREATE INDEX ON api_keys (customer_id);

CREATE VIEW customer_totals AS
SELECT c.id, c.country, count(o.id) AS orders, coalesce(sum(o.total), 0) AS total
FROM customers c
LEFT JOIN orders o ON o.customer_id = c.id
GROUP BY c.id, c.country;

ANALYZE;
