import type { HoldfastError, RemoteFailure } from '../../../lib/errors.ts';
import type { FrameSink } from '../../../lib/protocols/holdfast/frame-decoder.ts';
import type { ArrivedCall, ServerSink } from '../../../lib/protocols/holdfast/server-wire.ts';
import type { ServerStreamSink } from '../../../lib/protocols/holdfast/stream-frames.ts';
import { unpackValue } from '../../../lib/protocols/holdfast/values.ts';
import type {
  ArrivedItem,
  ClientHello,
  ClientSink,
  Refusal,
  ServerHello,
  StreamSink,
  UnknownFate,
  Verdict,
} from '../../../lib/protocols/protocol.ts';

/** What a wire told its sink: a name and what came with it. */
export type Event = readonly [name: string, ...details: readonly unknown[]];

/** Notes what is said of streams. */
class StreamRecorder implements ServerStreamSink {
  readonly #events: Event[];

  constructor(events: Event[]) {
    this.#events = events;
  }

  onItem({ number, item, form, isLast, buffer, start, end }: ArrivedItem): void {
    this.#events.push(['item', number, item, form, isLast, buffer.toString('hex', start, end)]);
  }

  onCredit(number: number, received: number, limit: number): void {
    this.#events.push(['credit', number, received, limit]);
  }

  onEnd(number: number, count: number): void {
    this.#events.push(['end', number, count]);
  }
}

/** Notes everything that a server says. */
export class ClientRecorder implements ClientSink {
  readonly events: Event[] = [];
  readonly streams: StreamSink = new StreamRecorder(this.events);

  onHello(hello: ServerHello): void {
    this.events.push(['hello', hello]);
  }

  onReply(number: number, value: unknown): void {
    this.events.push(['reply', number, value]);
  }

  onUndecodable(number: number, error: HoldfastError): void {
    this.events.push(['undecodable', number, error.code]);
  }

  onRemoteError(number: number, failure: RemoteFailure): void {
    this.events.push(['error', number, failure]);
  }

  onRefused(number: number, refusal: Refusal): void {
    this.events.push(['refused', number, refusal]);
  }

  onPing(token: number): void {
    this.events.push(['ping', token]);
  }

  onPong(token: number): void {
    this.events.push(['pong', token]);
  }

  onDrain(timeLeftMs: number): void {
    this.events.push(['drain', timeLeftMs]);
  }

  onLine(accepted: number): void {
    this.events.push(['line', accepted]);
  }

  onUnknown(number: number, fate: UnknownFate): void {
    this.events.push(['unknown', number, fate]);
  }

  onVerdict(number: number, verdict: Verdict): void {
    this.events.push(['verdict', number, verdict]);
  }

  onFault({ code, message, retryAfterMs, final }: HoldfastError): void {
    this.events.push(['fault', { code, message, retryAfterMs, final }]);
  }
}

/** A call as it arrived, its value decoded. */
export interface NotedCall {
  readonly number: number;
  readonly verbIndex: number;
  readonly attempt: number;
  readonly remainingMs: number;
  readonly key: string | undefined;
  /** There only if it is marked. */
  readonly isReplay?: true;
  readonly value: unknown;
}

/** Notes everything that a client says. */
export class ServerRecorder implements ServerSink {
  readonly events: Event[] = [];
  readonly streams: ServerStreamSink = new StreamRecorder(this.events);

  onHello(hello: ClientHello): void {
    this.events.push(['hello', hello]);
  }

  onCall(call: ArrivedCall): void {
    const { number, verbIndex, attempt, remainingMs, key, isReplay } = call;
    const { form, buffer, valueStart, valueEnd, owned } = call;
    const value = unpackValue(form, buffer, valueStart, valueEnd, owned);
    const marks = isReplay ? { isReplay } : {};
    const noted: NotedCall = { number, verbIndex, attempt, remainingMs, key, ...marks, value };
    this.events.push(['call', noted]);
  }

  onCancel(number: number): void {
    this.events.push(['cancel', number]);
  }

  onAsk(numbers: readonly number[]): void {
    this.events.push(['ask', numbers]);
  }

  onAcknowledge(number: number, settled: readonly number[]): void {
    this.events.push(['acknowledge', number, ...settled]);
  }

  onPing(token: number): void {
    this.events.push(['ping', token]);
  }

  onPong(token: number): void {
    this.events.push(['pong', token]);
  }
}

/** Notes frames: the type, a copy of the body, and whether its memory is its own. */
export class FrameRecorder implements FrameSink {
  readonly frames: { readonly type: number; readonly body: Buffer; readonly owned: boolean }[] = [];
  /** Called in the middle of a frame's delivery. */
  onEach: (type: number) => void = () => {};

  onFrame(type: number, buffer: Buffer, start: number, end: number, owned: boolean): void {
    this.frames.push({ type, body: Buffer.from(buffer.subarray(start, end)), owned });
    this.onEach(type);
  }

  /** The frames in hex, as types and bodies. */
  get inHex(): readonly string[] {
    return this.frames.map(({ type, body }) => `${type.toString(16)}:${body.toString('hex')}`);
  }
}
