import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LmdbCompletions } from '../../lib/completions/lmdb.ts';
import {
  type CompletionStore,
  inherit,
  type Server,
  serve,
  transactional,
} from '../../lib/index.ts';
import { runScene } from './scene-program.ts';
import { entriesTable, type SceneTask } from './scene-server.ts';
import { verbs } from './verbs.ts';

/**
 * A server of a scene: `scene-main TASK`. It appends a line to the journal when a handler begins, and
 * one when it ends. At SIGUSR2 it hands over.
 */
const task = JSON.parse(process.argv[2] as string) as SceneTask;
const journal = openSync(task.journal, 'a');

/** The input says how long its handler takes, e.g. `x @20`. */
async function pause(name: string): Promise<void> {
  const ms = Number(/@(\d+)$/.exec(name)?.[1] ?? 0);
  if (ms > 0) await sleep(ms);
}

async function work(name: string): Promise<string> {
  writeSync(journal, `+${name}\n`);
  await pause(name);
  writeSync(journal, `-${name}\n`);
  return `done ${name}`;
}

/** With transactions the table is the journal: what is rolled back was never done. */
function inTable(store: LmdbCompletions): typeof work {
  const entries = store.environment.openDB<number, string>({ name: entriesTable });
  return transactional(store, async (name: string, { transaction }) => {
    transaction.put(entries, name, (transaction.get(entries, name) ?? 0) + 1);
    await pause(name);
    return `done ${name}`;
  }) as typeof work;
}

async function start(): Promise<Server> {
  const { store: place, listen, options } = task;
  let store: CompletionStore | undefined;
  let once = work;
  if (place?.kind === 'lmdb') {
    const { lmdbCompletions } = await import('../../lib/completions/lmdb.ts');
    const { path, leaseMs } = place;
    const lmdb = await lmdbCompletions({ path, leaseMs });
    store = lmdb;
    if (place.isTransactional) once = inTable(lmdb);
  } else if (place?.kind === 'redis') {
    const { redisCompletions } = await import('../../lib/completions/redis.ts');
    const { url, leaseMs } = place;
    store = await redisCompletions({ url, leaseMs });
  }
  const handlers = { read: work, idempotent: work, semi: work, once, mutate: work };
  return await serve(verbs, handlers, {
    ...options,
    listen: task.inherits === false ? listen : inherit(listen),
    ...(store === undefined ? {} : { completions: store }),
  });
}

runScene(start);
