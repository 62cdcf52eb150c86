import { type CallContext, type Handlers, refuse, transient } from '../../lib/index.ts';
import type { Process } from './process.ts';
import type { ServerRecord } from './record.ts';
import { isMarked, marked, type SimInput, type SimOutput, type verbs } from './verbs.ts';

/** Handlers that note what they do, for a server in this process. */
export function handlersOf(
  process: Process,
  record: ServerRecord,
  inputBytesOf: (id: number) => number,
): Handlers<typeof verbs> {
  const handle = (input: SimInput, call: CallContext): SimOutput | Promise<SimOutput> => {
    const { id, conduct, workMs, outputBytes } = input;
    if (!isMarked(input.bytes, id, inputBytesOf(id))) {
      record.complaints.push(`the input of call ${id} came as something else`);
    }
    if (conduct === 'refusing' && call.attempt === 1) throw refuse({ retryAfterMs: workMs / 10 });
    record.note(id, { server: process.name, at: process.world.now, attempt: call.attempt });
    process.world.log(() => `${process.name}: runs ${call.verb} ${id}, attempt ${call.attempt}`);
    const output = { id, bytes: marked(id + 1, outputBytes) };
    return conduct === 'at-once' ? output : work(process, input, call, output);
  };
  return { read: handle, idempotent: handle, semi: handle, once: handle, mutate: handle };
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
