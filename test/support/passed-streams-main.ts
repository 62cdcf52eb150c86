import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { inherit, type Server, serve } from '../../lib/index.ts';
import { type Given, type Opening, type Taken, verbs } from './passed-streams.ts';
import { runScene } from './scene-program.ts';
import type { SceneTask } from './scene-server.ts';

/**
 * A server of a scene with streams. It appends a line to the journal when a handler begins, and one
 * when it is done with all of its items.
 */
async function start({ journal: path, listen, options }: SceneTask): Promise<Server> {
  const { pid } = process;
  const journal = openSync(path, 'a');
  const note = (text: string): void => void writeSync(journal, `${text}\n`);
  interface Context {
    readonly items: AsyncIterable<number>;
  }

  async function* count({ name, from = 1, count = 1, eachMs = 0 }: Opening): AsyncGenerator<Given> {
    note(`+${name}`);
    for (let item = from; item <= count; item++) {
      yield [item, pid];
      await sleep(eachMs);
    }
    note(`-${name}`);
  }

  async function collect({ name, eachMs = 0 }: Opening, { items }: Context): Promise<Taken> {
    note(`+${name}`);
    const taken: number[] = [];
    for await (const item of items) taken.push(item);
    await sleep(eachMs);
    note(`-${name}`);
    return { items: taken, pid };
  }

  async function* tenfold({ name }: Opening, { items }: Context): AsyncGenerator<Given> {
    note(`+${name}`);
    for await (const item of items) yield [10 * item, pid];
    note(`-${name}`);
  }

  const handlers = {
    readCount: count,
    readCollect: collect,
    readTenfold: tenfold,
    mutateCount: count,
    mutateCollect: collect,
    mutateTenfold: tenfold,
    pid: () => pid,
  };
  return await serve(verbs, handlers, { ...options, listen: inherit(listen) });
}

runScene(start);
