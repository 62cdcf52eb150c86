import { get } from 'node:http';
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientOptions, connect, tcp } from 'holdfast';
import { type Connecting, slowMedium } from './connecting.ts';
import type { Doors } from './servers.ts';
import { verbs } from './verbs.ts';

/** How documents are had, and given up. */
export interface Way {
  /** Has a document by its number. */
  exchange(number: number): Promise<string>;
  close(): void;
}

/** What an HTTP client does about exchanges that take long or fail. */
interface Plan {
  readonly timeoutMs?: number;
  readonly retries?: number;
  /** First bound of the wait between tries, which doubles; none without it. */
  readonly backoffMs?: number;
}

const plans: Readonly<Record<string, Plan>> = {
  naive: {},
  'time-out': { timeoutMs: 10_000 },
  retry: { timeoutMs: 10_000, retries: 3 },
  'back-off': { timeoutMs: 3_000, retries: 9, backoffMs: 100 },
  unlimited: { timeoutMs: 10_000, retries: Number.POSITIVE_INFINITY },
};

/** What each of them does, in words. */
export const contenders: Readonly<Record<string, string>> = {
  naive: 'no time-out',
  'time-out': '10 s',
  retry: '10 s, 3 retries at once',
  'back-off': '3 s, 9 retries, exponential back-off with full jitter',
  unlimited: '10 s, retries at once without limit',
  holdfast: 'default options, verb "mutate"',
  'holdfast-read': 'default options, verb "read"',
};

const backoffCapMs = 10_000;

export function openWay(
  contender: string,
  doors: Doors,
  connecting?: Connecting,
  options?: ClientOptions,
): Way {
  const plan = plans[contender];
  if (plan === undefined) {
    return openHoldfast(contender === 'holdfast' ? 'take' : 'look', doors, connecting, options);
  }
  return {
    exchange: (number) => getAgain(plan, doors, number, connecting),
    close: () => {},
  };
}

async function getAgain(
  plan: Plan,
  doors: Doors,
  number: number,
  connecting: Connecting | undefined,
): Promise<string> {
  const { retries = 0, backoffMs } = plan;
  for (let tries = 0; ; tries++) {
    try {
      return await getOnce(plan, doors, number, connecting);
    } catch (error) {
      if (tries >= retries) throw error;
      if (backoffMs !== undefined) {
        await sleep(Math.random() * Math.min(backoffCapMs, backoffMs * 2 ** tries));
      }
    }
  }
}

/** One request on a connection of its own. */
function getOnce(
  { timeoutMs }: Plan,
  { http }: Doors,
  number: number,
  connecting: Connecting | undefined,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
    const options = {
      ...http,
      path: `/${number}`,
      agent: false,
      ...(signal === undefined ? {} : { signal }),
      ...(connecting === undefined ? {} : { createConnection: slowly(connecting, http, signal) }),
    };
    const request = get(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

function slowly(
  connecting: Connecting,
  door: Doors['http'],
  signal: AbortSignal | undefined,
): (options: unknown, opened: (error: Error | null, socket: Socket) => void) => undefined {
  return (_, opened) => {
    connecting.ready(signal ?? new AbortController().signal).then(
      () => opened(null, connectSocket({ ...door, noDelay: true })),
      (error: Error) => opened(error, undefined as unknown as Socket),
    );
    return undefined;
  };
}

function openHoldfast(
  verb: 'take' | 'look',
  doors: Doors,
  connecting: Connecting | undefined,
  options: ClientOptions | undefined,
): Way {
  const medium = tcp(doors.holdfast);
  const client = connect(
    connecting === undefined ? medium : slowMedium(medium, connecting),
    verbs,
    options as ClientOptions<never>,
  );
  return {
    exchange: (number) => client.call[verb]({ number }),
    close: () => client.destroy(),
  };
}
