import { setTimeout as delay } from 'node:timers/promises';
import type { Breaker } from '../demo/breaker.ts';
import { between } from '../demo/random.ts';
import { type ClientActor, killCarrier, type ServerActor } from './actors.ts';
import type { Notebook } from './notebook.ts';

/** Everything that is harmed. */
export interface Cast {
  readonly steady: ServerActor;
  readonly restless: ServerActor;
  readonly visitor: ClientActor;
  readonly breakers: readonly Breaker[];
}

type Harm = (cast: Cast, random: () => number) => Promise<void>;

const breakerOf = ({ breakers }: Cast, random: () => number): Breaker =>
  breakers[between(random, 0, breakers.length - 1)] as Breaker;

const harms: Readonly<Record<string, Harm>> = {
  'kill the server': async ({ restless }, random) => {
    await restless.kill();
    await delay(between(random, 0, 2_000));
    await restless.start();
  },
  'drain the server': async ({ restless }) => {
    await restless.drain();
    await restless.start();
  },
  'hand the server over': ({ restless }) => restless.handOver(),
  'hand the server over again': ({ restless }) => restless.handOver(),
  'stop the server for a while': ({ restless }, random) =>
    restless.stopFor(between(random, 500, 9_000)),
  'stop the steady server for a while': ({ steady }, random) =>
    steady.stopFor(between(random, 500, 9_000)),
  'kill a client': ({ visitor }) => visitor.restart(),
  'stop a client for a while': ({ visitor }, random) =>
    visitor.stopFor(between(random, 500, 12_000)),
  'kill what carries a connection': async (_, random) => {
    killCarrier(random);
  },
  'end the paths': async (cast, random) => breakerOf(cast, random).finish(),
  'reset the paths': async (cast, random) => breakerOf(cast, random).reset(),
  'silence the paths': async (cast, random) => {
    const end = breakerOf(cast, random).stall(random() < 0.5);
    await delay(between(random, 500, 12_000));
    end();
  },
  'cut the paths in a request': async (cast, random) => {
    void breakerOf(cast, random).cutAfter(between(random, 1, 5_000));
  },
};

/** What was done, and how often. */
export const done: Record<string, number> = {};

/** Harms somebody now and then, until the time is over. */
export async function wreakHavoc(
  cast: Cast,
  random: () => number,
  everyMs: number,
  story: Notebook,
  signal: AbortSignal,
): Promise<void> {
  const names = Object.keys(harms);
  while (!signal.aborted) {
    await delay(everyMs * (0.3 + 1.4 * random()), undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const name = names[between(random, 0, names.length - 1)] as string;
    story.note(new Date().toISOString(), name);
    await harms[name]?.(cast, random);
    done[name] = (done[name] ?? 0) + 1;
  }
}
