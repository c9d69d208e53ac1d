CREATE TABLE products (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80) NOT NULL, price DECIMAL(10,2), stock INT DEFAULT 0, category VARCHAR(20), gross DECIMAL(12,4) AS (price * 1.19) VIRTUAL);
INSERT INTO products (id, name, price, stock, category) VALUES (1, 'Lamp', 12.50, 3, 'lamp'), (9, 'Chair', 49.00, 1, 'seat');
CREATE TABLE order_items (order_id INT, line INT, product_id INT, quantity INT, price DECIMAL(10,2), PRIMARY KEY (order_id, line));
INSERT INTO order_items VALUES (1, 1, 1, 2, 12.50), (3, 1, 9, 1, 49.00);
CREATE TABLE shy (id INT PRIMARY KEY, seen VARCHAR(10), unseen VARCHAR(10) INVISIBLE);
INSERT INTO shy (id, seen, unseen) VALUES (1, 'a', 'b')
