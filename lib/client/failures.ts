import {
  type ErrorCode,
  errorCodes,
  HoldfastError,
  isHoldfastError,
  messageOf,
  type Outcome,
  type RemoteFailure,
} from '../errors.ts';
import { suggestion } from '../util/nearest.ts';
import type { Call } from './call.ts';
import type { AttemptFailure } from './classify.ts';
import type { ClientLink } from './client-link.ts';
import type { VerbUse } from './verb-use.ts';

/** What the error of a call can carry beside its code and outcome. */
export interface CallErrorDetails {
  readonly cause?: unknown;
  readonly retryAfterMs?: number | undefined;
  readonly final?: boolean;
  readonly remote?: RemoteFailure | undefined;
}

/** Trying again cannot help. */
export const isFinal: CallErrorDetails = { final: true };

/** How a call is to fail. */
export interface CallFailure {
  readonly code: ErrorCode;
  readonly why: string;
  readonly details?: CallErrorDetails | undefined;
  /** Nothing would come of sending it again, whatever is found out. */
  readonly isLast?: boolean;
}

const inPlainWords: Readonly<Record<Outcome, string>> = {
  'not-executed': 'it was not executed',
  executed: 'it was executed',
  unknown: 'it may have been executed',
};

/** The error of a call that failed on the way: with all that is known of it. */
export function callError(
  call: Call,
  code: ErrorCode,
  why: string,
  outcome: Outcome,
  details?: CallErrorDetails,
): HoldfastError {
  const verb = call.verb.name;
  // Whatever became of its other attempts: one was answered.
  const known = call.wasExecuted ? 'executed' : outcome;
  const message = `Call "${verb}" failed: ${why}; ${inPlainWords[known]}`;
  const attempts = call.history ?? [];
  const cause = details?.cause ?? call.answer;
  const { stream } = call;
  const { retried } = call.past;
  const facts = { verb, outcome: known, attempts, cause, retried, ...stream?.countsAt(code) };
  return new HoldfastError(stream?.codeOf(code) ?? code, message, { ...details, ...facts });
}

/** That the deadline of a call has passed, and why, if it is known: `cause`: no link to a server. */
export function lateness(call: Call, cause: Error | undefined): string {
  const limitMs = Math.round(call.deadlineAt - call.madeAt);
  let reason = call.isAsked ? ' before the application had told what became of it' : '';
  if (cause !== undefined) reason = `; the server could not be reached (${inWords(cause)})`;
  const late = call.stream?.lateness ?? `its deadline of ${limitMs} ms passed`;
  return `${late}${reason}`;
}

/** The error of a call that was executed and whose answer is no good. */
export function answerError(
  call: Call,
  { kind, code, message: what, remote, cause, transient }: AttemptFailure,
  why: string,
): HoldfastError {
  const verb = call.verb.name;
  const attempts = call.history ?? [];
  const story = answerStories[kind] ?? 'failed';
  const isPlain = !transient && call.past.executions <= 1;
  const message = `Call "${verb}" ${story}: ${what}${isPlain ? '' : `; ${why}`}`;
  const { stream } = call;
  const { retried } = call.past;
  const counts = stream?.countsAt(code);
  const facts = { verb, outcome: 'executed', attempts, remote, cause, retried, ...counts } as const;
  return new HoldfastError(code, message, facts);
}

const answerStories: Readonly<Partial<Record<AttemptFailure['kind'], string>>> = {
  remote: 'failed at the server',
  output: 'got a wrong reply',
  decode: 'got a reply that cannot be read',
};

/** The error of a call that was not made because a limit of the client is reached. */
export function limitError(
  { name }: VerbUse,
  code: ErrorCode,
  option: string,
  limit: number,
): HoldfastError {
  const message = `Call "${name}" was not made: the limit ${option} (${limit}) is reached; wait for earlier calls to settle or raise it`;
  return new HoldfastError(code, message, { verb: name });
}

/** The error of a call whose signal had aborted before it was made. */
export function cancelledError({ name }: VerbUse, { reason }: AbortSignal): HoldfastError {
  const message = `Call "${name}" was not made: its signal had aborted already`;
  return new HoldfastError('ERR_HOLDFAST_ABORTED', message, { verb: name, cause: reason });
}

/** An error that arose before there was a call, with the verb's name added. */
export function atVerb(error: unknown, verb: string): HoldfastError {
  const message = `Call "${verb}" failed: ${messageOf(error)}`;
  if (!isHoldfastError(error)) {
    // An input that throws when it is so much as looked at, such as a revoked proxy.
    return new HoldfastError('ERR_HOLDFAST_ENCODE', message, { verb, cause: error, final: true });
  }
  const { code, outcome, cause = error, final } = error;
  return new HoldfastError(code, message, { verb, outcome, cause, final });
}

/** A code that came over the wire, if it is one of ours. */
export function knownCode(code: string, otherwise: ErrorCode): ErrorCode {
  return Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : otherwise;
}

/** An error of the transport, in words that fit behind a colon. */
export function inWords(cause: Error | undefined): string {
  return cause === undefined ? 'the connection ended' : messageOf(cause);
}

/** A server cannot take a call, for it does not have its verb, or not of this kind. */
export function noSuchVerb({ name, kinds, otherKind }: VerbUse, { table }: ClientLink): string {
  if (otherKind === undefined)
    return `the server has no such verb${suggestion(name, table.names())}`;
  const here = kinds.map((kind) => `"${kind}"`).join(' or ');
  return `here the verb is of the kind ${here}, and at the server "${otherKind}"`;
}

/** A server cannot take a call, for it is too large. */
export function tooLarge(bytes: number, { maxFrameBytes }: ClientLink): string {
  return `its message of ${bytes} bytes is larger than the server's maxFrameBytes (${maxFrameBytes})`;
}

/** A server cannot take a call, for it cannot take items that were taken from their source. */
export function itemTooLarge({ maxFrameBytes }: ClientLink): string {
  return `an item is larger than the server's maxFrameBytes (${maxFrameBytes})`;
}

/** A server cannot take a call, for it has streams. */
export const noStreams = 'the server does not take streams';

/** A call cannot be sent, for its input is not there any more. */
export const memoryGone = 'its input is gone: the memory was given away (transferred)';

/** The error of a call, or of anything else, that comes too late: the client is closed. */
export function closedError(verb?: string): HoldfastError {
  const message =
    verb === undefined
      ? 'The client is closed'
      : `Call "${verb}" was not made: the client is closed`;
  return new HoldfastError('ERR_HOLDFAST_CLOSED', message, { verb, final: true });
}
