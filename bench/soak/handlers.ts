import { setTimeout as delay } from 'node:timers/promises';
import { type CallContext, type Handlers, refuse } from 'holdfast';
import { files, Notebook } from './notebook.ts';
import type { Done, verbs, Work } from './verbs.ts';

/** Handlers that note in the ledger that they run, before they do anything else. */
export function handlersOf(folder: string): Handlers<typeof verbs> {
  const ledger = new Notebook(folder, files.ledger);
  const violations = new Notebook(folder, files.violations);
  const run = async (work: Work, call: CallContext): Promise<Done> => {
    const { id, ms, fail, bytes } = work;
    if (fail === 'refuse' && call.attempt === 1) throw refuse({ message: 'not at first' });
    ledger.note(call.verb, id);
    if (ms > 0) await delay(ms, undefined, { signal: call.signal });
    if (fail === 'throw') throw Object.assign(new Error('as asked'), { code: 'AS_ASKED' });
    return bytes === undefined ? { id } : { id, bytes };
  };
  return {
    read: run,
    idempotent: run,
    semi: run,
    once: run,
    mutate: run,
    watch: async function* ({ id, from, count, pauseMs }, { signal }) {
      ledger.note('watch', id);
      const bytes = Buffer.alloc(500);
      for (let n = from; n < count; n++) {
        await delay(pauseMs, undefined, { signal });
        yield { id, n, bytes };
      }
    },
    upload: async ({ id }, { items }) => {
      ledger.note('upload', id);
      let count = 0;
      for await (const item of items) {
        if (item.id !== id || item.n !== count) {
          violations.note(`upload ${id} got ${item.id} ${item.n} in place of ${count}`);
        }
        count++;
      }
      return count;
    },
    chat: async function* ({ id }, { items }) {
      ledger.note('chat', id);
      for await (const item of items) yield item;
    },
  };
}
