// One line of JSON in (SQL), one out: what the model reads after its tool was called.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.HP_MODULES + "/");
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { generateText, stepCountIs, tool } = await load("ai");
const { MockLanguageModelV2 } = await load("ai/test");
const { z } = await load("zod");

const login = { host: process.env.HP_HOST, port: Number(process.env.HP_PORT), user: process.env.HP_USER,
  password: process.env.HP_PASSWORD, database: process.env.HP_DATABASE };

async function connect() {
  if (process.env.HP_SERVER === "postgres") {
    const client = new (require("pg").Client)(login);
    await client.connect();
    return { query: async (sql) => (await client.query(sql)).rows, end: () => client.end() };
  }
  const client = await require("mysql2/promise").createConnection(login);
  return { query: async (sql) => (await client.query(sql))[0], end: () => client.end() };
}

const database = await connect();
const query = tool({
  description: "Runs SQL",
  inputSchema: z.object({ sql: z.string() }),
  execute: async ({ sql }) => database.query(sql),
});
const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };

/** Calls the tool once, then says what it was given. */
function model(sql) {
  return new MockLanguageModelV2({
    doGenerate: async ({ prompt }) => {
      const last = prompt[prompt.length - 1];
      if (last.role !== "tool") {
        const call = { type: "tool-call", toolCallId: "1", toolName: "query", input: JSON.stringify({ sql }) };
        return { content: [call], finishReason: "tool-calls", usage, warnings: [] };
      }
      const given = last.content[0].output;
      const text = typeof given.value === "string" ? given.value : JSON.stringify(given.value);
      return { content: [{ type: "text", text }], finishReason: "stop", usage, warnings: [] };
    },
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await generateText({ model: model(JSON.parse(line)), tools: { query }, stopWhen: stepCountIs(2), prompt: "go" });
  process.stdout.write(JSON.stringify(answer.text) + "\n");
}
await database.end();
