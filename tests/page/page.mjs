// The approvers' page in a real Chromium, against a real Holdpoint and a real PostgreSQL. Prints a line for each check.

import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { pending, send } from "./agent.mjs";
import { startProvider } from "./idp.mjs";
import { more } from "./more.mjs";

const require = createRequire(`${process.env.PAGE_MODULES}/`);
const { chromium } = require("playwright-core");
const axe = require("axe-core");

const BASE = process.env.HOLDPOINT_URL;
const SHOTS = process.env.PAGE_SHOTS;
const [DANA, ERIN, MIA, OLAF] = ["dana@example.com", "erin@example.com", "mia@example.com", "olaf@example.com"];
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

mkdirSync(SHOTS, { recursive: true });
let number = 0;
const fresh = () => `c${(number += 1)}`;
/** A bulk read that nobody asked for before. */
const bulk = (alias) => `SELECT id, email AS ${alias} FROM customers`;

let browser;
const contexts = [];
const complaints = [];

function must(holds, what) {
  if (!holds) throw new Error(what);
}

/** A browser of its own for one person. Whatever it complains about, and whatever it asks of others, is a finding. */
async function person(options = {}) {
  const context = await browser.newContext({ baseURL: BASE, ...options });
  context.setDefaultTimeout(10_000);
  context.on("page", (page) => {
    page.on("pageerror", (error) => complaints.push(`script error: ${error.message}`));
    page.on("dialog", async (dialog) => { complaints.push(`dialog: ${dialog.message()}`); await dialog.dismiss(); });
    page.on("console", (message) => {
      // The browser says so itself when an answer is 4xx; those are asked for.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
    });
    page.on("response", (response) => { if (new URL(response.url()).host === new URL(BASE).host) guarded(response); });
    page.on("request", (request) => {
      const host = new URL(request.url()).host;
      if (host !== new URL(BASE).host && host !== process.env.PROVIDER_HOST) complaints.push(`asked ${request.url()}`);
    });
  });
  contexts.push(context);
  return context;
}

/** Nothing of ours is kept, framed, sniffed, or loads anything of others. */
function guarded(response) {
  const headers = response.headers();
  const policy = headers["content-security-policy"] ?? "";
  const wrong = [
    headers["cache-control"] === "no-store" || "may be kept",
    headers["x-content-type-options"] === "nosniff" || "may be sniffed",
    headers["x-frame-options"] === "DENY" || "may be framed",
    (policy.includes("default-src 'none'") && policy.includes("frame-ancestors 'none'") && !policy.includes("unsafe")) || `policy ${policy}`,
  ].filter((one) => one !== true);
  if (wrong.length > 0) complaints.push(`${response.url()}: ${wrong.join(", ")}`);
}

async function signIn(context, name, to = "/") {
  const page = await context.newPage();
  await page.goto(to);
  await page.getByRole("link", { name: "Sign in with Example SSO" }).click();
  await page.getByRole("link", { name }).click();
  await page.waitForURL((url) => url.host === new URL(BASE).host && url.pathname === to);
  return page;
}

async function accessible(page, what) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  const texts = found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
  must(texts.length === 0, `${what}: ${texts.join("; ")}`);
}

async function fits(page, what) {
  const [wide, small] = await page.evaluate(() => {
    const targets = [...document.querySelectorAll("main button, main summary, main input:not([type=hidden]), main select, header a, header button")];
    const shown = targets.map((one) => one.getBoundingClientRect()).filter((box) => box.width > 0 && box.left >= 0);
    return [document.documentElement.scrollWidth - window.innerWidth, shown.filter((box) => box.height < 24 || box.width < 24).length];
  });
  must(wide <= 0, `${what}: ${wide} px too wide`);
  must(small === 0, `${what}: ${small} targets below 24 px`);
}

/** The path of a grant that was given. */
async function granted(page) {
  await page.goto("/grants");
  return page.locator("a.what").first().getAttribute("href");
}

/** The first screen of a page, as README shows it. */
async function portrait(page, name, height) {
  await page.setViewportSize({ width: 1100, height });
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}

const shot = (page, name) => page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: true });

let dana;
let erin;
let olaf;

const checks = {
  async "signing in by the provider leads back to the request of the link"() {
    const alias = fresh();
    const agent = send(`SELECT id, full_name, email AS ${alias}\nFROM customers\nWHERE created_at > '2020-01-01'`, {
      reason: "monthly report",
    });
    const asked = await pending(alias);
    dana = await person();
    const page = await signIn(dana, DANA, `/a/${asked.id}`);
    must((await page.getByRole("heading", { level: 1 }).textContent()).includes("customers"), "the request is named");
    must((await page.getByText("monthly report").count()) === 1, "the reason is shown");
    await portrait(page, "readme-approval", 720);
    await shot(page, "approval");
    await page.getByLabel("Note, or reason for a no").fill("fine, for the report");
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("Your yes is recorded.").waitFor();
    const { code, out, err } = await agent.end;
    must(code === 0 && out.trim().split("\n").length > 1000, `psql ended with ${code}: ${err}`);
    await page.reload();
    must((await page.getByText("executed").count()) > 0, "its end is shown");
    await page.close();
  },

  async "a no needs a reason, and the agent reads it"() {
    const agent = send("DROP TABLE payments");
    const asked = await pending("payments");
    const page = await dana.newPage();
    await page.goto(`/a/${asked.id}`);
    await page.getByRole("button", { name: "Deny" }).click();
    await page.getByRole("alert").getByText("say why not").waitFor();
    await shot(page, "reason-missing");
    await page.getByLabel("Note, or reason for a no").fill("not in the change window");
    await page.getByRole("button", { name: "Deny" }).click();
    await page.getByText("Your no is recorded").waitFor();
    const { code, err } = await agent.end;
    must(code !== 0 && err.includes("not in the change window") && err.includes("Do not retry"), `psql said ${err}`);
    await page.close();
  },

  async "a request turns up in an open tab by itself, and goes when it is decided elsewhere"() {
    const [list, other] = [await dana.newPage(), await dana.newPage()];
    await list.goto("/");
    must((await list.title()).startsWith("Waiting"), `nothing waits: ${await list.title()}`);
    const alias = fresh();
    const agent = send(bulk(alias), { reason: "churn analysis for OPS-12" });
    const asked = await pending(alias);
    const card = list.locator(`a[href="/a/${asked.id}"]`);
    await card.waitFor();
    must((await list.title()).startsWith("(1)"), `the title counts: ${await list.title()}`);
    must((await list.locator("#said").textContent()).includes("1 request waits"), "it is announced");
    await portrait(list, "readme-waiting", 380);
    await shot(list, "waiting");
    await other.goto(`/a/${asked.id}`);
    await other.getByLabel("Note, or reason for a no").fill("half a sent");
    erin = await person();
    const page = await signIn(erin, ERIN, `/a/${asked.id}`);
    await page.getByRole("button", { name: "Approve" }).click();
    await agent.end;
    await card.waitFor({ state: "detached" });
    await other.getByText("Nothing is left to decide.").waitFor();
    must((await other.getByRole("button", { name: "Approve" }).count()) === 0, "the buttons are gone");
    must(await other.evaluate(() => document.querySelector("[data-live]").contains(document.activeElement)), "the focus stays there");
    for (const one of [list, other, page]) await one.close();
  },

  async "a click on what has changed is refused with what is true now"() {
    const alias = fresh();
    const agent = send(bulk(alias));
    const asked = await pending(alias);
    const old = await person({ javaScriptEnabled: false });
    const stale = await signIn(old, DANA, `/a/${asked.id}`);
    const page = await erin.newPage();
    await page.goto(`/a/${asked.id}`);
    await page.getByLabel("Note, or reason for a no").fill("no");
    await page.getByRole("button", { name: "Deny" }).click();
    await agent.end;
    await stale.getByRole("button", { name: "Approve" }).click();
    const alert = await stale.getByRole("alert").textContent();
    must(alert.includes("does not count") && alert.includes("denied already by erin@example.com"), `it says: ${alert}`);
    await shot(stale, "stale");
    await page.close();
  },

  async "by keyboard alone a request is found, opened and denied"() {
    const alias = fresh();
    const agent = send(bulk(alias));
    const asked = await pending(alias);
    const page = await dana.newPage();
    await page.goto("/");
    await page.keyboard.press("Tab");
    must((await page.evaluate(() => document.activeElement.textContent)) === "Skip to content", "the first stop skips the head");
    await page.keyboard.press("Enter");
    const until = async (holds, what) => {
      for (let step = 0; step < 60; step += 1) {
        if (await page.evaluate(holds, asked.id)) return;
        await page.keyboard.press("Tab");
      }
      throw new Error(`no way by Tab to ${what}`);
    };
    await until((id) => document.activeElement.getAttribute("href") === `/a/${id}`, "the request");
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    must(outline === "solid", `the focus is seen: ${outline}`);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/a/${asked.id}`);
    await until(() => document.activeElement.id === "reason", "the reason");
    await page.keyboard.type("by keyboard");
    await until(() => document.activeElement.textContent === "Deny", "the no");
    await page.keyboard.press("Enter");
    await page.getByText("Your no is recorded").waitFor();
    must((await agent.end).err.includes("by keyboard"), "the agent reads it");
    await page.close();
  },

  async "without JavaScript a password signs in and forms decide"() {
    const alias = fresh();
    const agent = send(bulk(alias));
    const asked = await pending(alias);
    const context = await person({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto("/");
    await page.getByLabel("Name").fill(DANA);
    await page.getByLabel("Password").fill("wrong words in a row");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("do not belong together").waitFor();
    await page.getByLabel("Password").fill(process.env.PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(`a[href="/a/${asked.id}"]`).click();
    must((await page.locator(".countdown").first().textContent()).includes("left"), "the time left is written out");
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("Your yes is recorded.").waitFor();
    must((await agent.end).code === 0, "it ran");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out here.").waitFor();
  },

  async "what an agent sends stays text"() {
    const evil = `<script>window.pwned=1</script>"'><img src=x onerror="window.pwned=2">`;
    const alias = fresh();
    const text = `SELECT id, email AS ${alias}, '${evil.replaceAll("'", "''")}' AS "<svg onload=alert(1)>" FROM customers`;
    const agent = send(text, { reason: `${evil}\u202e`, application: "<b onmouseover=alert(1)>x" });
    const asked = await pending(alias);
    const page = await dana.newPage();
    for (const where of [`/a/${asked.id}`, "/", "/history"]) {
      await page.goto(where);
      must((await page.evaluate(() => window.pwned)) === undefined, `${where}: a script ran`);
      must((await page.locator("main img, main svg, main script, main [onerror], main [onload], main b[onmouseover]").count()) === 0, `${where}: markup`);
    }
    await page.goto(`/a/${asked.id}`);
    must((await page.locator(".odd", { hasText: "U+202E" }).count()) > 0, "the override is spelled out");
    await shot(page, "markup");
    agent.hangUp();
    await agent.end;
    await page.close();
  },

  async "whoever stands behind a request sees why there are no buttons"() {
    const alias = fresh();
    const agent = send(bulk(alias));
    const asked = await pending(alias);
    const page = await signIn(await person(), MIA, `/a/${asked.id}`);
    await page.getByText("You stand behind this request").waitFor();
    must((await page.getByRole("button", { name: "Approve" }).count()) === 0, "no button");
    await page.getByText("Take the request back…").click();
    await page.getByRole("button", { name: "Take the request back now" }).click();
    await page.getByText("The request is taken back.").waitFor();
    must((await agent.end).code !== 0, "it did not run");
  },

  async "the kill switch ends what waits"() {
    const alias = fresh();
    const agent = send(bulk(alias));
    await pending(alias);
    olaf = await person();
    const page = await signIn(olaf, OLAF, "/agents");
    await page.getByText("Switch off…").click();
    await page.getByRole("button", { name: "Switch off reporting-bot now" }).click();
    await page.getByText("switched off", { exact: true }).waitFor();
    await shot(page, "agents");
    must((await agent.end).err.includes("switched off"), "the agent is told");
    await page.getByText("Switch on…").click();
    await page.getByRole("button", { name: "Switch on reporting-bot now" }).click();
    await page.getByText("Switch off…").waitFor();
  },

  async "the audit log checks itself"() {
    const page = await signIn(await person(), OLAF, "/audit");
    await page.getByRole("button", { name: "Check the whole log" }).click();
    await page.getByText("each in its place and unchanged").waitFor();
    await shot(page, "audit");
  },

  ...more({ must, person, signIn, shot, fresh, bulk, base: BASE, people: { DANA, ERIN, MIA, OLAF } }),

  async "axe finds nothing, in light and in dark, wide and at 320 px"() {
    const alias = fresh();
    const agent = send(bulk(alias), { reason: "a look", application: "axe" });
    const asked = await pending(alias);
    for (const colorScheme of ["light", "dark"]) {
      for (const viewport of [{ width: 1280, height: 800 }, { width: 320, height: 640 }]) {
        const what = `${colorScheme} ${viewport.width}`;
        const outside = await (await person({ colorScheme, viewport })).newPage();
        await outside.goto("/sign-in");
        await accessible(outside, `${what} /sign-in`);
        await fits(outside, `${what} /sign-in`);
        const page = await signIn(await person({ colorScheme, viewport }), OLAF);
        const grant = await granted(page);
        for (const where of ["/", `/a/${asked.id}`, "/history", "/history?state=denied", "/grants", grant, "/agents", "/audit", "/a/apr_0000000000000000"]) {
          await page.goto(where);
          await accessible(page, `${what} ${where}`);
          await fits(page, `${what} ${where}`);
        }
        const deciding = await signIn(await person({ colorScheme, viewport }), DANA, `/a/${asked.id}`);
        for (const closed of ["Exact characters", "Approve, and grant the same again…", "Comment…"]) {
          await deciding.getByText(closed).first().click();
        }
        await accessible(deciding, `${what} deciding`);
        await fits(deciding, `${what} deciding`);
        await shot(deciding, `deciding-${colorScheme}-${viewport.width}`);
        const dark = await deciding.evaluate(() => {
          const [red, green, blue] = getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number);
          return red + green + blue < 200;
        });
        must(dark === (colorScheme === "dark"), `${what}: the background follows the scheme`);
      }
    }
    agent.hangUp();
    await agent.end;
  },

  async "the link for a password works in a browser"() {
    const page = await (await person()).newPage();
    await page.goto(process.env.LINK);
    await accessible(page, "the link");
    await page.getByLabel("New password").fill("another few words");
    await page.getByLabel("Once more").fill("another few words");
    await page.getByRole("button", { name: "Set password and sign in" }).click();
    await page.getByRole("heading", { name: "Waiting" }).waitFor();
    await page.goto(process.env.LINK);
    await page.getByText("this link was used").waitFor();
  },

  async "nothing complained, and nothing was asked of anybody else"() {
    must(complaints.length === 0, complaints.join("; "));
  },
};

async function main() {
  const provider = await startProvider([DANA, ERIN, MIA, OLAF], Number(process.env.PROVIDER_HOST.split(":")[1]));
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok page: ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL page: ${name}: ${String(error.message).split("\n").slice(0, 4).join(" / ")}`);
      for (const context of contexts) {
        for (const page of context.pages()) await shot(page, `failed-${failed}-${(number += 1)}`).catch(() => {});
      }
    }
  }
  await browser.close();
  provider.end();
  process.exitCode = failed ? 1 : 0;
}

await main();
