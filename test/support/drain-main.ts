import {
  connect,
  type DrainOnSignalsOptions,
  drainOnSignals,
  type Server,
  serve,
} from '../../lib/index.ts';
import { verbs } from './verbs.ts';

/** One server of the program. */
export interface DrainServer {
  /** How long its call takes from the moment when it drains; it has one if this is there. */
  readonly callMs?: number;
  readonly options?: Omit<DrainOnSignalsOptions, 'onDrained'>;
  /** What is done when it is drained: a word is printed, an error thrown, after so long. */
  readonly onDrained?: {
    readonly print?: string;
    readonly fail?: string;
    readonly afterMs?: number;
  };
  readonly isOff?: boolean;
}

/** What the program is told, as JSON in its only argument. */
export interface DrainTask {
  readonly servers: readonly DrainServer[];
  readonly exitCode?: number;
  /** Nothing but the handlers is left, so that the process ends by itself. */
  readonly isClosed?: boolean;
}

/** Servers that drain on signals; prints `ready` when their calls run, and what becomes of them. */
const task = JSON.parse(process.argv[2] as string) as DrainTask;

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

for (const [index, { callMs, options, onDrained, isOff }] of task.servers.entries()) {
  let begun: () => void = () => {};
  const running = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let drains: () => void = () => {};
  const draining = new Promise<void>((resolve) => {
    drains = resolve;
  });
  const handle = async (): Promise<string> => {
    begun();
    await draining;
    await wait(callMs ?? 0);
    return 'done';
  };
  const handlers = { read: handle, idempotent: handle, semi: handle, once: handle, mutate: handle };
  const server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
  const drained: Pick<Server, 'drain' | 'close'> = {
    drain: (how) => {
      drains();
      return server.drain(how);
    },
    close: () => server.close(),
  };
  const off = drainOnSignals(drained, {
    ...options,
    ...(onDrained && {
      onDrained: async (report) => {
        await wait(onDrained.afterMs ?? 0);
        if (onDrained.fail !== undefined) throw new Error(onDrained.fail);
        console.log(onDrained.print, report.cut.length);
      },
    }),
  });
  if (isOff) off();
  if (task.isClosed) await server.close();
  if (callMs === undefined) continue;
  const client = connect(server.urls[0] as string, verbs);
  client.call.mutate('x').then(
    (value) => console.log(`call ${index} ${value}`),
    ({ code }) => console.log(`call ${index} ${code}`),
  );
  await running;
}
if (task.exitCode !== undefined) process.exitCode = task.exitCode;
console.log('ready');
