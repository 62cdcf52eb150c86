import type { AttemptRecord, Evidence } from '../errors.ts';

/**
 * What a client does at the moment.
 *
 * - `idle`: no link, nobody waits, nothing is tried.
 * - `connecting`: a link is being made.
 * - `waiting`: the last try failed; the next follows after a delay.
 * - `ready`: a link is up.
 * - `closed`: for ever.
 */
export type ClientState = 'idle' | 'connecting' | 'waiting' | 'ready' | 'closed';

/** A change of state. */
export interface StateEvent {
  readonly next: ClientState;
  readonly previous: ClientState;
  /** Why, where there is a reason: the error that ended a link or a dial. */
  readonly reason: Error | undefined;
}

/** A dial failed or a link was lost; the next dial follows after a delay. */
export interface ReconnectingEvent {
  /** Failed tries since a link was last useful. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly cause: Error | undefined;
}

/** A call is sent again. */
export interface ReplayEvent {
  readonly verb: string;
  /** The attempt that is made next; counts from 1. */
  readonly attempt: number;
  readonly evidence: Evidence;
  readonly why: AttemptRecord['why'];
}

/** An attempt of a call has ended, or it was decided anew what follows from it. */
export interface AttemptEvent extends AttemptRecord {
  readonly verb: string;
}

/** The server drains: the client leaves this link for another. */
export interface DrainingEvent {
  readonly link: string;
  /** After so long the server cuts what is left. */
  readonly timeLeftMs: number;
}

/** A client's events and what their listeners are given. */
export interface ClientEvents {
  state: (event: StateEvent) => void;
  reconnecting: (event: ReconnectingEvent) => void;
  replay: (event: ReplayEvent) => void;
  attempt: (event: AttemptEvent) => void;
  draining: (event: DrainingEvent) => void;
}
