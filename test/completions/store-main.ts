import { lmdbCompletions } from '../../lib/completions/lmdb.ts';
import type { BeginRequest, CompletionStore } from '../../lib/index.ts';
import type { FromStore, StoreOrder, StorePlace } from './store-process.ts';

/** A store in a process of its own: `store-main PLACE`, which is JSON. */
const place = JSON.parse(process.argv[2] as string) as StorePlace;
const store = await open(place);
let tickets = 0;

async function open(where: StorePlace): Promise<CompletionStore> {
  if (where.kind === 'lmdb') return await lmdbCompletions({ path: where.path });
  const { redisCompletions } = await import('../../lib/completions/redis.ts');
  return await redisCompletions({ url: where.url, prefix: where.prefix });
}

function say(message: FromStore): void {
  process.send?.(message);
}

async function work(prefix: string): Promise<void> {
  for (;;) {
    tickets++;
    const request: BeginRequest = {
      key: `${prefix}${tickets}`,
      fingerprint: 'f1',
      keepMs: 60_000,
      owner: prefix,
      ticket: tickets,
      takesOver: false,
    };
    await store.begin(request);
    say({ kind: 'step', request, isFinished: false });
    await store.finish(request, { kind: 'reply', value: Buffer.of(0xc3), isBytes: false });
    say({ kind: 'step', request, isFinished: true });
  }
}

async function follow(order: StoreOrder): Promise<void> {
  if (order.kind === 'begin') {
    const begun = await Promise.all(
      order.requests.map(async (request) => await store.begin(request)),
    );
    say({ kind: 'begun', begun });
  } else if (order.kind === 'finish') {
    await store.finish(order.request, order.completion);
    say({ kind: 'finished' });
  } else {
    // Several at a time, so that they share their commits.
    for (let worker = 0; worker < 4; worker++) void work(order.prefix);
  }
}

process.on('message', (order: StoreOrder) => void follow(order));
process.on('disconnect', () => process.exit());
say({ kind: 'ready', id: store.id });
