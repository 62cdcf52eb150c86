import type { PassedRecord } from '../completions/memory.ts';
import type { BeginRequest, Begun, Completion } from '../completions/store.ts';
import type { Listener } from '../media/medium.ts';

/** An answer that a call got: a frame as the client takes it. */
export interface Answer {
  readonly frame: Uint8Array;
  /** It is kept until the client has acknowledged it. */
  readonly isRecorded: boolean;
}

/** What a server knows of one client, for the server that takes over from it. */
export interface Estate {
  /** The session's id, in hex. */
  readonly session: string;
  /** Names the principal that it belongs to; empty without authentication. */
  readonly owner: string;
  /** False when there was a server before that one, and what that knew is lost. */
  readonly isComplete: boolean;
  /** The client has settled all calls below this. */
  readonly acknowledged: number;
  /** Calls up to here may have run without a trace. */
  readonly forgottenUpTo: number;
  /** Calls that ran and whose answers are not there any more. */
  readonly forgotten: readonly number[];
  /** Recorded answers: numbers, and their frames in the same order. */
  readonly done: readonly number[];
  readonly frames: readonly Uint8Array[];
  /** Calls whose handlers run there still: numbers, and their verbs in the same order. */
  readonly running: readonly number[];
  readonly verbs: readonly string[];
}

/** What a predecessor says when its successor listens. */
export interface Farewell {
  /** The servers whose sessions it has, its own id first. */
  readonly servers: readonly string[];
  /** Names its records of `once` calls, if it keeps them in its memory. */
  readonly completions?: string;
}

/** The server whose sockets this process got, and which may still be at work. */
export interface Predecessor {
  /** This server listens: the predecessor stops to. */
  ready(): Promise<Farewell>;
  /**
   * Takes a session over. The predecessor first closes the client's link there, and reads nothing
   * more from it. Undefined: it knows nothing of the session.
   */
  claim(session: string): Promise<Estate | undefined>;
  /** The answer of a call that runs there; undefined when it was cut off. */
  answer(session: string, number: number): Promise<Answer | undefined>;
  /** Nobody waits for this call any more. */
  cancel(session: string, number: number): void;
  /** Sessions that nobody claimed, when all is done there; empty when these were the last. */
  rest(): Promise<readonly Estate[]>;
  /** Its records of `once` calls, if it keeps them in its memory. */
  readonly records: {
    begin(request: BeginRequest): Promise<Begun>;
    finish(request: BeginRequest, completion: Completion): Promise<void>;
    abandon(request: BeginRequest): Promise<void>;
    /** All of them, when all is done there. */
    takeAll(): Promise<readonly PassedRecord[]>;
  };
  /** Nothing is wanted of it any more. */
  close(): void;
}

/** A listener on a socket that another server had before. */
export interface PassedListener extends Listener {
  readonly predecessor?: Predecessor | undefined;
}

/** The server that had these listeners' sockets before, if one is there. */
export function predecessorOf(listeners: readonly PassedListener[]): Predecessor | undefined {
  return listeners.find(({ predecessor }) => predecessor !== undefined)?.predecessor;
}
