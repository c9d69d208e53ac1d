// pgjdbc, run as a single source file: java -cp postgresql.jar Pgjdbc.java

import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import org.postgresql.PGConnection;

public class Pgjdbc {
    interface Work {
        void run(Connection connection) throws Exception;
    }

    interface Check {
        void run() throws Exception;
    }

    static final Map<String, String> ENV = System.getenv();
    static final boolean DIRECT = ENV.get("HP_DIRECT").equals("1");
    static final long OFFSET = Long.parseLong(ENV.get("HP_OFFSET"));
    static final String TAG = ENV.get("HP_TAG");
    static final String ENDLESS = "SELECT count(*) FROM customers a, customers b, customers c";

    static void connected(String role, Work work) throws Exception {
        Properties settings = new Properties();
        settings.setProperty("user", ENV.get("HP_" + role + "_USER"));
        settings.setProperty("password", ENV.get("HP_" + role + "_PASSWORD"));
        settings.setProperty("loginTimeout", "10");
        if (ENV.get("HP_TLS").equals("1")) {
            settings.setProperty("sslmode", "verify-full");
            settings.setProperty("sslrootcert", ENV.get("HP_CA"));
        } else {
            settings.setProperty("sslmode", "disable");
        }
        String url = "jdbc:postgresql://" + ENV.get("HP_HOST") + ":" + ENV.get("HP_PORT") + "/" + ENV.get("HP_DATABASE");
        try (Connection connection = DriverManager.getConnection(url, settings)) {
            work.run(connection);
        }
    }

    static void equal(Object found, Object wanted) {
        if (!wanted.equals(found)) {
            throw new AssertionError(found + " is not " + wanted);
        }
    }

    static BigDecimal orderTotal(long number) {
        return BigDecimal.valueOf(number * 104729 % 50000, 2).add(new BigDecimal("4.99"));
    }

    static void maskedEmail(String value) {
        String real = "vera.berg42@mail.example";
        boolean masked = !value.equals(real) && value.startsWith("v") && value.endsWith("@mail.example") && value.contains("*");
        if (DIRECT ? !value.equals(real) : !masked) {
            throw new AssertionError("not a masked e-mail address: " + value);
        }
    }

    static void fails(Connection connection, String sql, String code, String... parts) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException error) {
            equal(error.getSQLState(), code);
            for (String part : parts) {
                if (!error.getMessage().contains(part)) {
                    throw new AssertionError("'" + part + "' is not in '" + error.getMessage() + "'");
                }
            }
            return;
        }
        throw new AssertionError("no error " + code);
    }

    static void stillWorks(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT 1 AS one")) {
            rows.next();
            equal(rows.getInt(1), 1);
        }
    }

    static void insertNote(Connection connection, long id, String body) throws Exception {
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO notes (id, body) VALUES (?, ?)")) {
            insert.setLong(1, id);
            insert.setString(2, body);
            equal(insert.executeUpdate(), 1);
        }
    }

    static long count(Connection connection, String sql) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        }
    }

    static void allCustomers(PreparedStatement statement) throws Exception {
        long found = 0;
        try (ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                found += 1;
                if (rows.getLong("id") == 42) {
                    maskedEmail(rows.getString("email"));
                }
            }
        }
        equal(found, 100000L);
    }

    static void cancelled(String sql) throws Exception {
        connected("AGENT", connection -> {
            try (Statement statement = connection.createStatement()) {
                Thread canceller = new Thread(() -> {
                    try {
                        Thread.sleep(500);
                        statement.cancel();
                    } catch (InterruptedException | SQLException error) {
                        error.printStackTrace();
                    }
                });
                canceller.start();
                try {
                    statement.execute(sql);
                    throw new AssertionError("not cancelled");
                } catch (SQLException error) {
                    equal(error.getSQLState(), "57014");
                }
                canceller.join();
            }
            stillWorks(connection);
        });
    }

    static void query() throws Exception {
        connected("AGENT", connection -> {
            try (Statement statement = connection.createStatement();
                    ResultSet rows = statement.executeQuery("SELECT id, status, total, placed_at FROM orders WHERE id = 1")) {
                rows.next();
                equal(rows.getLong(1), 1L);
                equal(rows.getString(2), "paid");
                equal(rows.getBigDecimal(3), orderTotal(1));
                equal(rows.getObject(4, OffsetDateTime.class).toInstant(), Instant.parse("2024-01-01T00:05:00Z"));
            }
        });
    }

    static void parameters() throws Exception {
        connected("AGENT", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT total FROM orders WHERE id = ? AND status = ?")) {
                statement.setLong(1, 1);
                statement.setString(2, "paid");
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    equal(rows.getBigDecimal(1), orderTotal(1));
                }
            }
        });
    }

    static void masked() throws Exception {
        connected("AGENT", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT email FROM customers WHERE id = ?")) {
                statement.setLong(1, 42);
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    maskedEmail(rows.getString(1));
                }
            }
        });
    }

    // From the fifth execution on, pgjdbc uses a named statement and binary results.
    static void preparedReuse() throws Exception {
        connected("AGENT", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT total, placed_at FROM orders WHERE id = ?")) {
                for (long number = 1; number <= 30; number += 1) {
                    statement.setLong(1, number);
                    try (ResultSet rows = statement.executeQuery()) {
                        rows.next();
                        equal(rows.getBigDecimal(1), orderTotal(number));
                    }
                }
            }
        });
    }

    static void batch() throws Exception {
        connected("AGENT", connection -> {
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO notes (id, body) VALUES (?, ?)")) {
                for (long number = 0; number < 50; number += 1) {
                    insert.setLong(1, OFFSET + 5000 + number);
                    insert.setString(2, "note " + number);
                    insert.addBatch();
                }
                equal(insert.executeBatch().length, 50);
            }
            equal(count(connection, "SELECT count(*) FROM notes WHERE id BETWEEN " + (OFFSET + 5000) + " AND " + (OFFSET + 5049)), 50L);
        });
    }

    static void metadata() throws Exception {
        connected("AGENT", connection -> {
            TreeSet<String> columns = new TreeSet<>();
            try (ResultSet rows = connection.getMetaData().getColumns(null, "public", "orders", null)) {
                while (rows.next()) {
                    columns.add(rows.getString("COLUMN_NAME"));
                }
            }
            equal(columns.toString(), "[customer_id, id, placed_at, status, total]");
        });
    }

    static void transaction() throws Exception {
        connected("AGENT", connection -> {
            connection.setAutoCommit(false);
            insertNote(connection, OFFSET + 1, "kept");
            connection.commit();
            insertNote(connection, OFFSET + 2, "dropped");
            connection.rollback();
            equal(count(connection, "SELECT count(*) FROM notes WHERE id IN (" + (OFFSET + 1) + ", " + (OFFSET + 2) + ")"), 1L);
            connection.rollback();
        });
    }

    static void errorInTransaction() throws Exception {
        connected("AGENT", connection -> {
            connection.setAutoCommit(false);
            fails(connection, "INSERT INTO notes (id, body) VALUES (0, 'twice')", "23505");
            fails(connection, "SELECT 1 AS one", "25P02");
            connection.rollback();
            stillWorks(connection);
        });
    }

    static void rows100k() throws Exception {
        connected("BULK", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT id, email FROM customers ORDER BY id")) {
                allCustomers(statement);
            }
        });
    }

    static void portal() throws Exception {
        connected("BULK", connection -> {
            connection.setAutoCommit(false);
            try (PreparedStatement statement = connection.prepareStatement("SELECT id, email FROM customers ORDER BY id")) {
                statement.setFetchSize(900);
                allCustomers(statement);
            }
        });
    }

    static void copyOut() throws Exception {
        connected("BULK", connection -> {
            ByteArrayOutputStream received = new ByteArrayOutputStream();
            String sql = "COPY (SELECT id, email FROM customers WHERE id <= 1000 ORDER BY id) TO STDOUT";
            equal(connection.unwrap(PGConnection.class).getCopyAPI().copyOut(sql, received), 1000L);
            maskedEmail(received.toString().split("\n")[41].split("\t")[1]);
        });
    }

    static void copyIn() throws Exception {
        connected("BULK", connection -> {
            StringBuilder data = new StringBuilder();
            for (long number = 0; number < 500; number += 1) {
                data.append(OFFSET + 1000 + number).append('\t').append("note ").append(number).append('\n');
            }
            String sql = "COPY notes (id, body) FROM STDIN";
            equal(connection.unwrap(PGConnection.class).getCopyAPI().copyIn(sql, new StringReader(data.toString())), 500L);
        });
    }

    static void holdApproved() throws Exception {
        connected("AGENT", connection -> {
            try (Statement statement = connection.createStatement()) {
                statement.execute("DROP TABLE approve_me_" + TAG);
            }
        });
    }

    static void holdApprovedRows() throws Exception {
        connected("AGENT", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT id, email FROM customers WHERE id <= ? ORDER BY id")) {
                statement.setLong(1, 100000);
                allCustomers(statement);
            }
        });
    }

    static void holdDenied() throws Exception {
        connected("AGENT", connection -> {
            fails(connection, "DROP TABLE deny_me_" + TAG, "42501", "approval denied [apr_", "not in the change window");
            stillWorks(connection);
        });
    }

    static void holdExpired() throws Exception {
        connected("HASTY", connection -> {
            fails(connection, "DROP TABLE expire_me_" + TAG, "55000", "approval expired [apr_");
            stillWorks(connection);
        });
    }

    public static void main(String[] arguments) {
        Map<String, Check> checks = new LinkedHashMap<>();
        checks.put("query", Pgjdbc::query);
        checks.put("parameters", Pgjdbc::parameters);
        checks.put("masked", Pgjdbc::masked);
        checks.put("prepared_reuse", Pgjdbc::preparedReuse);
        checks.put("batch", Pgjdbc::batch);
        checks.put("metadata", Pgjdbc::metadata);
        checks.put("transaction", Pgjdbc::transaction);
        checks.put("error_in_transaction", Pgjdbc::errorInTransaction);
        checks.put("rows_100k", Pgjdbc::rows100k);
        checks.put("portal", Pgjdbc::portal);
        checks.put("cancel", () -> cancelled(ENDLESS));
        checks.put("copy_out", Pgjdbc::copyOut);
        checks.put("copy_in", Pgjdbc::copyIn);
        checks.put("hold_approved", Pgjdbc::holdApproved);
        checks.put("hold_approved_rows", Pgjdbc::holdApprovedRows);
        checks.put("hold_denied", Pgjdbc::holdDenied);
        checks.put("hold_expired", Pgjdbc::holdExpired);
        checks.put("hold_cancelled", () -> cancelled("DROP TABLE leave_me_" + TAG));
        boolean failed = false;
        for (Map.Entry<String, Check> entry : checks.entrySet()) {
            String name = entry.getKey();
            if (DIRECT && name.startsWith("hold_")) {
                System.out.println("skip " + name);
                continue;
            }
            try {
                entry.getValue().run();
                System.out.println("ok " + name);
            } catch (Exception | AssertionError cause) {
                failed = true;
                String message = String.valueOf(cause.getMessage()).replaceAll("\\s+", " ");
                System.out.println("FAIL " + name + ": " + message.substring(0, Math.min(600, message.length())));
                cause.printStackTrace();
            }
        }
        System.exit(failed ? 1 : 0);
    }
}
