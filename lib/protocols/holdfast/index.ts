import type { Protocol } from '../protocol.ts';
import { HoldfastCallWriter } from './call-writer.ts';
import { HoldfastClientWire } from './client-wire.ts';
import { HoldfastStreamCodec } from './stream-codec.ts';
import { maxResumed } from './verdicts.ts';

// One of each for all clients: the memory that they write into is large, and most clients are idle.
let callWriter: HoldfastCallWriter | undefined;
let streamCodec: HoldfastStreamCodec | undefined;

/** The native protocol, `holdfast/1`; PROTOCOL.md beside this file is its specification. */
export const holdfastProtocol: Protocol = {
  name: 'holdfast/1',
  // As many as one hello can ask for when the link is lost.
  maxInFlight: maxResumed,
  hasSessions: true,
  answersPings: 'always',
  callWriter: () => (callWriter ??= new HoldfastCallWriter()),
  streamCodec: () => (streamCodec ??= new HoldfastStreamCodec()),
  clientWire: (sink, hello) => new HoldfastClientWire(sink, hello),
};
