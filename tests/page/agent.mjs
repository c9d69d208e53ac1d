// An agent: psql through Holdpoint, waiting while its statement is held.

import { spawn } from "node:child_process";

/** Sends one statement, or several in one session; gives the end of psql (exit code and what it printed) as a promise, and a way to hang up. */
export function send(sql, { reason, application } = {}) {
  const environment = { ...process.env, PGAPPNAME: application ?? "psql", PGCONNECT_TIMEOUT: "10" };
  if (reason) environment.PGOPTIONS = `-c holdpoint.reason=${reason.replaceAll("\\", "\\\\").replaceAll(" ", "\\ ")}`;
  const commands = [sql].flat().flatMap((one) => ["-c", one]);
  const child = spawn("psql", [process.env.DSN, "-X", "-At", "-v", "ON_ERROR_STOP=1", ...commands], { env: environment });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => { out += chunk; });
  child.stderr.on("data", (chunk) => { err += chunk; });
  const end = new Promise((resolve) => { child.on("close", (code) => resolve({ code, out, err })); });
  return { end, hangUp: () => child.kill("SIGINT") };
}

/** The pending approval whose text or summary holds `part`. */
export async function pending(part) {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const answer = await fetch(`${process.env.HOLDPOINT_URL}/v1/approvals?state=pending`, {
      headers: { authorization: `Bearer ${process.env.HOLDPOINT_TOKEN}` },
    });
    const { approvals } = await answer.json();
    const found = approvals.find((approval) => JSON.stringify(approval.request.statements).includes(part));
    if (found) return found;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error(`nothing about ${part} is pending`);
}
