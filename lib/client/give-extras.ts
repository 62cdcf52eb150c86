import type { Bounds } from './bounds.ts';
import type { Call } from './call.ts';
import { CallExtras } from './call-extras.ts';
import { contentCheck } from './content.ts';
import type { ResolvedClientOptions } from './options.ts';
import { questionOf } from './reconcile.ts';
import type { VerbUse } from './verb-use.ts';

/** True when calls of the verb may have extras although their callers say nothing. */
export function givesExtras(
  { output, accept, row }: VerbUse,
  { attemptTimeoutMs, retryIf, reconcile }: ResolvedClientOptions,
): boolean {
  const given = output ?? accept ?? retryIf ?? reconcile ?? row.settings.attemptTimeoutMs;
  return given !== undefined || attemptTimeoutMs > 0;
}

/**
 * Gives a call what only some have: a signal, bounds of an attempt, something to look at their replies
 * or to ask the application.
 *
 * @param owner told when the call's signal aborts
 */
export function giveExtras(
  call: Call,
  input: unknown,
  defaults: ResolvedClientOptions,
  bounds: Bounds,
  owner: { onAbort(call: Call, reason: unknown): void },
): void {
  const { verb, given } = call;
  const hasStream = call.stream !== undefined;
  const attemptTimeoutMs = hasStream ? 0 : bounds.attemptTimeoutMs(verb, given);
  const signal = given?.signal;
  const retryIf = given?.retryIf ?? defaults.retryIf;
  const isLookedAt = (verb.output ?? verb.accept ?? given?.accept) !== undefined;
  const check = isLookedAt ? contentCheck(verb, given?.accept) : undefined;
  const question =
    call.isCopy || call.stream?.receiver !== undefined
      ? undefined
      : questionOf(defaults.reconcile, verb.name, input, given?.key);
  const isNeeded = attemptTimeoutMs > 0 || (signal ?? retryIf ?? check ?? question) !== undefined;
  if (!isNeeded) return;
  const extras = call.extras ?? new CallExtras();
  call.extras = extras;
  extras.attemptTimeoutMs = attemptTimeoutMs;
  extras.attemptAlarm = attemptTimeoutMs > 0 ? bounds.alarmFor(call) : undefined;
  extras.question = question;
  extras.retryIf = retryIf;
  extras.check = check;
  if (signal === undefined) return;
  extras.signal = signal;
  extras.onAbort = () => owner.onAbort(call, signal.reason);
  signal.addEventListener('abort', extras.onAbort);
}
