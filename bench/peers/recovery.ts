import { setTimeout as wait } from 'node:timers/promises';
import { BenchProcess } from '../harness/bench-process.ts';
import { type Spread, spreadOf } from '../harness/figures.ts';
import { nowUs } from '../harness/now.ts';
import type { Order } from '../harness/orders.ts';
import type { Persisted } from '../harness/persist.ts';
import type { Entry } from '../harness/rounds.ts';
import { BreakablePath } from './breakable-path.ts';

/** What happens to a connection while a call waits for its answer. */
export type Trouble = 'cut' | 'away' | 'silent';

/** How a contender gets over it, with an application that makes its call again when it fails. */
export interface Recovery {
  /** From the end of the trouble to the answer; missing when there was none in time. */
  readonly milliseconds?: Spread;
  /** Calls that failed before, the most in a round. */
  readonly failed: number;
}

export interface Recoveries extends Readonly<Record<Trouble, Recovery>> {
  readonly contender: string;
}

/** For so long a server is away. */
export const awayMs = 1_000;
/** Nobody waits longer for an answer. */
export const limitMs = 30_000;

const rounds: Readonly<Record<Trouble, number>> = { cut: 10, away: 5, silent: 1 };

/** One after the other where time is short, all together where it is spent with waiting. */
export async function recoveriesOf(entries: readonly Entry[]): Promise<Recoveries[]> {
  const found: Recoveries[] = [];
  const silent = await Promise.all(entries.map((entry) => recoveryOf(entry, 'silent')));
  for (const [index, entry] of entries.entries()) {
    found.push({
      contender: entry.name,
      cut: await recoveryOf(entry, 'cut'),
      away: await recoveryOf(entry, 'away'),
      silent: silent[index] as Recovery,
    });
  }
  return found;
}

const serverScript = new URL('../server-process.js', import.meta.url);
const clientScript = new URL('../client-process.js', import.meta.url);

async function recoveryOf({ url, place }: Entry, trouble: Trouble): Promise<Recovery> {
  const server = await BenchProcess.start<Order>('server', serverScript, url);
  const client = await BenchProcess.start<Order>('client', clientScript, url);
  let path: BreakablePath | undefined;
  try {
    const address = String(await server.ask({ do: 'serve', place }));
    path = await BreakablePath.start(Number(/(\d+)$/.exec(address)?.[1]));
    const through = address.replace(/\d+$/, String(path.port));
    await client.ask({ do: 'connect', address: through, place });
    return await recover(client, path, trouble);
  } finally {
    // A client may still wait for an answer that was swallowed.
    client.kill();
    await server.stop();
    await path?.close();
  }
}

async function recover(
  client: BenchProcess<Order>,
  path: BreakablePath,
  trouble: Trouble,
): Promise<Recovery> {
  const times: number[] = [];
  let failed = 0;
  for (let round = 0; round < rounds[trouble]; round++) {
    // The connection is of use, and the code is warm.
    await client.ask({ do: 'load', load: { kind: 'small', outstanding: 1, sliceMs: 100 } });
    const held = path.hold();
    const asked = client.ask({ do: 'persist', limitMs });
    await held;
    const overUs = await make(trouble, path);
    const persisted = (await asked) as Persisted;
    failed = Math.max(failed, persisted.failed);
    if (persisted.atUs === undefined) return { failed };
    times.push((persisted.atUs - overUs) / 1_000);
  }
  return { milliseconds: spreadOf(times), failed };
}

/** Resolves with the time from which on a new connection works. */
async function make(trouble: Trouble, path: BreakablePath): Promise<number> {
  const brokenUs = nowUs();
  switch (trouble) {
    case 'silent':
      return brokenUs;
    case 'cut':
      path.cut();
      return brokenUs;
    case 'away':
      await path.close();
      await wait(awayMs);
      await path.open();
      return nowUs();
  }
}
