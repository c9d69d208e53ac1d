// node-postgres, with pg-copy-streams for COPY.
'use strict';

const fs = require('fs');
const assert = require('assert');
const { pipeline } = require('stream/promises');
const { Client, Query } = require('pg');
const { to: copyTo, from: copyFrom } = require('pg-copy-streams');

const env = process.env;
const direct = env.HP_DIRECT === '1';
const offset = Number(env.HP_OFFSET);
const endless = 'SELECT count(*) FROM customers a, customers b, customers c';

function settings(role) {
  const name = role.toUpperCase();
  const ssl = env.HP_TLS === '1' ? { ca: fs.readFileSync(env.HP_CA, 'utf8'), servername: 'localhost' } : false;
  return {
    host: env.HP_HOST, port: Number(env.HP_PORT), database: env.HP_DATABASE,
    user: env[`HP_${name}_USER`], password: env[`HP_${name}_PASSWORD`], ssl, connectionTimeoutMillis: 10000,
  };
}

async function connected(role, work) {
  const client = new Client(settings(role));
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function orderTotal(number) {
  return (((number * 104729) % 50000) / 100 + 4.99).toFixed(2);
}

function maskedEmail(value) {
  const real = 'vera.berg42@mail.example';
  if (direct) return assert.strictEqual(value, real);
  return assert.ok(value !== real && value[0] === 'v' && value.endsWith('@mail.example') && value.includes('*'), `not a masked e-mail address: ${value}`);
}

async function fails(work, code, ...parts) {
  try {
    await work;
  } catch (error) {
    assert.strictEqual(error.code, code, error.message);
    for (const part of parts) assert.ok(error.message.includes(part), `'${part}' is not in '${error.message}'`);
    return;
  }
  throw new Error(`no error ${code}`);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// CancelRequest on a second connection, as `pg` itself offers it.
async function cancelled(sql) {
  await connected('agent', async (client) => {
    const query = new Query(sql);
    const ended = new Promise((resolve) => { query.on('error', resolve); query.on('end', () => resolve(null)); });
    client.query(query);
    await pause(500);
    // The cancelling connection speaks plainly, whatever the session does.
    new Client({ ...settings('agent'), ssl: false }).cancel(client, query);
    const error = await ended;
    assert.ok(error, 'not cancelled');
    assert.strictEqual(error.code, '57014');
    assert.strictEqual((await client.query('SELECT 1 AS one')).rows[0].one, 1);
  });
}

const checks = {
  async query() {
    await connected('agent', async (client) => {
      const { rows } = await client.query('SELECT id, status, total, placed_at FROM orders WHERE id = 1');
      assert.deepStrictEqual(rows, [{ id: '1', status: 'paid', total: orderTotal(1), placed_at: new Date('2024-01-01T00:05:00Z') }]);
    });
  },
  async parameters() {
    await connected('agent', async (client) => {
      const { rows } = await client.query('SELECT id, total FROM orders WHERE id = $1 AND status = $2', [1, 'paid']);
      assert.deepStrictEqual(rows, [{ id: '1', total: orderTotal(1) }]);
    });
  },
  async masked() {
    await connected('agent', async (client) => {
      maskedEmail((await client.query('SELECT email FROM customers WHERE id = $1', [42])).rows[0].email);
      maskedEmail((await client.query('SELECT email FROM customers WHERE id = 42')).rows[0].email);
    });
  },
  async binary_format() {
    await connected('agent', async (client) => {
      maskedEmail((await client.query({ text: 'SELECT email FROM customers WHERE id = $1', values: [42], binary: true })).rows[0].email.toString());
    });
  },
  async prepared_reuse() {
    await connected('agent', async (client) => {
      for (let number = 1; number <= 30; number += 1) {
        const { rows } = await client.query({ name: 'total', text: 'SELECT total FROM orders WHERE id = $1', values: [number] });
        assert.deepStrictEqual(rows, [{ total: orderTotal(number) }]);
      }
    });
  },
  async transaction() {
    await connected('agent', async (client) => {
      const insert = 'INSERT INTO notes (id, body) VALUES ($1, $2)';
      await client.query('BEGIN');
      await client.query(insert, [offset + 1, 'kept']);
      await client.query('COMMIT');
      await client.query('BEGIN');
      await client.query(insert, [offset + 2, 'dropped']);
      await client.query('ROLLBACK');
      const { rows } = await client.query('SELECT id FROM notes WHERE id IN ($1, $2)', [offset + 1, offset + 2]);
      assert.deepStrictEqual(rows, [{ id: String(offset + 1) }]);
    });
  },
  async error_in_transaction() {
    await connected('agent', async (client) => {
      await client.query('BEGIN');
      await fails(client.query("INSERT INTO notes (id, body) VALUES (0, 'twice')"), '23505');
      await fails(client.query('SELECT 1 AS one'), '25P02');
      await client.query('ROLLBACK');
      assert.strictEqual((await client.query('SELECT 1 AS one')).rows[0].one, 1);
    });
  },
  async rows_100k() {
    await connected('bulk', async (client) => {
      const { rows } = await client.query('SELECT id, email FROM customers ORDER BY id');
      assert.strictEqual(rows.length, 100000);
      maskedEmail(rows[41].email);
    });
  },
  async portal() {
    await connected('bulk', async (client) => {
      const { rows } = await client.query({ text: 'SELECT id, email FROM customers ORDER BY id', rows: 900 });
      assert.strictEqual(rows.length, 100000);
      maskedEmail(rows[41].email);
    });
  },
  async cancel() {
    await cancelled(endless);
  },
  async copy_out() {
    await connected('bulk', async (client) => {
      let text = '';
      for await (const chunk of client.query(copyTo('COPY (SELECT id, email FROM customers WHERE id <= 1000 ORDER BY id) TO STDOUT'))) text += chunk;
      const lines = text.trimEnd().split('\n');
      assert.strictEqual(lines.length, 1000);
      maskedEmail(lines[41].split('\t')[1]);
    });
  },
  async copy_in() {
    await connected('bulk', async (client) => {
      const first = offset + 1000;
      const lines = Array.from({ length: 500 }, (_, number) => `${first + number}\tnote ${number}\n`);
      await pipeline(lines, client.query(copyFrom('COPY notes (id, body) FROM STDIN')));
      const { rows } = await client.query('SELECT count(*) FROM notes WHERE id BETWEEN $1 AND $2', [first, first + 499]);
      assert.deepStrictEqual(rows, [{ count: '500' }]);
    });
  },
  async hold_approved() {
    await connected('agent', async (client) => {
      assert.strictEqual((await client.query(`DROP TABLE approve_me_${env.HP_TAG}`)).command, 'DROP');
    });
  },
  async hold_approved_rows() {
    await connected('agent', async (client) => {
      const { rows } = await client.query('SELECT id, email FROM customers WHERE id <= $1 ORDER BY id', [100000]);
      assert.strictEqual(rows.length, 100000);
      maskedEmail(rows[41].email);
    });
  },
  async hold_denied() {
    await connected('agent', async (client) => {
      await fails(client.query(`DROP TABLE deny_me_${env.HP_TAG}`), '42501', 'approval denied [apr_', 'not in the change window');
      assert.strictEqual((await client.query('SELECT 1 AS one')).rows[0].one, 1);
    });
  },
  async hold_expired() {
    await connected('hasty', async (client) => {
      await fails(client.query(`DROP TABLE expire_me_${env.HP_TAG}`), '55000', 'approval expired [apr_');
      assert.strictEqual((await client.query('SELECT 1 AS one')).rows[0].one, 1);
    });
  },
  async hold_cancelled() {
    await cancelled(`DROP TABLE leave_me_${env.HP_TAG}`);
  },
};

function withinTime(work, ms) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no end within ${ms} ms`)), ms); });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

(async () => {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    if (direct && name.startsWith('hold_')) {
      console.log(`skip ${name}`);
      continue;
    }
    try {
      await withinTime(check(), 120000);
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}: ${String(error.message).replace(/\s+/g, ' ').slice(0, 600)}`);
      console.error(error);
    }
  }
  process.exit(failed ? 1 : 0);
})();
