import type { AttemptRecord, Evidence, HoldfastError, Outcome } from '../errors.ts';
import type { CallWatch } from '../observe/call-watch.ts';
import type { Clock } from '../util/clock.ts';
import type { Call } from './call.ts';
import type { ClientLink } from './client-link.ts';
import type { VerbUse } from './verb-use.ts';

/** A call was answered with a reply: into the figures, and to who watches the call. */
export function countReply(call: Call, link: ClientLink): void {
  const { figures, isPlain } = call.verb;
  const { heardAt } = link;
  // What is checked afterwards has not succeeded yet.
  if (isPlain) figures?.replied(heardAt, heardAt - call.madeAt);
  else figures?.attempted(heardAt, true);
  if (call.watch === undefined) return;
  tell(call, call.watch, {
    number: call.attempts,
    link: link.label,
    phase: 'answered',
    evidence: 'done',
    decision: 'deliver',
    why: 'the server replied',
    durationMs: heardAt - call.sentAt,
  });
}

/** A call has settled otherwise; `outcome` is that of a failure. */
export function countSettled(call: Call, now: number, outcome: Outcome | undefined): void {
  const { figures, isPlain } = call.verb;
  if (isPlain) figures?.settled(now, now - call.madeAt, howOf(outcome));
}

/** A call fails before it is made. */
export function notMade(
  verb: VerbUse,
  clock: Clock,
  reject: (error: HoldfastError) => void,
  error: HoldfastError,
): undefined {
  if (verb.isPlain) verb.figures?.notMade(clock.now());
  reject(error);
}

/** An attempt ended without a reply, unless its answer is still awaited on another link. */
export function countRecord(
  { verb: { figures } }: Call,
  evidence: Evidence,
  decision: AttemptRecord['decision'],
  now: number,
): void {
  if (decision === 'attach' || decision === 'deliver') return;
  figures?.attempted(now, false);
  if (evidence === 'refused') figures?.refused(now);
}

/** How a call settled, by its outcome if it failed. */
export function howOf(outcome: Outcome | undefined): 'well' | 'failed' | 'unknown' {
  if (outcome === undefined) return 'well';
  return outcome === 'unknown' ? 'unknown' : 'failed';
}

/** Writes a line of a call's history. */
export function writeRecord(call: Call, record: AttemptRecord): void {
  const { past } = call;
  past.history ??= [];
  past.history.push(record);
  if (call.watch !== undefined) tell(call, call.watch, record);
}

function tell(call: Call, watch: CallWatch, record: AttemptRecord): void {
  call.whileTelling(() => watch.attempted(record));
}
