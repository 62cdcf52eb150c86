import { defineVerbs, idempotent, mutate, once, read, semi } from 'holdfast';

/** What a call asks for. */
export interface Work {
  /** No two calls have the same: a doubled id in the ledger is a doubled execution. */
  readonly id: string;
  /** How long the handler takes behind its entry in the ledger. */
  readonly ms: number;
  /** `throw`: the handler fails behind its entry; `refuse`: the first attempt is refused before it. */
  readonly fail?: 'throw' | 'refuse';
  /** Comes back with the reply. */
  readonly bytes?: Uint8Array;
}

export interface Done {
  readonly id: string;
  readonly bytes?: Uint8Array;
}

/** A stream of numbered items. */
export interface Journey {
  readonly id: string;
  readonly from: number;
  readonly count: number;
  readonly pauseMs: number;
}

export interface Step {
  readonly id: string;
  readonly n: number;
  readonly bytes: Uint8Array;
}

/** What the soak's clients and servers share: a verb of each class, and streams of each kind. */
export const verbs = defineVerbs({
  read: read<Work, Done>(),
  idempotent: idempotent<Work, Done>(),
  semi: semi<Work, Done>(),
  once: once<Work, Done>(),
  mutate: mutate<Work, Done>(),
  watch: read.serverStream<Journey, Step>({
    resumeFrom: (input, last) => ({ ...input, from: last.n + 1 }),
  }),
  upload: mutate.clientStream<{ id: string }, Step, number>(),
  chat: mutate.duplex<{ id: string }, Step, Step>(),
});
