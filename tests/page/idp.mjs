// An identity provider for the browser tests: whoever clicks a name is that person. RS256 and PKCE as real ones do it.

import { createHash, createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";

const KEYS = generateKeyPairSync("rsa", { modulusLength: 2048 });
const base64url = (value) => Buffer.from(value).toString("base64url");

/** Starts it; `people` are e-mail addresses. Gives its URL and an end. */
export async function startProvider(people, port) {
  const codes = new Map();
  const url = `http://127.0.0.1:${port}`;

  function token(claims) {
    const input = `${base64url(JSON.stringify({ alg: "RS256", kid: "k1", typ: "JWT" }))}.${base64url(JSON.stringify(claims))}`;
    return `${input}.${createSign("RSA-SHA256").update(input).sign(KEYS.privateKey).toString("base64url")}`;
  }

  function json(response, status, body) {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  function authorize(response, asked) {
    const links = people.map((person) => {
      const query = new URLSearchParams(asked);
      query.set("person", person);
      return `<p><a href="/chosen?${query.toString().replaceAll("&", "&amp;")}">${person}</a></p>`;
    });
    response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>Provider</title>${links.join("")}`);
  }

  function chosen(response, asked) {
    const code = randomBytes(8).toString("hex");
    codes.set(code, { person: asked.get("person"), nonce: asked.get("nonce"), challenge: asked.get("code_challenge") });
    const back = new URL(asked.get("redirect_uri"));
    back.searchParams.set("code", code);
    back.searchParams.set("state", asked.get("state"));
    response.writeHead(302, { location: back.href }).end();
  }

  function redeem(response, form) {
    const known = codes.get(form.get("code"));
    codes.delete(form.get("code"));
    const proof = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    if (!known || proof !== known.challenge) return json(response, 400, { error: "invalid_grant" });
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: url, aud: "holdpoint", sub: `sub-${known.person}`, email: known.person, email_verified: true,
      nonce: known.nonce, iat: now, exp: now + 300, groups: known.person.startsWith("olaf") ? ["ops"] : [],
    };
    return json(response, 200, { access_token: "opaque", token_type: "Bearer", id_token: token(claims) });
  }

  const server = createServer((request, response) => {
    const asked = new URL(request.url, url);
    switch (asked.pathname) {
      case "/.well-known/openid-configuration":
        return json(response, 200, {
          issuer: url, authorization_endpoint: `${url}/authorize`, token_endpoint: `${url}/token`, jwks_uri: `${url}/keys`,
          response_types_supported: ["code"], subject_types_supported: ["public"], id_token_signing_alg_values_supported: ["RS256"],
        });
      case "/keys":
        return json(response, 200, { keys: [{ ...KEYS.publicKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: "RS256" }] });
      case "/authorize":
        return authorize(response, asked.searchParams);
      case "/chosen":
        return chosen(response, asked.searchParams);
      case "/token": {
        let body = "";
        request.on("data", (chunk) => { body += chunk; });
        request.on("end", () => redeem(response, new URLSearchParams(body)));
        return undefined;
      }
      default:
        return json(response, 404, {});
    }
  });
  await new Promise((resolve) => { server.listen(port, "127.0.0.1", resolve); });
  return { url, end: () => server.close() };
}
