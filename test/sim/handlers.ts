import { type CallContext, type Handlers, refuse, transient } from '../../lib/index.ts';
import { itemsOf, take } from './items.ts';
import type { Process } from './process.ts';
import type { ServerRecord } from './record.ts';
import {
  isMarked,
  marked,
  type SimInput,
  type SimItem,
  type SimOpening,
  type SimOutput,
  type verbs,
} from './verbs.ts';

type StreamContext = CallContext & { readonly items: AsyncIterable<SimItem> };

/** Handlers that note what they do, for a server in this process. */
export function handlersOf(
  process: Process,
  record: ServerRecord,
  inputBytesOf: (id: number) => number,
): Handlers<typeof verbs> {
  const complain = (what: string): void => {
    record.complaints.push(what);
  };
  const begin = ({ id, bytes, conduct, workMs }: SimInput, call: CallContext): void => {
    if (!isMarked(bytes, id, inputBytesOf(id))) {
      complain(`the input of call ${id} came as something else`);
    }
    if (conduct === 'refusing' && call.attempt === 1) throw refuse({ retryAfterMs: workMs / 10 });
    record.note(id, { server: process.name, at: process.world.now, attempt: call.attempt });
    process.world.log(() => `${process.name}: runs ${call.verb} ${id}, attempt ${call.attempt}`);
  };
  const outputOf = ({ id, outputBytes }: SimInput): SimOutput => {
    return { id, bytes: marked(id + 1, outputBytes) };
  };
  const handle = (input: SimInput, call: CallContext): SimOutput | Promise<SimOutput> => {
    begin(input, call);
    const output = outputOf(input);
    return input.conduct === 'at-once' ? output : work(process, input, call, output);
  };
  const give = (input: SimOpening, call: CallContext): AsyncIterable<SimItem> => {
    begin(input, call);
    return itemsOf(process, input.id, input.items, pauseOf(input));
  };
  return {
    read: handle,
    idempotent: handle,
    semi: handle,
    once: handle,
    mutate: handle,
    give,
    'give-read': give,
    take: async (input: SimOpening, call: StreamContext) => {
      begin(input, call);
      const count = await take(process, input.id, call.items, input.takeMs, complain);
      if (count !== input.items) complain(`call ${input.id} ends with ${count} items`);
      return outputOf(input);
    },
    exchange: async function* (input: SimOpening, call: StreamContext) {
      begin(input, call);
      let index = 0;
      for await (const item of call.items) {
        if (item.index !== index) complain(`call ${input.id} gets ${item.index}, not ${index}`);
        await process.sleep(pauseOf(input));
        yield { id: input.id, index: index++ };
      }
    },
  };
}

/** Between one item and the next. */
function pauseOf({ workMs, items }: SimOpening): number {
  return workMs / Math.max(1, items);
}

async function work(
  process: Process,
  { id, conduct, workMs }: SimInput,
  { signal }: CallContext,
  output: SimOutput,
): Promise<SimOutput> {
  await (conduct === 'heeding' ? sleepUnless(process, workMs, signal) : process.sleep(workMs));
  if (conduct === 'failing') throw new Error(`call ${id} fails`);
  if (conduct === 'transient') throw transient(new Error(`call ${id} fails for now`));
  return output;
}

function sleepUnless(process: Process, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = process.setTimer(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
  });
}
