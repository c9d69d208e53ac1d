// What the page has to show and to refuse, item by item: grants, the whole picture of one request, comments, filters, forged
// forms, a password that is too weak a proof.

import { pending, send } from "./agent.mjs";

const until = async (holds, what) => {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline;) {
    if (await holds()) return;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error(`never came: ${what}`);
};

/** The checks, over what page.mjs brings. */
export function more({ must, person, signIn, shot, fresh, bulk, base, people: { DANA, ERIN, MIA } }) {
  return {
    async "a yes and a grant: the same again runs unasked, until the grant is taken back without JavaScript"() {
      const sql = `${bulk(fresh())} WHERE id < 3000`;
      const first = send(sql);
      const asked = await pending(sql.split(" ")[4]);
      const page = await signIn(await person(), DANA, `/a/${asked.id}`);
      await page.getByText("Approve, and grant the same again…").click();
      await page.getByLabel("Runs", { exact: true }).fill("2");
      await page.getByLabel("Rows in each run, at most").fill("5000");
      await shot(page, "grant-offered");
      await page.getByRole("button", { name: "Approve and grant" }).click();
      await page.getByText("The grant is given.").waitFor();
      must((await first.end).code === 0, "the first ran");
      const again = await send(sql).end;
      must(again.code === 0 && again.out.trim().split("\n").length > 1000, `the second ran unasked: ${again.err}`);
      const plain = await signIn(await person({ javaScriptEnabled: false }), ERIN, "/grants");
      must((await plain.getByText("1 of 2 used, 1 left").count()) === 1, "what is left is told");
      await plain.locator("a.what").first().click();
      await plain.getByText(/Run 1 .*ok, \d+ rows/).waitFor();
      await shot(plain, "grant");
      await plain.getByText("Take it back…").click();
      await plain.getByRole("button", { name: "Take it back now" }).click();
      await plain.getByText("The grant is taken back.").waitFor();
      await plain.goto("/grants");
      await plain.getByLabel("State").selectOption("active");
      await plain.getByRole("button", { name: "Show" }).click();
      must(plain.url().includes("state=active") && (await plain.getByText("There are none.").count()) === 1, plain.url());
      const third = send(sql);
      const askedAgain = await pending(sql.split(" ")[4]);
      must(askedAgain.id !== asked.id, "the third is asked again");
      third.hangUp();
      await third.end;
    },

    async "the whole picture of one request: words, text, characters, lineage, rows, locks, who waits, session, the past"() {
      const alias = fresh();
      const text = `SELECT id, email AS ${alias} FROM customers WHERE email <> 'someone@example.com'`;
      const earlier = send(text);
      const past = await pending(alias);
      const page = await signIn(await person(), DANA, `/a/${past.id}`);
      await page.getByLabel("Note, or reason for a no").fill("not like this");
      await page.getByRole("button", { name: "Deny" }).click();
      await earlier.end;
      const agent = send(["BEGIN", "UPDATE orders SET total = total WHERE id = 7", text], { reason: "why not", application: "looker" });
      const asked = await pending(alias);
      await page.goto(`/a/${asked.id}`);
      // What the session did before comes from the audit log, which gathers for some milliseconds.
      for (let tries = 0; tries < 50 && !/The session so far[\s\S]*UPDATE orders/.test(await page.locator("main").innerText()); tries++) {
        await page.waitForTimeout(100);
        await page.reload();
      }
      const shown = await page.locator("main").innerText();
      for (const part of [
        /^Reads public\.customers/, /Rows expected\s+about [\d\u202f]+/, new RegExp(`${alias}: `), /Who, proved\s+agent reporting-bot of mia@example\.com/,
        /reason: why not/, /program: looker/, /keeps its locks while you decide/, /holds .*RowExclusiveLock on orders.*; sessions waiting for it: 0/,
        /The session so far[\s\S]*UPDATE orders/, /Requests like this one[\s\S]*denied 1×/, /0 of \d from /, /(s|min|h) left, until/,
        /The client is connected and waits/, /Touches classes\s+.*pii\.email/,
      ]) {
        must(part.test(shown), `${part} is missing in ${JSON.stringify(shown)}`);
      }
      must(!shown.includes("someone@example.com"), "the literal beside a classified column is withheld");
      must((await page.locator("pre.sql .k").count()) > 3, "the text has colours");
      await shot(page, "picture");
      const place = page.locator(".panel .countdown");
      const before = await place.textContent();
      must(/left$/.test(before), `time left: ${before}`);
      agent.hangUp();
      await agent.end;
    },

    async "characters that turn or hide text are spelled out, and the agent's text cannot turn the page's"() {
      const alias = fresh();
      const agent = send(`SELECT id, created_at AS ${alias}\u0441 /* \u202e a\u200bb */\n\tFROM customers`);
      const asked = await pending(alias);
      const page = await signIn(await person(), DANA, `/a/${asked.id}`);
      must((await page.locator(".warning").innerText()).includes("Careful. The text holds 2 invisible or control characters"), "it is said first");
      must((await page.locator("pre.sql").first().locator(".odd", { hasText: "U+202E" }).count()) === 1, "the override is spelled out");
      must((await page.locator("pre.sql .foreign").count()) > 0, "the letter that looks like another is marked");
      await page.getByText("Exact characters").click();
      const exact = page.locator("details[open] pre.sql");
      must((await exact.locator(".odd", { hasText: "U+200B" }).count()) === 1, "the zero-width one, too");
      must(/·FROM|⏎\n→/.test(await exact.innerText()), "and every blank");
      must(!/[\u202e\u200b]/.test(await page.locator("main").innerText()), "none of them is on the page itself");
      await shot(page, "odd-characters");
      agent.hangUp();
      await agent.end;
    },

    async "the time left counts down to its end by itself"() {
      const page = await signIn(await person(), DANA);
      const alias = fresh();
      const agent = send(bulk(alias));
      const asked = await pending(alias);
      await page.clock.install();
      await page.goto(`/a/${asked.id}`);
      const place = page.locator(".panel .countdown");
      const before = await place.textContent();
      await page.clock.fastForward("07:00");
      await until(async () => (await place.textContent()) !== before, `another time than ${before}`);
      agent.hangUp();
      await agent.end;
    },

    async "a comment turns up in the other tab, and what is being typed there stays"() {
      const alias = fresh();
      const agent = send(bulk(alias));
      const asked = await pending(alias);
      const page = await signIn(await person(), DANA, `/a/${asked.id}`);
      await page.getByLabel("Note, or reason for a no").fill("half a thought");
      const other = await signIn(await person(), MIA, `/a/${asked.id}`);
      await other.getByText("Comment…").click();
      await other.getByLabel("Comment for other people").fill("it is for the audit");
      await other.getByRole("button", { name: "Comment" }).click();
      await other.getByText("Your comment is recorded.").waitFor();
      await page.getByText("it is for the audit").waitFor();
      must((await page.getByLabel("Note, or reason for a no").inputValue()) === "half a thought", "the text stays");
      agent.hangUp();
      await agent.end;
    },

    async "history is filtered by its form, and the address shows the same again"() {
      const page = await signIn(await person(), DANA, "/history");
      await page.getByLabel("State").selectOption("denied");
      await page.getByLabel("Agent").fill("reporting-bot");
      await page.getByLabel("Database").selectOption("shop");
      await page.getByRole("button", { name: "Show" }).click();
      await page.waitForURL(/state=denied&agent=reporting-bot&database=shop/);
      const rows = await page.locator("ul.cards .badge").allTextContents();
      must(rows.length > 0 && rows.every((one) => one === "denied"), `shown: ${rows}`);
      const again = await signIn(await person(), ERIN, "/history");
      await again.goto(page.url());
      must((await again.getByLabel("State").inputValue()) === "denied", "the filter is in the address");
    },

    async "a form from elsewhere, or without the session's token, does nothing"() {
      const alias = fresh();
      const agent = send(bulk(alias));
      const asked = await pending(alias);
      const page = await signIn(await person(), DANA, `/a/${asked.id}`);
      const fields = await page.locator("form.decide input[type=hidden]").evaluateAll((all) => all.map((one) => [one.name, one.value]));
      const send403 = async (change, headers) => {
        const form = { ...Object.fromEntries(fields), verb: "approve", ...change };
        const answer = await page.context().request.post(`${base}/a/${asked.id}`, { form, headers, maxRedirects: 0 });
        must(answer.status() === 403, `answered ${answer.status()}`);
      };
      await send403({ token: "forged" }, { origin: base });
      await send403({}, { origin: "https://evil.example" });
      await send403({}, { origin: base, "sec-fetch-site": "cross-site" });
      must((await pending(alias)).id === asked.id, "it waits still");
      agent.hangUp();
      await agent.end;
    },
  };
}
