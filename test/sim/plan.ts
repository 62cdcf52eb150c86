import type { ClientOptions, ReplaySetting, Safety, ServerOptions } from '../../lib/index.ts';
import type { NetworkSettings } from './network.ts';
import type { StoreMode } from './store.ts';

/** What a handler does beside noting that it ran. */
export type Conduct =
  /** Answers in the turn in which it is called. */
  | 'at-once'
  /** Answers after its time. */
  | 'later'
  /** Stops when its signal aborts. */
  | 'heeding'
  /** Throws. */
  | 'failing'
  /** Throws what passes by itself. */
  | 'transient'
  /** Does nothing the first time, and says so. */
  | 'refusing';

/** One call that an application makes. */
export interface PlannedCall {
  readonly id: number;
  readonly at: number;
  readonly client: number;
  readonly safety: Safety;
  readonly conduct: Conduct;
  /** How long its handler takes. */
  readonly workMs: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly timeoutMs: number;
  readonly attemptTimeoutMs?: number;
  readonly replay?: ReplaySetting;
  readonly abortAfterMs?: number;
  /** Calls of one group have the same key, and the same input. */
  readonly group?: number;
  /** A call of a verb with streams: who sends items, and how many. */
  readonly stream?: PlannedStream;
}

/** The items of a call: so many from the server, the client, or both. */
export interface PlannedStream {
  readonly kind: 'give' | 'give-read' | 'take' | 'exchange';
  readonly items: number;
  /** Whoever takes them needs so long for each. */
  readonly takeMs: number;
}

/** What goes wrong. */
export type FaultKind =
  /** A connection ends at both ends; `kind` says how, `isHasty` loses what is on its way. */
  | 'cut'
  /** The same when so many more bytes have passed in one direction. */
  | 'cut-at-byte'
  /** Nothing passes on a connection, and nobody is told; later it does again. */
  | 'half-open'
  /** The same in one direction. */
  | 'deaf'
  /** What is on its way, and what follows, comes later. */
  | 'stall'
  /** The hello of the next connection comes when the client has given it up long ago. */
  | 'late-hello'
  /** New connections are not answered, or refused, or not accepted. */
  | 'dark-path'
  | 'refused-path'
  | 'not-accepted'
  /** Somebody reads a connection slowly. */
  | 'slow-reader'
  /** Bytes come that nobody has sent. */
  | 'stray-bytes'
  | 'client-blocks'
  | 'server-blocks'
  | 'client-leaps'
  | 'server-leaps'
  | 'client-dies'
  | 'client-destroyed'
  | 'server-dies'
  | 'server-closes'
  | 'drain'
  | 'hand-over'
  /** As before, and the successor dies, or the predecessor, in the midst of it. */
  | 'hand-over-heir-dies'
  | 'hand-over-old-dies'
  | 'store-fails';

/** One of them, with everything that any of them needs. */
export interface PlannedFault {
  readonly id: number;
  readonly at: number;
  readonly kind: FaultKind;
  readonly client: number;
  readonly server: number;
  /** How long it lasts, or after what time it is over. */
  readonly ms: number;
  readonly bytes: number;
  /** Which of two ways. */
  readonly isReset: boolean;
  readonly isHasty: boolean;
  readonly isTowardsServer: boolean;
  readonly store: StoreMode;
  readonly noticeMs: number;
  readonly timeoutMs: number;
}

/** What is known beforehand of how calls must end. */
export type Strictness =
  /** The truth, in time. */
  | 'truth'
  /** Connections die, servers live or hand over: no caller sees anything of it. */
  | 'unseen';

/** Everything that a run depends on. */
export interface Plan {
  readonly seed: number;
  readonly strictness: Strictness;
  readonly clients: readonly PlannedClient[];
  readonly servers: number;
  readonly serverOptions: Partial<ServerOptions>;
  readonly hasStore: boolean;
  readonly network: NetworkSettings;
  readonly calls: readonly PlannedCall[];
  readonly faults: readonly PlannedFault[];
  /** When the last call or fault has begun. */
  readonly endMs: number;
}

/** A client and how it behaves. */
export interface PlannedClient {
  readonly options: Omit<ClientOptions, 'clock' | 'random' | 'retryBudget' | 'reconcile'>;
  /** Which servers it knows. */
  readonly servers: readonly number[];
  readonly hasBudget: boolean;
}
