import { defineVerbs, idempotent, mutate, once, read, semi } from '../../lib/index.ts';
import type { Conduct } from './plan.ts';

/** What a call carries: which it is, and what its handler shall do. */
export interface SimInput {
  readonly id: number;
  readonly conduct: Conduct;
  readonly workMs: number;
  readonly bytes: Uint8Array;
  readonly outputBytes: number;
}

/** What verbs with streams are called with. */
export interface SimOpening extends SimInput {
  readonly items: number;
  readonly takeMs: number;
}

/** One of the items of a call. */
export interface SimItem {
  readonly id: number;
  readonly index: number;
}

export interface SimOutput {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** One verb of each class. */
export const verbs = defineVerbs({
  read: read<SimInput, SimOutput>(),
  idempotent: idempotent<SimInput, SimOutput>(),
  semi: semi<SimInput, SimOutput>(),
  once: once<SimInput, SimOutput>(),
  mutate: mutate<SimInput, SimOutput>(),
  give: mutate.serverStream<SimOpening, SimItem>(),
  'give-read': read.serverStream<SimOpening, SimItem>(),
  take: mutate.clientStream<SimOpening, SimItem, SimOutput>(),
  exchange: mutate.duplex<SimOpening, SimItem, SimItem>(),
});

/** Bytes by which it is seen whose they are, and whether they are all there. */
export function marked(id: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (id * 31 + index * 7) & 0xff;
  return bytes;
}

/** True for what {@link marked} made. */
export function isMarked(bytes: unknown, id: number, length: number): boolean {
  if (!(bytes instanceof Uint8Array) || bytes.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (bytes[index] !== ((id * 31 + index * 7) & 0xff)) return false;
  }
  return true;
}
