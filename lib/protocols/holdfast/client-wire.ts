import type { HoldfastError, RemoteFailure } from '../../errors.ts';
import type { ClientHello, ClientSink, ClientWire, Refusal } from '../protocol.ts';
import { truncated, unexpected } from './bad-frames.ts';
import { numberFrame, numbersFrame, uint32Frame } from './control-frames.ts';
import { decodeFault, delay, fields } from './fault.ts';
import { FrameDecoder, type FrameSink } from './frame-decoder.ts';
import { FrameType, maxHelloBytes, readNumber, readUint32 } from './frames.ts';
import { decodeServerHello, encodeClientHello } from './hello.ts';
import { ItemReader, readCredit } from './stream-frames.ts';
import { unpackValue } from './values.ts';
import { askFrame, readVerdicts } from './verdicts.ts';

/** The client's half of holdfast/1 on one link. */
export class HoldfastClientWire implements ClientWire, FrameSink {
  readonly greeting: Buffer;
  readonly #sink: ClientSink;
  readonly #decoder: FrameDecoder;
  readonly #maxFrameBytes: number;
  readonly #items = new ItemReader();
  #greeted = false;

  constructor(sink: ClientSink, hello: ClientHello) {
    this.#sink = sink;
    this.#maxFrameBytes = hello.maxFrameBytes;
    this.#decoder = new FrameDecoder(this, maxHelloBytes);
    this.greeting = encodeClientHello(hello);
  }

  get atBoundary(): boolean {
    return this.#decoder.atBoundary;
  }

  receive(chunk: Buffer): void {
    this.#decoder.push(chunk);
  }

  readInto(): Buffer | undefined {
    return this.#decoder.readInto();
  }

  stop(): void {
    this.#decoder.stop();
  }

  ping(token: number): Buffer {
    return uint32Frame(FrameType.ping, token);
  }

  pong(token: number): Buffer {
    return uint32Frame(FrameType.pong, token);
  }

  cancel(number: number): Buffer {
    return numberFrame(FrameType.cancel, number);
  }

  acknowledge(number: number, settled: readonly number[] = []): Buffer {
    return numbersFrame(FrameType.acknowledge, [number, ...settled]);
  }

  ask(numbers: readonly number[]): Buffer {
    return askFrame(numbers);
  }

  onFrame(type: number, buffer: Buffer, start: number, end: number, owned: boolean): void {
    if (type === FrameType.reply && this.#greeted) {
      this.#onReply(buffer, start, end, owned);
    } else if (type === FrameType.item && this.#greeted && this.#sink.streams !== undefined) {
      this.#sink.streams.onItem(this.#items.read(buffer, start, end, owned));
    } else {
      this.#onOther(type, buffer, start, end);
    }
  }

  /** Form, number, value. */
  #onReply(buffer: Buffer, start: number, end: number, owned: boolean): void {
    if (end - start < 7) throw truncated('REPLY');
    const number = readNumber(buffer, start + 1);
    let value: unknown;
    try {
      value = unpackValue(buffer[start] as number, buffer, start + 7, end, owned);
    } catch (error) {
      this.#sink.onUndecodable(number, error as HoldfastError);
      return;
    }
    this.#sink.onReply(number, value);
  }

  #onOther(type: number, buffer: Buffer, start: number, end: number): void {
    if (type === FrameType.fault) {
      this.#sink.onFault(decodeFault(buffer, start, end));
    } else if (!this.#greeted) {
      if (type !== FrameType.hello) throw unexpected(type);
      const hello = decodeServerHello(buffer, start, end);
      this.#greeted = true;
      this.#decoder.maxFrameBytes = this.#maxFrameBytes;
      this.#sink.onHello(hello);
    } else {
      this.#onControl(type, buffer, start, end);
    }
  }

  #onControl(type: number, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case FrameType.error:
        if (end - start < 7) throw truncated('ERROR');
        this.#sink.onRemoteError(readNumber(buffer, start), failureIn(buffer, start + 6, end));
        return;
      case FrameType.refused:
        if (end - start < 7) throw truncated('REFUSED');
        this.#sink.onRefused(readNumber(buffer, start), refusalIn(buffer, start + 6, end));
        return;
      case FrameType.unknown: {
        if (end - start < 7) throw truncated('UNKNOWN');
        const [code, message] = fields(buffer, start + 6, end);
        this.#sink.onUnknown(readNumber(buffer, start), { code, message });
        return;
      }
      case FrameType.verdicts:
        readVerdicts(buffer.subarray(start, end), (number, verdict) => {
          this.#sink.onVerdict(number, verdict);
        });
        return;
      case FrameType.ping:
        if (end - start !== 4) throw truncated('PING');
        this.#sink.onPing(readUint32(buffer, start));
        return;
      case FrameType.pong:
        if (end - start !== 4) throw truncated('PONG');
        this.#sink.onPong(readUint32(buffer, start));
        return;
      case FrameType.drain:
        if (end - start !== 4) throw truncated('DRAIN');
        this.#sink.onDrain(readUint32(buffer, start));
        return;
      case FrameType.line:
        if (end - start !== 6) throw truncated('LINE');
        this.#sink.onLine(readNumber(buffer, start));
        return;
      case FrameType.credit:
        if (this.#sink.streams === undefined) throw unexpected(type);
        readCredit(buffer, start, end, this.#sink.streams);
        return;
      default:
        throw unexpected(type);
    }
  }
}

/** What an ERROR says. */
function failureIn(buffer: Buffer, start: number, end: number): RemoteFailure {
  const [code, message, data, transient, retried] = fields(buffer, start, end);
  return {
    code,
    message,
    ...(data === undefined || data === null ? {} : { data }),
    ...(transient === true ? { transient } : {}),
    ...(retried === true ? { retried } : {}),
  };
}

/** What a REFUSED says. */
function refusalIn(buffer: Buffer, start: number, end: number): Refusal {
  const [code, message, retryAfterMs, final, retried] = fields(buffer, start, end);
  return {
    code,
    message,
    retryAfterMs: delay(retryAfterMs),
    final: final === true,
    ...(retried === true ? { retried } : {}),
  };
}
