import type { HoldfastError } from '../../errors.ts';
import type { ClientHello, ServerHello, Verdict } from '../protocol.ts';
import { truncated, unexpected } from './bad-frames.ts';
import { numberFrame, uint32Frame } from './control-frames.ts';
import { encodeFault } from './fault.ts';
import { FrameDecoder, type FrameSink } from './frame-decoder.ts';
import {
  callHeaderBytes,
  FrameType,
  lengthBytes,
  maxHelloBytes,
  preamble,
  readNumber,
  readUint32,
  replayMark,
} from './frames.ts';
import { decodeClientHello, encodeServerHello } from './hello.ts';
import { ItemReader, readCredit, readEnd, type ServerStreamSink } from './stream-frames.ts';
import { decodeNumbers, verdictsFrame } from './verdicts.ts';

/** A CALL frame that arrived. Its value is still encoded; the memory may be reused after the call. */
export interface ArrivedCall {
  number: number;
  verbIndex: number;
  attempt: number;
  /** Another copy of it, or of a call for whose sake it is made, may have run. */
  isReplay: boolean;
  /** What is left of the call's deadline, in ms. */
  remainingMs: number;
  key: string | undefined;
  form: number;
  buffer: Buffer;
  valueStart: number;
  valueEnd: number;
  /** True when the memory belongs to this call. */
  owned: boolean;
}

/** Who takes what a client says. */
export interface ServerSink {
  /** Without it frames of streams are not expected. */
  readonly streams?: ServerStreamSink | undefined;
  onHello(hello: ClientHello): void;
  /** `call` is one object that is used again and again. */
  onCall(call: ArrivedCall): void;
  onCancel(number: number): void;
  onAcknowledge(number: number, settled: readonly number[]): void;
  onAsk(numbers: readonly number[]): void;
  onPing(token: number): void;
  onPong(token: number): void;
}

/** The server's half of holdfast/1 on one link. */
export class HoldfastServerWire implements FrameSink {
  readonly #sink: ServerSink;
  readonly #decoder: FrameDecoder;
  readonly #maxFrameBytes: number;
  readonly #items = new ItemReader();
  /** The client's hello announces frames of streams, and somebody takes them. */
  #streams: ServerStreamSink | undefined;
  #greeted = false;
  #helloSent = false;
  readonly #call: ArrivedCall = {
    number: 0,
    verbIndex: 0,
    attempt: 0,
    isReplay: false,
    remainingMs: 0,
    key: undefined,
    form: 0,
    buffer: preamble,
    valueStart: 0,
    valueEnd: 0,
    owned: false,
  };

  constructor(sink: ServerSink, maxFrameBytes: number) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
    this.#decoder = new FrameDecoder(this, maxHelloBytes);
  }

  /** Takes bytes; throws `HoldfastError` when they are not what the protocol allows. */
  receive(chunk: Buffer): void {
    this.#decoder.push(chunk);
  }

  /** True when no frame has begun. */
  get atBoundary(): boolean {
    return this.#decoder.atBoundary;
  }

  readInto(): Buffer | undefined {
    return this.#decoder.readInto();
  }

  stop(): void {
    this.#decoder.stop();
  }

  /** Gives nothing more to the sink until {@link release}. */
  hold(): void {
    this.#decoder.hold();
  }

  /** Goes on with what came meanwhile; throws what {@link receive} throws. */
  release(): void {
    this.#decoder.release();
  }

  hello(hello: ServerHello): Buffer {
    const greeting = encodeServerHello(hello);
    this.#helloSent = true;
    return greeting;
  }

  /** Why this side gives the link up; with the preamble when nothing was sent yet. */
  fault(error: HoldfastError): Buffer {
    const frame = encodeFault(error);
    return this.#helloSent ? frame : Buffer.concat([preamble, frame]);
  }

  ping(token: number): Buffer {
    return uint32Frame(FrameType.ping, token);
  }

  pong(token: number): Buffer {
    return uint32Frame(FrameType.pong, token);
  }

  drain(timeLeftMs: number): Buffer {
    return uint32Frame(FrameType.drain, timeLeftMs);
  }

  line(accepted: number): Buffer {
    return numberFrame(FrameType.line, accepted);
  }

  verdicts(numbers: readonly number[], verdicts: readonly Verdict[]): Buffer {
    return verdictsFrame(numbers, verdicts);
  }

  onFrame(type: number, buffer: Buffer, start: number, end: number, owned: boolean): void {
    if (type === FrameType.call && this.#greeted) this.#onCall(buffer, start, end, owned);
    else if (type === FrameType.item && this.#streams !== undefined) {
      this.#streams.onItem(this.#items.read(buffer, start, end, owned));
    } else this.#onOther(type, buffer, start, end);
  }

  #onCall(buffer: Buffer, start: number, end: number, owned: boolean): void {
    const base = start - lengthBytes - 1;
    const keyStart = base + callHeaderBytes;
    const call = this.#call;
    if (keyStart > end) throw truncated('CALL');
    const form = buffer[base + 5] as number;
    call.form = form & ~replayMark;
    call.isReplay = form >= replayMark;
    call.verbIndex = ((buffer[base + 6] as number) << 8) | (buffer[base + 7] as number);
    call.number = readNumber(buffer, base + 8);
    call.attempt = buffer[base + 14] as number;
    call.remainingMs = readUint32(buffer, base + 16);
    const keyBytes = buffer[base + 15] as number;
    call.valueStart = keyStart + keyBytes;
    if (call.valueStart > end) throw truncated('CALL');
    call.key = keyBytes === 0 ? undefined : buffer.toString('utf8', keyStart, call.valueStart);
    call.buffer = buffer;
    call.valueEnd = end;
    call.owned = owned;
    this.#sink.onCall(call);
  }

  #onAcknowledge(body: Buffer): void {
    const [number, ...settled] = decodeNumbers('ACKNOWLEDGE', body);
    if (number === undefined) throw truncated('ACKNOWLEDGE');
    this.#sink.onAcknowledge(number, settled);
  }

  #onOther(type: number, buffer: Buffer, start: number, end: number): void {
    if (!this.#greeted) {
      if (type !== FrameType.hello) throw unexpected(type);
      const hello = decodeClientHello(buffer, start, end);
      this.#greeted = true;
      this.#decoder.maxFrameBytes = this.#maxFrameBytes;
      if (hello.streams === true) this.#streams = this.#sink.streams;
      this.#sink.onHello(hello);
      return;
    }
    switch (type) {
      case FrameType.cancel:
        if (end - start !== 6) throw truncated('CANCEL');
        this.#sink.onCancel(readNumber(buffer, start));
        return;
      case FrameType.acknowledge:
        this.#onAcknowledge(buffer.subarray(start, end));
        return;
      case FrameType.ask:
        this.#sink.onAsk(decodeNumbers('ASK', buffer.subarray(start, end)));
        return;
      case FrameType.ping:
        if (end - start !== 4) throw truncated('PING');
        this.#sink.onPing(readUint32(buffer, start));
        return;
      case FrameType.pong:
        if (end - start !== 4) throw truncated('PONG');
        this.#sink.onPong(readUint32(buffer, start));
        return;
      default:
        this.#onStream(type, buffer, start, end);
    }
  }

  #onStream(type: number, buffer: Buffer, start: number, end: number): void {
    const streams = this.#streams;
    if (streams === undefined) throw unexpected(type);
    if (type === FrameType.credit) readCredit(buffer, start, end, streams);
    else if (type === FrameType.end) readEnd(buffer, start, end, streams);
    else throw unexpected(type);
  }
}
