import { setTimeout as wait } from 'node:timers/promises';
import type { Contender } from '../contender.ts';
import type { Place } from '../place.ts';
import type { LoadOrder } from './load.ts';

/** What the driver asks of a server process or a client process of a contender. */
export type Order =
  | { readonly do: 'serve'; readonly place: Place }
  | { readonly do: 'connect'; readonly address: string; readonly place: Place }
  | { readonly do: 'load'; readonly load: LoadOrder }
  | Open
  | { readonly do: 'hold'; readonly calls: number }
  | { readonly do: 'persist'; readonly limitMs: number }
  | { readonly do: 'cpu' }
  | { readonly do: 'memory' }
  | Close;

/** More connections, which stay idle. */
export interface Open {
  readonly do: 'open';
  readonly address: string;
  readonly place: Place;
  readonly connections: number;
}

/** The last order, which every process knows. */
export interface Close {
  readonly do: 'close';
}

/** A process's answer to an order; the first, unasked, says that it is up. */
export type Answer = { readonly value: unknown } | { readonly error: string };

/** Loads a contender by the URL of its module. */
export async function loadContender(url: string): Promise<Contender> {
  const module = (await import(url)) as { contender?: Contender };
  if (module.contender === undefined) throw new Error(`No contender is exported by ${url}`);
  return module.contender;
}

/** Answers the driver's orders, one after the other; ends the process when the driver is gone. */
export async function obey<Given extends { readonly do: string }>(
  onOrder: (order: Given) => Promise<unknown>,
): Promise<void> {
  const answer = async (make: () => Promise<unknown>): Promise<void> => {
    let message: Answer;
    try {
      message = { value: await make() };
    } catch (error) {
      message = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    if (process.connected) process.send?.(message);
  };
  process.on('disconnect', () => process.exit());
  process.on('message', (order: Given) => void answer(() => onOrder(order)));
  await answer(async () => undefined);
}

/** Processor time of this process so far, user and system. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Memory of the heap, and of buffers beside it, behind a collection of garbage. */
export function heapBytes(): number {
  if (globalThis.gc === undefined) throw new Error('Run with --expose-gc');
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The same of a process that does nothing: what one collection finds to be dead, the next may free. */
export async function restingHeapBytes(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    heapBytes();
    await wait(20);
  }
  return heapBytes();
}
