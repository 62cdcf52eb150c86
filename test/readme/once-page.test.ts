import { expect } from 'chai';
import { lmdbCompletionsDefaults } from '../../lib/completions/lmdb.ts';
import { redisCompletionsDefaults } from '../../lib/completions/redis.ts';
import { ReaderFolder } from './reader-folder.ts';
import { oncePage, section, snippets, tableIn } from './readme.ts';

/** A default as the page writes it. */
function written(name: string, value: unknown): string {
  if (name === 'clock') return "the system's";
  if (value === Date.now) return '`Date.now`';
  if (typeof value === 'string') return `\`"${value}"\``;
  if (name.endsWith('Bytes')) return `${Number(value) / 2 ** 20} MiB`;
  return name.endsWith('Ms') ? `${Number(value) / 1000} s` : String(value);
}

function rowsOf(defaults: object, required: readonly string[][]): string[][] {
  const rows = Object.entries(defaults).map(([name, value]) => [
    `\`${name}\``,
    written(name, value),
  ]);
  return [...required, ...rows];
}

function optionRows(store: string): string[][] {
  const [, text = ''] = section('The stores', oncePage).split(`\n### ${store}\n`);
  return tableIn(text, 'option').map(([name = '', value = '']) => [name, value]);
}

/** Tries the store of the page on tables in memory, of which a transaction has a copy. */
const trial = `
import type { BeginRequest, Completion } from 'holdfast';
import { type Begin, type Sql, sqlStore } from './sql.ts';

type Row = { fingerprint: string; completion: Uint8Array | null };
let tables = { calls: new Map<string, Row>(), effects: [] as string[] };
let queue: Promise<unknown> = Promise.resolve();

/** One transaction at a time, as if all met at the same key. */
const begin: Begin = (work) => {
  const ended = queue.then(async () => {
    const mine = structuredClone(tables);
    const sql: Sql = {
      query: async (text, [key, value]) => {
        const row = mine.calls.get(String(key));
        if (text.startsWith('insert into calls')) {
          if (row !== undefined) return [row];
          const added = { fingerprint: String(value), completion: null };
          mine.calls.set(String(key), added);
          return [added];
        }
        if (text.startsWith('update calls') && row) row.completion = value as Uint8Array;
        else mine.effects.push(String(key));
        return [];
      },
    };
    const result = await work(sql);
    tables = mine;
    return result;
  });
  queue = ended.catch(() => {});
  return ended;
};

const store = sqlStore('7f0c', begin);
const request: BeginRequest = {
  ...{ key: 'k', fingerprint: 'f', keepMs: 60_000, owner: 'one', ticket: 1, takesOver: false },
};
const paid: Completion = { kind: 'reply', value: Buffer.of(0x01), isBytes: false };
const pay = (sql: Sql): Promise<Completion> => sql.query('insert into effects', ['paid']).then(() => paid);
const broke = (sql: Sql): Promise<Completion> => pay(sql).then(() => Promise.reject(new Error('broke')));

console.log(await store.transact(request, broke).catch(({ message }) => message));
console.log(tables.effects.length, tables.calls.size);
const states = await Promise.all([store.transact(request, pay), store.transact(request, pay)]);
console.log(states.map(({ state }) => state).join(' '));
console.log((await store.transact({ ...request, fingerprint: 'g' }, pay)).state, tables.effects.length);
`;

describe('The page on calls that are executed once', () => {
  it('names every option of the LMDB store, with its default', () => {
    const rows = rowsOf(lmdbCompletionsDefaults, [['`path`', 'required']]);
    expect(optionRows('LMDB')).to.deep.equal(rows);
  });

  it('names every option of the Redis store, with its default', () => {
    const rows = rowsOf(redisCompletionsDefaults, [
      ['`url`', 'none'],
      ['`client`', 'none'],
    ]);
    expect(optionRows('Redis')).to.deep.equal(rows);
  });

  it('shows a store for SQL that commits effect and record together', async function () {
    this.timeout(30_000);
    const folder = new ReaderFolder(snippets().filter(({ file }) => file === 'sql.ts'));
    try {
      folder.write('trial.ts', trial);
      expect(await folder.run('trial.ts')).to.deep.equal({
        code: 0,
        output: 'broke\n0 0\ncommitted done\nmismatch 1\n',
        errors: '',
      });
    } finally {
      folder.remove();
    }
  });
});
