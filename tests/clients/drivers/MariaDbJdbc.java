// MariaDB Connector/J, run as a single source file: java -cp mariadb-java-client.jar MariaDbJdbc.java

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;

public class MariaDbJdbc {
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
    static final int BIG = 17 * 1024 * 1024;
    static final String ENDLESS = "SELECT sum(a.id % 7 + b.id % 5 + c.id % 3) FROM customers a, customers b, customers c";

    static void connected(String role, boolean server, Work work) throws Exception {
        Properties settings = new Properties();
        settings.setProperty("user", ENV.get("HP_" + role + "_USER"));
        settings.setProperty("password", ENV.get("HP_" + role + "_PASSWORD"));
        settings.setProperty("connectTimeout", "10000");
        settings.setProperty("allowMultiQueries", "true");
        settings.setProperty("serverTimezone", "UTC");
        settings.setProperty("useServerPrepStmts", String.valueOf(server));
        settings.setProperty("allowPublicKeyRetrieval", "true");
        if (ENV.get("HP_TLS").equals("1")) {
            settings.setProperty("useSsl", "true");
            settings.setProperty("serverSslCert", ENV.get("HP_CA"));
        }
        String url = "jdbc:mariadb://" + ENV.get("HP_HOST") + ":" + ENV.get("HP_PORT") + "/" + ENV.get("HP_DATABASE");
        try (Connection connection = DriverManager.getConnection(url, settings)) {
            work.run(connection);
        }
    }

    /** Each check with parameters runs with text and with server-side prepared statements. */
    static void both(String role, Work work) throws Exception {
        connected(role, false, work);
        connected(role, true, work);
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

    static void fails(Connection connection, String sql, int number, String... parts) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException error) {
            equal(error.getErrorCode(), number);
            for (String part : parts) {
                if (!error.getMessage().contains(part)) {
                    throw new AssertionError("'" + part + "' is not in '" + error.getMessage() + "'");
                }
            }
            stillWorks(connection);
            return;
        }
        throw new AssertionError("no error " + number);
    }

    static void stillWorks(Connection connection) throws Exception {
        equal(number(connection, "SELECT 1 AS one"), 1L);
    }

    static long number(Connection connection, String sql) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        }
    }

    static void insertNote(Connection connection, long id, String body) throws Exception {
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO notes (id, body) VALUES (?, ?)")) {
            insert.setLong(1, id);
            insert.setString(2, body);
            equal(insert.executeUpdate(), 1);
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

    /** Statement.cancel sends KILL QUERY over a connection of its own. */
    static void interrupted(String sql) throws Exception {
        connected("AGENT", false, connection -> {
            try (Statement statement = connection.createStatement()) {
                Thread timer = new Thread(() -> {
                    try {
                        Thread.sleep(700);
                        statement.cancel();
                    } catch (Exception error) {
                        error.printStackTrace();
                    }
                });
                timer.start();
                try {
                    statement.execute(sql);
                    throw new AssertionError("not interrupted");
                } catch (SQLException error) {
                    equal(error.getErrorCode(), 1317);
                }
                timer.join();
            }
            stillWorks(connection);
        });
    }

    static void query() throws Exception {
        connected("AGENT", false, connection -> {
            String sql = "SELECT id, status, total, placed_at FROM orders WHERE id = 1";
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
                rows.next();
                equal(rows.getLong(1), 1L);
                equal(rows.getString(2), "paid");
                equal(rows.getBigDecimal(3), orderTotal(1));
                equal(rows.getTimestamp(4).toLocalDateTime(), LocalDateTime.of(2024, 1, 1, 0, 5));
            }
        });
    }

    static void parameters() throws Exception {
        both("AGENT", connection -> {
            String sql = "SELECT total, placed_at FROM orders WHERE id = ? AND status = ?";
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                statement.setLong(1, 1);
                statement.setString(2, "paid");
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    equal(rows.getBigDecimal(1), orderTotal(1));
                    equal(rows.getTimestamp(2).toLocalDateTime(), LocalDateTime.of(2024, 1, 1, 0, 5));
                }
            }
        });
    }

    static void masked() throws Exception {
        both("AGENT", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT email FROM customers WHERE id = ?")) {
                statement.setLong(1, 42);
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    maskedEmail(rows.getString(1));
                }
            }
        });
    }

    static void prepared_reuse() throws Exception {
        both("AGENT", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT total FROM orders WHERE id = ?")) {
                for (long id = 1; id <= 30; id++) {
                    statement.setLong(1, id);
                    try (ResultSet rows = statement.executeQuery()) {
                        rows.next();
                        equal(rows.getBigDecimal(1), orderTotal(id));
                    }
                }
            }
        });
    }

    static void transaction() throws Exception {
        connected("AGENT", true, connection -> {
            connection.setAutoCommit(false);
            insertNote(connection, OFFSET + 1, "kept");
            connection.commit();
            insertNote(connection, OFFSET + 2, "dropped");
            connection.rollback();
            equal(number(connection, "SELECT count(*) FROM notes WHERE id IN (" + (OFFSET + 1) + ", " + (OFFSET + 2) + ")"), 1L);
        });
    }

    static void error_in_transaction() throws Exception {
        connected("AGENT", false, connection -> {
            connection.setAutoCommit(false);
            fails(connection, "INSERT INTO notes (id, body) VALUES (0, 'twice')", 1062);
            connection.rollback();
        });
    }

    static void rows_100k() throws Exception {
        both("BULK", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT id, email FROM customers ORDER BY id")) {
                allCustomers(statement);
            }
        });
    }

    static void streamed() throws Exception {
        both("BULK", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT id, email FROM customers ORDER BY id")) {
                statement.setFetchSize(500);
                allCustomers(statement);
            }
            stillWorks(connection);
        });
    }

    static void multi_result() throws Exception {
        connected("AGENT", false, connection -> {
            try (Statement statement = connection.createStatement()) {
                int results = 0;
                boolean rows = statement.execute("SELECT 1; SELECT 2; SELECT 3");
                while (rows) {
                    results += 1;
                    try (ResultSet result = statement.getResultSet()) {
                        result.next();
                        equal(result.getInt(1), results);
                    }
                    rows = statement.getMoreResults();
                }
                equal(results, 3);
            }
        });
    }

    static void call() throws Exception {
        connected("AGENT", false, connection -> {
            try (Statement statement = connection.createStatement()) {
                statement.execute("CALL approve_me_" + TAG + "_twice()");
                try (ResultSet result = statement.getResultSet()) {
                    result.next();
                    // Nobody can see into a procedure, so what it shows is masked whole.
                    equal(result.getInt(1), DIRECT ? 1 : 0);
                }
                equal(statement.getMoreResults(), true);
                try (ResultSet result = statement.getResultSet()) {
                    result.next();
                    equal(result.getInt(1), DIRECT ? 2 : 0);
                }
            }
            stillWorks(connection);
        });
    }

    static void big_packets() throws Exception {
        bigParameter(true, BIG);
        // A text of this length is not read, so it is held, and what it gives is masked whole.
        bigParameter(false, DIRECT ? BIG : 0);
        both("BULK", connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT repeat('y', " + BIG + ")");
                    ResultSet rows = statement.executeQuery()) {
                rows.next();
                equal(rows.getString(1), "y".repeat(BIG));
            }
        });
    }

    static void bigParameter(boolean server, int wanted) throws Exception {
        connected("BULK", server, connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT length(?)")) {
                statement.setString(1, "x".repeat(BIG));
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    equal(rows.getInt(1), wanted);
                }
            }
        });
    }

    static void metadata() throws Exception {
        connected("AGENT", false, connection -> {
            TreeSet<String> tables = new TreeSet<>();
            try (ResultSet rows = connection.getMetaData().getTables(ENV.get("HP_DATABASE"), null, "%", null)) {
                while (rows.next()) {
                    tables.add(rows.getString("TABLE_NAME"));
                }
            }
            equal(tables.contains("customers"), true);
            int columns = 0;
            try (ResultSet rows = connection.getMetaData().getColumns(ENV.get("HP_DATABASE"), null, "orders", "%")) {
                while (rows.next()) {
                    columns += 1;
                }
            }
            equal(columns, 5);
        });
    }

    static void hold_approved() throws Exception {
        connected("AGENT", false, connection -> {
            try (Statement statement = connection.createStatement()) {
                statement.execute("DROP TABLE approve_me_" + TAG);
            }
            stillWorks(connection);
        });
    }

    static void hold_approved_rows() throws Exception {
        connected("AGENT", true, connection -> {
            String sql = "SELECT id, email FROM customers WHERE id <= ? ORDER BY id";
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                statement.setLong(1, 100000);
                allCustomers(statement);
            }
        });
    }

    static void hold_denied() throws Exception {
        String[] parts = {"approval denied [apr_", "not in the change window"};
        connected("AGENT", false, connection -> fails(connection, "DROP TABLE deny_me_" + TAG, 1644, parts));
    }

    static void hold_expired() throws Exception {
        connected("HASTY", false, connection -> fails(connection, "DROP TABLE expire_me_" + TAG, 1644, "approval expired [apr_"));
    }

    public static void main(String[] arguments) {
        Map<String, Check> checks = new LinkedHashMap<>();
        checks.put("query", MariaDbJdbc::query);
        checks.put("parameters", MariaDbJdbc::parameters);
        checks.put("masked", MariaDbJdbc::masked);
        checks.put("prepared_reuse", MariaDbJdbc::prepared_reuse);
        checks.put("transaction", MariaDbJdbc::transaction);
        checks.put("error_in_transaction", MariaDbJdbc::error_in_transaction);
        checks.put("rows_100k", MariaDbJdbc::rows_100k);
        checks.put("streamed", MariaDbJdbc::streamed);
        checks.put("multi_result", MariaDbJdbc::multi_result);
        checks.put("call", MariaDbJdbc::call);
        checks.put("big_packets", MariaDbJdbc::big_packets);
        checks.put("metadata", MariaDbJdbc::metadata);
        checks.put("cancel", () -> interrupted(ENDLESS));
        checks.put("hold_approved", MariaDbJdbc::hold_approved);
        checks.put("hold_approved_rows", MariaDbJdbc::hold_approved_rows);
        checks.put("hold_denied", MariaDbJdbc::hold_denied);
        checks.put("hold_expired", MariaDbJdbc::hold_expired);
        checks.put("hold_cancelled", () -> interrupted("DROP TABLE leave_me_" + TAG));
        int failed = 0;
        for (Map.Entry<String, Check> check : checks.entrySet()) {
            if (DIRECT && check.getKey().startsWith("hold_")) {
                System.out.println("skip " + check.getKey());
                continue;
            }
            try {
                check.getValue().run();
                System.out.println("ok " + check.getKey());
            } catch (Throwable cause) {
                failed += 1;
                String text = String.valueOf(cause.getMessage()).replaceAll("\\s+", " ");
                System.out.println("FAIL " + check.getKey() + ": " + cause.getClass().getSimpleName() + ": " + text.substring(0, Math.min(600, text.length())));
                cause.printStackTrace();
            }
        }
        System.exit(failed == 0 ? 0 : 1);
    }
}
