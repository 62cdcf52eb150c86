import { expect } from 'chai';
import { createClient, createCluster } from 'redis';
import { redisCompletions } from '../../lib/completions/redis.ts';
import type { Completion } from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { type CrashBench, crashContract } from '../completions/crash-contract.ts';
import { requestFor } from '../completions/requests.ts';
import { completionStoreContract } from '../completions/store-contract.ts';
import { ReaderFolder } from '../readme/reader-folder.ts';
import { snippets } from '../readme/readme.ts';
import { expectFailure } from '../support/failing.ts';
import { needPrograms } from '../support/programs.ts';
import { RedisServer } from '../support/redis-server.ts';

const paid: Completion = { kind: 'reply', value: Buffer.from([0xc3]), isBytes: false };

before(function () {
  needPrograms(this, 'redis-server');
});

/** Makes what would expire within the time expire now. */
async function age(url: string, ms: number): Promise<void> {
  const client = await createClient({ url }).connect();
  for (const key of await client.keys('*')) {
    const left = await client.pTTL(key);
    if (left < 0) continue;
    if (left <= ms) await client.del(key);
    else await client.pExpire(key, left - ms);
  }
  client.destroy();
}

describe('with a Redis of its own', () => {
  let server: RedisServer;
  let prefixes = 0;

  before(async () => {
    server = await RedisServer.start();
  });

  after(async () => {
    await server.stop();
  });

  async function redisBench(): Promise<CrashBench> {
    prefixes++;
    const prefix = (place: string): string => `test${prefixes}:${place}:`;
    const { url } = server;
    return {
      place: { kind: 'redis', url, prefix: prefix('here') },
      open: async ({ place = 'here' } = {}) => {
        const store = await redisCompletions({ url, prefix: prefix(place) });
        return { store, close: () => store.close() };
      },
      pass: (ms) => age(url, ms),
      end: async () => {},
    };
  }

  completionStoreContract('Redis', redisBench, false);
  crashContract('Redis', redisBench);

  it('takes a client that the application has, and leaves it open', async () => {
    const client = await createClient({ url: server.url }).connect();
    try {
      const store = await redisCompletions({ client, prefix: 'given:' });
      expect(await store.begin(requestFor('k'))).to.deep.equal({ state: 'new' });
      await store.close();
      expect(await client.ping()).to.equal('PONG');
    } finally {
      client.destroy();
    }
  });

  it('serves a fleet, as the page on it shows', async () => {
    const snippet = snippets().find(({ file }) => file === 'fleet.ts');
    if (snippet === undefined) throw new Error('There is no fleet.ts');
    const folder = new ReaderFolder([snippet]);
    try {
      folder.env['REDIS_URL'] = server.url;
      const finished = await folder.run('fleet.ts');
      const line = '700 cents paid by server 0';
      expect(finished).to.deep.equal({ code: 0, output: `${line}\n${line}\n`, errors: '' });
      expect(snippet.code).to.include(`// ${line}\n`);
    } finally {
      folder.remove();
    }
  });

  it('keeps nothing of callers and keys in readable form', async () => {
    const store = await redisCompletions({ url: server.url, prefix: 'hidden:' });
    await store.begin(requestFor('key:3:ada:rent'));
    await store.close();
    const client = await createClient({ url: server.url }).connect();
    const keys = await client.keys('hidden:*');
    client.destroy();
    expect(keys).to.have.length(2);
    for (const key of keys) expect(key).to.match(/^hidden:(id|record:[\w-]{43})$/);
  });
});

describe('a Redis that fails', function () {
  this.timeout(30_000);
  let server: RedisServer;

  beforeEach(async () => {
    server = await RedisServer.start();
  });

  afterEach(async () => {
    server.continue();
    await server.stop();
  });

  it('knows all that it has acknowledged when it is killed and started again', async () => {
    const store = await redisCompletions({ url: server.url });
    try {
      for (let round = 0; round < 5; round++) {
        const requests = Array.from({ length: 200 }, (_, at) => requestFor(`${round} ${at}`));
        const acknowledged = new Map<string, string>();
        const working = requests.map(async (request) => {
          if ((await store.begin(request)).state !== 'new') return;
          acknowledged.set(request.key, 'running');
          await store.finish(request, paid);
          acknowledged.set(request.key, 'done');
        });
        const all = Promise.allSettled(working);
        // At another moment each time.
        await Promise.all(working.slice(0, 20 * round + 1));
        await server.kill();
        await all;
        await server.start();
        await untilItAnswers(() => store.begin(requestFor(`after ${round}`)));
        for (const [key, state] of acknowledged) {
          const found = await store.begin(requestFor(key));
          expect(found.state, key).to.be.oneOf(state === 'done' ? ['done'] : ['running', 'done']);
        }
      }
    } finally {
      await store.close();
    }
  });

  it('fails at once while it is not there, and works when it is there again', async () => {
    const store = await redisCompletions({ url: server.url });
    try {
      await server.kill();
      const rejected = await Promise.resolve(store.begin(requestFor('k'))).catch((error) => error);
      expect(rejected).to.be.instanceOf(Error);
      await server.start();
      await untilItAnswers(() => store.begin(requestFor('k', { takesOver: true })));
    } finally {
      await store.close();
    }
  });

  it('is given up and dialled again when it says nothing for the time of a lease', async () => {
    const store = await redisCompletions({ url: server.url, leaseMs: 300, connectTimeoutMs: 500 });
    try {
      server.pause();
      const rejected = await Promise.resolve(store.begin(requestFor('k'))).catch((error) => error);
      expect(rejected).to.be.instanceOf(Error);
      server.continue();
      await untilItAnswers(() => store.begin(requestFor('other')));
    } finally {
      await store.close();
    }
  });

  it('is not believed any more when it has lost its records', async () => {
    const store = await redisCompletions({ url: server.url });
    try {
      await store.begin(requestFor('k'));
      await server.kill();
      server.forget();
      await server.start();
      let lost: unknown;
      for (let tries = 0; tries < 500 && !isStoreError(lost); tries++) {
        lost = await Promise.resolve(store.begin(requestFor('k'))).catch((error) => error);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(lost).to.have.property('message').that.includes('has lost its records');
      // Not even when others have begun anew.
      const other = await redisCompletions({ url: server.url });
      expect(other.id).not.to.equal(store.id);
      const again = await Promise.resolve(store.begin(requestFor('k'))).catch((error) => error);
      expect(again).to.have.property('message').that.includes('has lost its records');
      await other.close();
    } finally {
      await store.close();
    }
  });

  it('holds who could not renew their leases in its absence for alive', async () => {
    const clock = new VirtualClock();
    const [one, two] = await Promise.all([
      redisCompletions({ url: server.url, clock }),
      redisCompletions({ url: server.url, leaseMs: 3_600_000 }),
    ]);
    try {
      await two.begin(requestFor('k', { owner: 'two' }));
      await server.kill();
      // One of them notices, for its lease is over and must be renewed.
      clock.advance(15_001);
      const refused = await Promise.resolve(one.begin(requestFor('k'))).catch((error) => error);
      expect(refused).to.be.instanceOf(Error);
      await server.start();
      await age(server.url, 3_600_000);
      const begun = await untilItAnswers(() => one.begin(requestFor('k', { owner: 'one' })));
      expect(begun).to.deep.equal({ state: 'running', owner: 'two' });
      // But not for ever.
      clock.advance(15_001);
      const later = await untilItAnswers(() => one.begin(requestFor('k', { owner: 'one' })));
      expect(later).to.deep.equal({ state: 'lost' });
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  it('says when it is not there to begin with', async () => {
    await server.kill();
    const opening = redisCompletions({ url: server.url });
    await expectFailure(opening, 'ERR_HOLDFAST_STORE', 'Redis cannot be reached');
  });
});

describe('a Redis with other settings', () => {
  const wrong: readonly (readonly [settings: readonly string[], text: string])[] = [
    [[], 'appendonly yes, not no'],
    [['--appendonly', 'yes', '--appendfsync', 'everysec'], 'appendfsync always, not everysec'],
    [
      [
        ...['--appendonly', 'yes', '--appendfsync', 'always'],
        ...['--maxmemory', '100mb', '--maxmemory-policy', 'volatile-lru'],
      ],
      'maxmemory-policy noeviction, not volatile-lru',
    ],
  ];

  for (const [settings, text] of wrong) {
    it(`is not used unless it is trusted: ${text}`, async () => {
      const server = await RedisServer.start(settings);
      try {
        const opening = redisCompletions({ url: server.url });
        await expectFailure(opening, 'ERR_HOLDFAST_STORE', `must have the setting ${text}`);
        const trusting = await redisCompletions({ url: server.url, durability: 'trusted' });
        expect(await trusting.begin(requestFor('k'))).to.deep.equal({ state: 'new' });
        await trusting.close();
      } finally {
        await server.stop();
      }
    });
  }

  it('is used by a client for a cluster', async () => {
    const server = await RedisServer.start(['--cluster-enabled', 'yes', '--appendonly', 'yes']);
    const admin = await createClient({ url: server.url }).connect();
    await admin.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
    while (!String(await admin.sendCommand(['CLUSTER', 'INFO'])).includes('cluster_state:ok')) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    admin.destroy();
    const client = await createCluster({ rootNodes: [{ url: server.url }] }).connect();
    try {
      await expectFailure(redisCompletions({ client }), 'ERR_HOLDFAST_STORE', 'cannot be read');
      const store = await redisCompletions({ client, durability: 'trusted' });
      for (const key of ['a', 'b', 'c', 'd']) {
        const request = requestFor(key);
        expect(await store.begin(request)).to.deep.equal({ state: 'new' });
        await store.finish(request, paid);
        expect(await store.begin(requestFor(key))).to.include({ state: 'done' });
      }
      await store.close();
    } finally {
      client.destroy();
      await server.stop();
    }
  });
});

function isStoreError(value: unknown): boolean {
  return (value as { code?: unknown } | undefined)?.code === 'ERR_HOLDFAST_STORE';
}

/** What `ask` gives when it does not fail any more. */
async function untilItAnswers<Value>(ask: () => Value | Promise<Value>): Promise<Value> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries > 1_000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
