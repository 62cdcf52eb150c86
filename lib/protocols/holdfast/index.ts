import type { Protocol } from '../protocol.ts';
import { HoldfastCallWriter } from './call-writer.ts';
import { HoldfastClientWire } from './client-wire.ts';

/** The native protocol, `holdfast/1`; PROTOCOL.md beside this file is its specification. */
export const holdfastProtocol: Protocol = {
  name: 'holdfast/1',
  maxInFlight: Number.POSITIVE_INFINITY,
  callWriter: () => new HoldfastCallWriter(),
  clientWire: (sink, hello) => new HoldfastClientWire(sink, hello),
};
