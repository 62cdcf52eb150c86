import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import type { Refusal } from '../protocols/protocol.ts';
import { minWindowBytes } from '../streams/stream-receiver.ts';
import { givesItems, takesItems, type VerbKind } from '../verbs/kinds.ts';
import { busy, hopeless } from './answers.ts';
import type { ResolvedServerOptions } from './options.ts';
import type { Session } from './session.ts';

/** A stream gets no more than this part of what its session has left: there will be others. */
const share = 8;

/** What a call takes of its session's `maxIncomingBytes` at least. */
export function leastBytes(kind: VerbKind, { valueStart, valueEnd }: ArrivedCall): number {
  return valueEnd - valueStart + (takesItems(kind) ? minWindowBytes : 0);
}

/** How large the window of a request stream is, where there is room for the smallest. */
export function windowFor(
  { incomingBytes }: Session,
  { valueStart, valueEnd }: ArrivedCall,
  { maxIncomingBytes, streamWindowBytes }: ResolvedServerOptions,
): number {
  const leftBytes = maxIncomingBytes - incomingBytes - (valueEnd - valueStart);
  const fairBytes = Math.floor(leftBytes / share);
  return Math.max(minWindowBytes, Math.min(streamWindowBytes, fairBytes));
}

/** Why a call of a verb with streams is not run, if it is not. */
export function streamObjection(
  kind: VerbKind,
  takesStreams: boolean,
  { room }: Session,
  { maxOutgoingBytes }: ResolvedServerOptions,
): Refusal | undefined {
  if (!takesStreams) return noStreams;
  if (!givesItems(kind) || !room.isCrowded) return undefined;
  const message = `the server's limit maxOutgoingBytes (${maxOutgoingBytes}) allows no more streams`;
  return busy('ERR_HOLDFAST_TOO_MANY_CALLS', message);
}

const noStreams: Refusal = hopeless(
  'ERR_HOLDFAST_REFUSED',
  'its verb has streams, and the client does not say that it takes them',
);
