import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;

/** What tools built on JDBC ask of the catalogs, under the shipped rules: none of it may be held. */
public class JdbcMetadata {
    interface Question {
        ResultSet ask(DatabaseMetaData data) throws Exception;
    }

    static final Map<String, String> ENV = System.getenv();

    static Map<String, Question> questions() {
        Map<String, Question> all = new LinkedHashMap<>();
        all.put("getSchemas", data -> data.getSchemas());
        all.put("getCatalogs", data -> data.getCatalogs());
        all.put("getTables", data -> data.getTables(null, null, "%", null));
        all.put("getColumns", data -> data.getColumns(null, "public", "%", null));
        all.put("getPrimaryKeys", data -> data.getPrimaryKeys(null, "public", "orders"));
        all.put("getImportedKeys", data -> data.getImportedKeys(null, "public", "orders"));
        all.put("getExportedKeys", data -> data.getExportedKeys(null, "public", "customers"));
        all.put("getIndexInfo", data -> data.getIndexInfo(null, "public", "orders", false, false));
        all.put("getTablePrivileges", data -> data.getTablePrivileges(null, "public", "orders"));
        all.put("getColumnPrivileges", data -> data.getColumnPrivileges(null, "public", "orders", "%"));
        all.put("getBestRowIdentifier", data -> data.getBestRowIdentifier(null, "public", "orders", 0, true));
        all.put("getProcedures", data -> data.getProcedures(null, "public", "%"));
        all.put("getFunctions", data -> data.getFunctions(null, "public", "%"));
        all.put("getFunctionColumns", data -> data.getFunctionColumns(null, "public", "%", "%"));
        all.put("getTypeInfo", data -> data.getTypeInfo());
        all.put("getUDTs", data -> data.getUDTs(null, "public", "%", null));
        all.put("getTableTypes", data -> data.getTableTypes());
        all.put("getClientInfoProperties", data -> data.getClientInfoProperties());
        return all;
    }

    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.setProperty("user", ENV.get("HP_AGENT_USER"));
        settings.setProperty("password", ENV.get("HP_AGENT_PASSWORD"));
        settings.setProperty("sslmode", ENV.get("HP_TLS").equals("1") ? "verify-full" : "disable");
        settings.setProperty("sslrootcert", ENV.get("HP_CA"));
        String url = "jdbc:postgresql://" + ENV.get("HP_HOST") + ":" + ENV.get("HP_PORT") + "/" + ENV.get("HP_DATABASE");
        boolean failed = false;
        try (Connection connection = DriverManager.getConnection(url, settings)) {
            for (Map.Entry<String, Question> entry : questions().entrySet()) {
                try (ResultSet rows = entry.getValue().ask(connection.getMetaData())) {
                    int count = 0;
                    while (rows.next()) {
                        count += 1;
                    }
                    System.out.println("ok " + entry.getKey() + " (" + count + " rows)");
                } catch (Exception cause) {
                    failed = true;
                    System.out.println("FAIL " + entry.getKey() + ": " + cause.getMessage().replace('\n', ' '));
                }
            }
        }
        System.exit(failed ? 1 : 0);
    }
}
