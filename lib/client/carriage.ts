import { type ErrorCode, messageOf } from '../errors.ts';
import type { CallWriter } from '../protocols/protocol.ts';
import type { Call } from './call.ts';
import type { CallStream } from './call-stream.ts';
import type { ClientLink } from './client-link.ts';
import { itemTooLarge, memoryGone, noStreams, noSuchVerb, tooLarge } from './failures.ts';

/** Why the server at the end of a link cannot take a call. */
export interface Obstacle {
  readonly code: ErrorCode;
  readonly why: string;
}

/** What is in the way of a call, if something is. */
export function obstacleTo(
  { verb, byteLength, body, stream }: Call,
  link: ClientLink,
): Obstacle | undefined {
  // What comes behind it would be taken for it.
  if (body?.byteLength === 0) return { code: 'ERR_HOLDFAST_ENCODE', why: memoryGone };
  if (verb.index < 0) return { code: 'ERR_HOLDFAST_UNKNOWN_VERB', why: noSuchVerb(verb, link) };
  const { maxFrameBytes } = link;
  if (byteLength > maxFrameBytes) {
    return { code: 'ERR_HOLDFAST_FRAME_TOO_LARGE', why: tooLarge(byteLength, link) };
  }
  if (stream === undefined) return undefined;
  if (!link.streams.areTaken) return { code: 'ERR_HOLDFAST_UNKNOWN_VERB', why: noStreams };
  if (stream.fits(maxFrameBytes)) return undefined;
  return { code: 'ERR_HOLDFAST_FRAME_TOO_LARGE', why: itemTooLarge(link) };
}

/** Gives a call the input by which its stream goes on, if it is another; why not, if it cannot. */
export function takeInputOf(
  call: Call,
  stream: CallStream,
  writer: CallWriter,
  maxFrameBytes: number,
): string | undefined {
  try {
    const next = stream.goOn();
    if (next === undefined) return undefined;
    const { number, verb, given } = call;
    writer.write(number, verb.name, given?.key, next.input, maxFrameBytes);
    call.encodeAs(writer);
    return undefined;
  } catch (error) {
    return `the stream was cut, and its \`resumeFrom\` failed: ${messageOf(error)}`;
  }
}
