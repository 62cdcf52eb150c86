import type { HoldfastError, RemoteFailure } from '../errors.ts';
import type { VerbRow } from '../verbs/table.ts';

/**
 * How messages become bytes, seen from a client. A protocol is pure: no sockets, no timers. It
 * gives each client a {@link CallWriter}, which clients may share, and makes one {@link ClientWire} for
 * each link.
 */
export interface Protocol {
  /** Name and version, e.g. `holdfast/1`. */
  readonly name: string;
  /** How many calls may be in flight on one link, whatever the server allows. */
  readonly maxInFlight: number;
  /**
   * Servers keep sessions: they record calls, and tell on a new link what became of those of an
   * earlier one. Without, what left this process and the verb's class decide about a lost call, and
   * there are no `once` verbs.
   */
  readonly hasSessions: boolean;
  /**
   * When a server answers a ping. One that does so only when it has no call to do is pinged before
   * every call behind a silence of `heartbeatMs`: while a call waits nothing but its deadline and the medium
   * show that the path is dead.
   */
  readonly answersPings: 'always' | 'when-idle';
  callWriter(): CallWriter;
  /** How items of streams travel; a protocol without it has no streams. Clients may share one. */
  streamCodec?(): StreamCodec;
  clientWire(sink: ClientSink, hello: ClientHello): ClientWire;
}

/** A call as bytes. It is encoded once, when the application makes it, and may be sent often. */
export interface EncodedCall {
  buffer: Buffer;
  start: number;
  end: number;
  /** Follows `[start, end)`, uncopied. */
  body: Uint8Array | undefined;
  /** A server may run the call although so many of its last bytes have not come. */
  tailBytes: number;
}

/** Encodes calls; the result stands in its fields until the next call of {@link write}. */
export interface CallWriter extends EncodedCall {
  /**
   * @throws HoldfastError `ERR_HOLDFAST_ENCODE`, `ERR_HOLDFAST_FRAME_TOO_LARGE`
   */
  write(
    number: number,
    verb: string,
    key: string | undefined,
    input: unknown,
    maxFrameBytes: number,
  ): void;
  /**
   * Fills in what differs from attempt to attempt: the last thing before the bytes are sent.
   *
   * @param isReplay another copy of the call, or of one for whose sake it is made, may have run
   */
  stamp(
    call: EncodedCall,
    verbIndex: number,
    attempt: number,
    remainingMs: number,
    isReplay?: boolean,
  ): void;
  /** Gives a call another number. */
  renumber(call: EncodedCall, number: number): void;
}

/** What the client says of itself at the beginning of a link. */
export interface ClientHello {
  /** The client's identity at the server; a secret. */
  readonly session: Uint8Array;
  /** Which of the client's connections this is, from 1: of two that come late the later counts. */
  readonly link?: number;
  /** Largest frame that the client takes. */
  readonly maxFrameBytes: number;
  /** What the server's `authenticate` is given; a secret. */
  readonly credentials: unknown;
  /** All calls below this number are settled at the client. */
  readonly acknowledged?: number;
  /** Numbers of calls whose fate the client does not know; the server's hello tells it. */
  readonly resume?: readonly number[];
  /** No other connection is open, and `resume` has every call of earlier ones that is not settled. */
  readonly alone?: boolean;
  /** Hashes of tables that the client has already. */
  readonly tables?: readonly string[];
  /** The client takes frames of streams. */
  readonly streams?: boolean;
}

/** What a server says of a call that was sent on an earlier link. */
export type Verdict = 'never' | 'running' | 'done' | 'forgotten';

/** What the server says of itself; after it a link is up. */
export interface ServerHello {
  /** Names this server process; another one after a restart. */
  readonly server: string;
  /** Largest frame that the server takes. */
  readonly maxFrameBytes: number;
  /** How many calls the server takes at a time on one link. */
  readonly maxCalls: number;
  /** The server knows calls that are marked as replays. */
  readonly layers?: boolean;
  /** The server takes frames of streams. */
  readonly streams?: boolean;
  /** The hash of the server's table of verbs. */
  readonly table?: string;
  /** The server's verbs; calls refer to them by their place. Undefined when the client has them. */
  readonly verbs?: readonly VerbRow[] | undefined;
  /** The server may have other verbs too: a call of one is sent, as the client's registry has it. */
  readonly mayHaveMore?: boolean;
  /** Names the set of records of `once` calls; servers that share them have the same. */
  readonly completions?: string;
  /** Earlier server processes for which this one's verdicts speak too. */
  readonly heirOf?: readonly string[];
  /** One for each number of the client's `resume`, in that order. */
  readonly verdicts?: readonly Verdict[];
}

/** Why a server did not execute a call. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** Try not before so many milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** True when sending the call again, here or elsewhere, cannot help. */
  readonly final: boolean;
  /** It comes of a call that the server made and tried again already. */
  readonly retried?: boolean;
}

/** Why a server cannot tell whether it executed a call. */
export interface UnknownFate {
  readonly code: string;
  readonly message: string;
}

/** An item of a stream as bytes. It is encoded once and may be sent often. */
export interface EncodedItem {
  readonly form: number;
  /** Its value is in `[start, end)` behind room for a header, or else it is `body`. */
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Uncopied: it must not change until the far side has the item. */
  readonly body: Uint8Array | undefined;
  /** Bytes of the value. */
  readonly bytes: number;
}

/** A part of an item that arrived. The memory may be reused after the call. */
export interface ArrivedItem {
  /** The call whose stream it belongs to. */
  number: number;
  /** The item's place in the stream, from 1. */
  item: number;
  form: number;
  /** Nothing of this item follows. */
  isLast: boolean;
  buffer: Buffer;
  start: number;
  end: number;
  /** True when the memory belongs to this part. */
  owned: boolean;
}

/** Where bytes wait to be sent: an outbox. */
export interface Outgoing {
  /** Appends `[start, end)` of `buffer`. */
  push(buffer: Uint8Array, start: number, end: number): void;
}

/** How items of streams become bytes. */
export interface StreamCodec {
  /** What a stream is charged for an item beside the bytes of its value. */
  readonly itemCost: number;
  /** Bytes of values in a part, at most. */
  readonly maxPartBytes: number;
  /** Bytes of a part beside those of its value. */
  readonly headerBytes: number;
  /** Bytes of what {@link credit} gives. */
  readonly creditBytes: number;
  /**
   * @param maxFrameBytes what the far side takes: a whole item has no more than one frame may have
   * @throws HoldfastError `ERR_HOLDFAST_ENCODE`, `ERR_HOLDFAST_FRAME_TOO_LARGE`
   */
  encode(value: unknown, maxFrameBytes: number): EncodedItem;
  /** Appends a part of an item: `[from, to)` of its value. */
  writePart(
    target: Outgoing,
    number: number,
    item: number,
    encoded: EncodedItem,
    from: number,
    to: number,
  ): void;
  /**
   * The value of a whole item.
   *
   * @param owned the memory belongs to the item
   * @throws HoldfastError `ERR_HOLDFAST_DECODE`
   */
  decode(form: number, buffer: Buffer, start: number, end: number, owned: boolean): unknown;
  /** Items up to `received` are there, and the cost of all that are sent may be up to `limit`. */
  credit(number: number, received: number, limit: number): Buffer;
  /** What a client sends has ended normally, after `count` items. */
  end(number: number, count: number): Buffer;
}

/** Who takes what belongs to streams. */
export interface StreamSink {
  /** `item` is one object that is used again and again. */
  onItem(item: ArrivedItem): void;
  onCredit(number: number, received: number, limit: number): void;
}

/**
 * The client's half of the protocol on one link. What it returns is sent at once. `acknowledge` and
 * `ask` are there where the protocol has sessions, `pong` where servers ping.
 */
export interface ClientWire {
  /** What is sent first, before anything is known of the server. */
  readonly greeting: Buffer;
  /** True when nothing has begun that is not complete. */
  readonly atBoundary: boolean;
  /** Takes bytes; throws `HoldfastError` when they are not what the protocol allows. */
  receive(chunk: Buffer): void;
  /** Where the next bytes should be read into, if a long message waits for them. */
  readInto(): Buffer | undefined;
  /** Takes nothing more. */
  stop(): void;
  /** The call goes out next. For protocols whose answers do not say which call they are for. */
  sending?(number: number): void;
  ping(token: number): Buffer;
  /** The answer to the server's ping. */
  pong?(token: number): Buffer;
  /**
   * Nobody waits for the call any more. Undefined where a server cannot be told that: the link ends
   * then, for its answer would be in the way of the next.
   */
  cancel(number: number): Buffer | undefined;
  /** All calls below `number` are settled, and those that are named: no need to keep their answers. */
  acknowledge?(number: number, settled: readonly number[]): Buffer;
  /** Asks what became of calls that were sent on links which are gone. */
  ask?(numbers: readonly number[]): Buffer;
}

/** Who takes what a server says. */
export interface ClientSink {
  /** Without it frames of streams are not expected. */
  readonly streams?: StreamSink | undefined;
  onHello(hello: ServerHello): void;
  onReply(number: number, value: unknown): void;
  /** A reply came, so the call was executed, but its value cannot be decoded. */
  onUndecodable(number: number, error: HoldfastError): void;
  onRemoteError(number: number, failure: RemoteFailure): void;
  onRefused(number: number, refusal: Refusal): void;
  /** The call may have been executed, and the server will never know more. */
  onUnknown(number: number, fate: UnknownFate): void;
  /** What became of a call that {@link ClientWire.ask} named. */
  onVerdict(number: number, verdict: Verdict): void;
  onPing(token: number): void;
  onPong(token: number): void;
  /** The server goes within the time: it is best to open another link now. */
  onDrain(timeLeftMs: number): void;
  /** Of the calls on this link the server takes the first `accepted`, and never one after them. */
  onLine(accepted: number): void;
  /** The server gives the link up and says why; it closes next. */
  onFault(error: HoldfastError): void;
}
