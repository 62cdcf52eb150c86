import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Environment } from '../../lib/completions/lmdb/environment.ts';
import { lmdbCompletions } from '../../lib/completions/lmdb.ts';
import { connectOwn } from '../../lib/completions/redis/connection.ts';
import { redisCompletions } from '../../lib/completions/redis.ts';
import { memory, memoryCompletions, serve } from '../../lib/index.ts';
import { expectFailure } from '../support/failing.ts';

async function missing(): Promise<never> {
  throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
}

async function unloadable(): Promise<never> {
  throw new Error('its binary is of another machine');
}

describe('A completion store whose package is not there', () => {
  it('says which one to install', async () => {
    for (const [name, opening] of [
      ['lmdb', Environment.open('nowhere', 1, missing)],
      ['redis', connectOwn('redis://127.0.0.1:1', 1_000, missing)],
    ] as const) {
      const error = await expectFailure(opening, 'ERR_HOLDFAST_STORE', `npm install ${name}`);
      expect(error.final).to.equal(true);
    }
  });

  it('says why it cannot be loaded', async () => {
    const opening = Environment.open('nowhere', 1, unloadable);
    await expectFailure(opening, 'ERR_HOLDFAST_STORE', 'its binary is of another machine');
  });
});

describe('The options of a completion store', () => {
  const path = 'never-made';
  const url = 'redis://127.0.0.1:1';
  const wrong: readonly (readonly [open: () => Promise<unknown>, text: string])[] = [
    [() => lmdbCompletions({} as never), '"path" must name a file or folder, got undefined'],
    [() => lmdbCompletions({ path: '' }), '"path" must name a file or folder, got ""'],
    [() => lmdbCompletions({ path, leaseMs: 1 }), '"leaseMs" must be'],
    [() => lmdbCompletions({ path, keepUnfinishedMs: -1 }), '"keepUnfinishedMs" must be'],
    [() => lmdbCompletions({ path, keepUnfinishedMs: Number.NaN }), '"keepUnfinishedMs" must be'],
    [() => lmdbCompletions({ path, maxRecords: 0 }), '"maxRecords" must be'],
    [() => lmdbCompletions({ path, maxRecord: 5 } as never), 'did you mean "maxRecords"?'],
    [() => redisCompletions({}), 'Either option "url" or option "client"'],
    [() => redisCompletions({ url, client: {} as never }), '"client" must have the method eval()'],
    [() => redisCompletions({ url, durability: 'no' as never }), '"durability" must be one of'],
    [() => redisCompletions({ url, prefix: 5 as never }), '"prefix" must be a string'],
  ];

  for (const [open, text] of wrong) {
    it(`are checked: ${text}`, async () => {
      await expectFailure(open(), 'ERR_HOLDFAST_OPTION', text);
    });
  }

  it('of a server must be a store', async () => {
    for (const [completions, text] of [
      [{}, 'must have the method begin()'],
      [{ ...methods, id: '' }, 'must have an id, got ""'],
      ['memory', 'must be an object'],
    ] as const) {
      const serving = serve({}, {}, { listen: memory(), completions: completions as never });
      await expectFailure(serving, 'ERR_HOLDFAST_OPTION', text);
    }
    const server = await serve({}, {}, { listen: memory(), completions: memoryCompletions() });
    await server.close();
  });
});

const methods = { begin: () => {}, finish: () => {}, abandon: () => {} };

describe('A completion store that cannot be opened', () => {
  it('says so of an LMDB file that is none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-lmdb-'));
    try {
      const path = join(folder, 'records.mdb');
      writeFileSync(path, 'this is no database '.repeat(1_000));
      await expectFailure(lmdbCompletions({ path }), 'ERR_HOLDFAST_STORE', path);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says so of a Redis that is not there', async () => {
    const opening = redisCompletions({ url: 'redis://127.0.0.1:1' });
    await expectFailure(opening, 'ERR_HOLDFAST_STORE', 'Redis cannot be reached');
  });

  it('says so of a URL that is none, without the password in it', async () => {
    const opening = redisCompletions({ url: 'redis://me:secret@:x' });
    const error = await expectFailure(opening, 'ERR_HOLDFAST_STORE');
    expect(error.message).not.to.include('secret');
  });
});
