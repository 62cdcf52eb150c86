import type { Protocol } from '../protocol.ts';
import { HoldfastCallWriter } from './call-writer.ts';
import { HoldfastClientWire } from './client-wire.ts';
import { HoldfastStreamCodec } from './stream-codec.ts';
import { maxResumed } from './verdicts.ts';

/** The native protocol, `holdfast/1`; PROTOCOL.md beside this file is its specification. */
export const holdfastProtocol: Protocol = {
  name: 'holdfast/1',
  // As many as one hello can ask for when the link is lost.
  maxInFlight: maxResumed,
  hasSessions: true,
  answersPings: 'always',
  callWriter: () => new HoldfastCallWriter(),
  streamCodec: () => new HoldfastStreamCodec(),
  clientWire: (sink, hello) => new HoldfastClientWire(sink, hello),
};
