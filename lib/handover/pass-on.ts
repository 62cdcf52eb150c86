import { HoldfastError } from '../errors.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import type { CutCall, ServerCore } from '../server/server-core.ts';
import type { Clock } from '../util/clock.ts';
import { Bequest } from './bequest.ts';
import type { Successor } from './spawn-successor.ts';

/** How long what may take at a hand-over, in ms. */
export interface PassOnBounds {
  readonly readyTimeoutMs: number;
  readonly timeoutMs: number;
  readonly noticeMs: number;
}

/** What a successor that does not ask any more may take for its end, in ms. */
const farewellMs = 10_000;

/**
 * Hands a server over to a successor that was started: waits until it listens, drains this server,
 * and gives the other what is left. Resolves with the calls that were cut off when this server has
 * ended; rejects when the successor does not listen, which is stopped then.
 */
export async function passOn(
  core: ServerCore,
  successor: Pick<Successor, 'channel' | 'ended' | 'stop'>,
  { readyTimeoutMs, timeoutMs, noticeMs }: PassOnBounds,
): Promise<readonly CutCall[]> {
  const bequest = await Bequest.on(successor.channel, core);
  try {
    await whenReady(bequest, successor.ended, core.options.clock, readyTimeoutMs);
  } catch (error) {
    await successor.stop();
    await bequest.close();
    throw error;
  }
  const onDone = (): Promise<unknown> =>
    within<unknown>(core.options.clock, farewellMs, [bequest.finish(), successor.ended]);
  const cut = await core.drain({ timeoutMs, noticeMs, successor: { onDone } });
  await bequest.close();
  return cut;
}

async function whenReady(
  bequest: Bequest,
  hasEnded: Promise<string>,
  clock: Clock,
  timeoutMs: number,
): Promise<void> {
  const ready = bequest.ready.then((objection) => objection ?? 'ready');
  const ended = hasEnded.then((how) => `the successor ended before it listened: ${how}`);
  const result = await within(clock, timeoutMs, [ready, ended]);
  if (result === 'ready') return;
  throw failed(result ?? `the successor did not listen within ${timeoutMs} ms`);
}

/** What comes first; undefined when nothing comes in time. */
async function within<Value>(
  clock: Clock,
  timeoutMs: number,
  awaited: readonly Promise<Value>[],
): Promise<Value | undefined> {
  const wheel = wheelOf(clock);
  let ring = (): void => {};
  const alarm = new Alarm(wheel, () => ring());
  const tooLate = new Promise<undefined>((resolve) => {
    ring = () => resolve(undefined);
  });
  wheel.hold();
  alarm.set(clock.now() + timeoutMs);
  try {
    return await Promise.race([...awaited, tooLate]);
  } finally {
    alarm.clear();
    wheel.release();
  }
}

/** The error of a hand-over that did not come about. */
export function failed(why: string): HoldfastError {
  const message = `Hand-over failed, and this server goes on: ${why}`;
  return new HoldfastError('ERR_HOLDFAST_HAND_OVER', message);
}
