import { expect } from 'chai';
import {
  connect,
  idempotent,
  memory,
  mutate,
  read,
  refuse,
  type Server,
  semi,
  serve,
  type Verbs,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { ampleBudget } from '../support/budgets.ts';
import { failureOf } from '../support/failure.ts';
import { Gated, Switch } from '../support/gated.ts';
import { clientHello, greet, RawPeer, unpack } from '../support/raw-peer.ts';
import { ScriptedServer } from '../support/scripted-server.ts';
import { verbs } from '../support/verbs.ts';

const rows = [
  { name: 'read', safety: 'read', kind: 'unary', settings: {} },
  { name: 'idempotent', safety: 'idempotent', kind: 'unary', settings: {} },
  { name: 'semi', safety: 'semi', kind: 'unary', settings: {} },
  { name: 'once', safety: 'once', kind: 'unary', settings: {} },
  { name: 'mutate', safety: 'mutate', kind: 'unary', settings: {} },
];

/** The hash of a registry's table. */
async function hashOf(table: Verbs): Promise<string> {
  const handlers = Object.fromEntries(Object.keys(table).map((name) => [name, () => {}]));
  const server = await serve(table, handlers, { listen: memory() });
  const { hash } = server.verbs;
  await server.close();
  return hash;
}

/** What a server says in its hello to a client that says this. */
async function helloOf({ urls }: Server, fields: object): Promise<Record<string, unknown>> {
  const peer = await RawPeer.connect(urls[0] as string);
  peer.send(clientHello({ ...fields }));
  const { body } = await peer.next();
  peer.destroy();
  await peer.closed;
  return unpack(body) as Record<string, unknown>;
}

describe("A server's published table", () => {
  let one: Gated;

  beforeEach(async () => {
    one = await Gated.start();
  });

  afterEach(() => one.close());

  it('is told by the server, and by a client with a registry or without', async () => {
    const { hash } = one.server.verbs;
    expect(hash).to.match(/^[0-9a-f]{32}$/);
    expect(one.server.verbs).to.deep.equal({ hash, verbs: rows });
    for (const registry of [verbs, { read: semi<string, string>() }, undefined]) {
      const client = connect(one.url, registry as Verbs);
      expect(await client.verbs()).to.deep.equal({ hash, verbs: rows });
      await client.close();
    }
  });

  it('is told within a time', async () => {
    const client = connect(new Switch(), undefined, { reconnectBaseMs: 5 });
    const { code } = await failureOf(client.verbs({ timeoutMs: 30 }));
    expect(code).to.equal('ERR_HOLDFAST_DEADLINE');
    client.destroy();
    await client.closed;
  });

  it('has a hash that differs when anything in it does, and not otherwise', async () => {
    const tables: Verbs[] = [
      { get: read(), put: idempotent() },
      { put: idempotent(), get: read() },
      { get: read(), put: mutate() },
      { get: read(), put: idempotent({ timeoutMs: 5 }) },
      { get: read(), put: idempotent({ leaseMs: 5 }) },
      { get: read() },
    ];
    const hashes = await Promise.all(tables.map(hashOf));
    expect(new Set(hashes).size).to.equal(tables.length);
    const twice = [
      { get: read({ timeoutMs: 5, leaseMs: 7 }) },
      { get: read({ leaseMs: 7, timeoutMs: 5 }) },
    ];
    const [first, second] = await Promise.all(twice.map(hashOf));
    expect(first).to.equal(second);
  });

  it('is not sent to a client that has it', async () => {
    const { server } = one;
    const hash = Buffer.from(server.verbs.hash, 'hex');
    const others = Buffer.alloc(16 * 15, 1);
    const without = [{ tables: hash }, { tables: Buffer.concat([others, hash]) }];
    const withIt = [{}, { tables: others }, { tables: Buffer.concat([others, others, hash]) }];
    for (const fields of without) {
      const hello = await helloOf(server, fields);
      expect(hello).not.to.have.property('verbs');
      expect(hello['table']).to.deep.equal(hash);
    }
    for (const fields of withIt) expect((await helloOf(server, fields))['verbs']).to.have.length(5);
  });

  it('is offered at the next connection, and taken from there', async () => {
    const client = connect(one.url, verbs, { reconnectBaseMs: 1 });
    await client.call.read('first');
    const table = await client.verbs();
    const { bytesRead } = one.breaker.last.server;
    one.breaker.last.reset();
    expect(await client.call.read('second')).to.equal('done second');
    expect(one.breaker.lines).to.have.length(2);
    expect((await client.verbs()).verbs).to.equal(table.verbs);
    expect(one.breaker.last.server.bytesRead).to.be.below(bytesRead - 60);
    await client.close();
  });

  it('must be there unless it was offered', async () => {
    const hello = { verbs: undefined, table: Buffer.alloc(16, 7) };
    const script = await ScriptedServer.start(
      (peer, index) => greet(peer, index === 0 ? hello : {}),
      undefined,
      { random: () => 0 },
    );
    expect(await script.client.call.read('x')).to.equal('reply 1');
    expect(script.peers).to.have.length(2);
    await script.close();
  });
});

const quick = { random: () => 0, retryBudget: ampleBudget };

describe('A table that changes while clients are connected', () => {
  let old: Gated;
  let next: Gated;
  let path: Switch;

  async function roll(before: Verbs, after: Verbs): Promise<void> {
    [old, next] = await Promise.all([
      Gated.start(undefined, { ...verbs, ...before }),
      Gated.start(undefined, { ...verbs, ...after }),
    ]);
    path = new Switch();
    path.target = old.url;
  }

  afterEach(() => Promise.all([old.close(), next.close()]));

  for (const [what, registry] of [
    ['with the old registry', { idempotent: idempotent<string, string>() }],
    ['without a registry', undefined],
  ] as const) {
    it(`is obeyed from the next attempt on, by a client ${what}`, async () => {
      await roll({}, { idempotent: mutate<string, string>() });
      const client = connect(path, registry as Verbs, { ...quick, timeoutMs: 3_000 });
      const call = failureOf(client.invoke('idempotent', 'put'));
      await old.begun(1);
      path.target = next.url;
      old.breaker.last.reset();
      const { outcome, code, message } = await Promise.race([
        call,
        next.begun(1).then(() => ({ outcome: 'executed twice', code: '', message: '' })),
      ]);
      expect([outcome, code]).to.deep.equal(['unknown', 'ERR_HOLDFAST_LOST']);
      expect(message).to.contain('a "mutate" verb must not be repeated');
      // What is made now is obeyed too: an attempt that times out is not repeated.
      const later = await failureOf(client.invoke('idempotent', 'late', { attemptTimeoutMs: 20 }));
      expect([later.outcome, later.code]).to.deep.equal([
        'unknown',
        'ERR_HOLDFAST_ATTEMPT_TIMEOUT',
      ]);
      expect(next.executions.counts()).to.deep.equal({ late: 1 });
      client.destroy();
      await client.closed;
    });
  }

  it('may become looser too, for a client that has no stricter word', async () => {
    await roll({ mutate: mutate<string, string>() }, { mutate: idempotent<string, string>() });
    const client = connect(path, undefined, { ...quick, timeoutMs: 3_000 });
    await client.invoke('read', 'known');
    path.target = next.url;
    old.breaker.last.reset();
    const call = client.invoke('mutate', 'put', { attemptTimeoutMs: 20 });
    await next.begun(2);
    next.open('put');
    await call;
    client.destroy();
    await client.closed;
  });

  it("bounds calls that were made before the server's bound was known", async () => {
    await roll({ idempotent: idempotent<string, string>({ timeoutMs: 60 }) }, {});
    const client = connect(path, undefined, { timeoutMs: 3_000 });
    const { code, message } = await failureOf(client.invoke('idempotent', 'put'));
    expect([code, message.includes('deadline of 60 ms')]).to.deep.equal([
      'ERR_HOLDFAST_DEADLINE',
      true,
    ]);
    const own = await failureOf(client.invoke('idempotent', 'put', { timeoutMs: 90 }));
    expect(own.message).to.contain('deadline of 90 ms');
    client.destroy();
    await client.closed;
  });

  it('bounds attempts no more when the next server does not', async () => {
    await roll({ idempotent: idempotent<string, string>({ attemptTimeoutMs: 150 }) }, {});
    const clock = new VirtualClock({ turns: 'real' });
    const client = connect(path, undefined, { ...quick, clock });
    old.refusal = refuse({ retryAfterMs: 60 });
    const call = client.invoke('idempotent', 'put');
    await old.begun(1);
    path.target = next.url;
    await client.invoke('read', 'the refusal has come');
    old.breaker.last.reset();
    await clock.pass(70);
    await next.begun(1);
    await clock.pass(200);
    await client.invoke('read', 'what was sent has come');
    next.open('put');
    expect(await call).to.equal('done put');
    expect(next.executions.of('put')).to.equal(1);
    client.destroy();
    await client.closed;
  });

  it("bounds attempts as the server's table says, from the next one on", async () => {
    await roll({}, { idempotent: idempotent<string, string>({ attemptTimeoutMs: 20 }) });
    const client = connect(path, { idempotent: idempotent<string, string>() }, quick);
    const call = client.call.idempotent('put');
    await old.begun(1);
    path.target = next.url;
    old.breaker.last.reset();
    await next.begun(2);
    next.open('put');
    expect(await call).to.equal('done put');
    client.destroy();
    await client.closed;
  });
});
