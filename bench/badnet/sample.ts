import { BenchProcess } from '../harness/bench-process.ts';
import type { RunOrder } from './client-process.ts';
import type { Course, Work } from './exchanges.ts';
import type { Loss } from './gilbert-elliott.ts';
import type { ServerOrder } from './server-process.ts';
import type { Doors } from './servers.ts';
import type { Counts } from './wire-process.ts';

/** What is to be measured. */
export interface Task {
  readonly contender: string;
  readonly seed: number;
  readonly loss: Loss;
  /** Packets of both directions are lost, and not only those towards the client. */
  readonly isBothWays: boolean;
  readonly work: Work;
}

/** What was measured; the counts are of packets towards the client. */
export interface Sample extends Course, Counts {
  readonly contender: string;
  readonly seed: number;
  /** How often the server executed an exchange. */
  readonly executions: number;
}

/** The same without the kernel's TCP: the path is made within the client's process. */
export async function runInProcess({ contender, seed, loss, work }: Task): Promise<Sample> {
  const at = (name: string): URL => new URL(name, import.meta.url);
  const server = await BenchProcess.startBehind<ServerOrder>([], at('server-process.js'));
  const client = await BenchProcess.startBehind<RunOrder>([], at('client-process.js'));
  try {
    const doors = (await server.ask({ do: 'serve', host: '127.0.0.1' })) as Doors;
    const inProcess = { seed, loss };
    const order: RunOrder = { do: 'run', contender, doors, work, inProcess };
    const { course, counts } = (await client.ask(order)) as { course: Course; counts: Counts };
    const executions = (await server.ask({ do: 'executions' })) as number;
    return { contender, seed, ...course, executions, ...counts };
  } finally {
    client.kill();
    server.kill();
  }
}
