import { HoldfastError, isHoldfastError } from '../../errors.ts';
import type { ClientHello, ClientSink, ClientWire } from '../protocol.ts';
import { type BzrMessage, MessageDecoder } from './message-decoder.ts';
import { encodeRequest } from './request.ts';
import { BzrReply, failureOf } from './values.ts';
import { bzrRows } from './verbs.ts';

/** The harmless request: what version is this? Every version and every server answers it alike. */
const hello: Buffer = encodeRequest('hello', {}).head;

/**
 * The client's half of protocol version 3 on one link. Answers do not say what they are for, so one
 * thing is asked at a time; what comes while nothing is asked ends the link.
 */
export class BzrClientWire implements ClientWire {
  readonly greeting: Buffer = hello;
  readonly #sink: ClientSink;
  readonly #server: string;
  readonly #decoder: MessageDecoder;
  /** The call, or the token of the ping, that the next answer is for. */
  #asked: { readonly what: 'version' | 'sign' | 'call'; readonly number: number };
  #isStopped = false;

  /** @param server names the server process, which says nothing of itself: one for each link */
  constructor(sink: ClientSink, { maxFrameBytes }: ClientHello, server: string) {
    this.#sink = sink;
    this.#server = server;
    this.#decoder = new MessageDecoder(maxFrameBytes, (message, isLast) => {
      this.#onMessage(message, isLast);
    });
    this.#asked = { what: 'version', number: 0 };
    this.#decoder.expect();
  }

  get atBoundary(): boolean {
    return this.#decoder.atBoundary;
  }

  receive(chunk: Buffer): void {
    if (this.#isStopped) return;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      const isTooLarge = isHoldfastError(error) && error.code === 'ERR_HOLDFAST_FRAME_TOO_LARGE';
      if (isTooLarge && this.#asked.what === 'call') {
        // It was executed; the rest of its answer is not waited for.
        this.#sink.onUndecodable(this.#asked.number, error);
      }
      throw error;
    }
  }

  readInto(): undefined {
    return undefined;
  }

  stop(): void {
    this.#isStopped = true;
  }

  sending(number: number): void {
    this.#asked = { what: 'call', number };
    this.#decoder.expect();
  }

  ping(token: number): Buffer {
    this.#asked = { what: 'sign', number: token };
    this.#decoder.expect();
    return hello;
  }

  /** The protocol has no word for it. */
  cancel(): undefined {
    return undefined;
  }

  #onMessage(message: BzrMessage, isLast: boolean): void {
    const { what, number } = this.#asked;
    if (what === 'call') {
      this.#onAnswer(number, message);
      return;
    }
    // What follows it must not be taken for the answer to what is asked next.
    if (!isLast) return;
    const [first] = message.args;
    if (!message.isSuccess || !Buffer.isBuffer(first) || first.toString() !== 'ok') {
      const { message: said } = failureOf(message.args);
      const why = `The server does not say what version it speaks: ${said}`;
      throw new HoldfastError('ERR_HOLDFAST_PROTOCOL', why);
    }
    if (what === 'sign') this.#sink.onPong(number);
    else this.#onHello();
  }

  #onHello(): void {
    this.#sink.onHello({
      server: this.#server,
      maxFrameBytes: Number.MAX_SAFE_INTEGER,
      maxCalls: 1,
      verbs: bzrRows,
      mayHaveMore: true,
    });
  }

  #onAnswer(number: number, { isSuccess, args, chunks, interruption }: BzrMessage): void {
    const reply = new BzrReply(args, chunks);
    if (interruption !== undefined) {
      this.#sink.onRemoteError(number, failureOf(interruption, reply));
    } else if (isSuccess) {
      this.#sink.onReply(number, reply);
    } else {
      this.#onError(number, args);
    }
  }

  #onError(number: number, args: BzrMessage['args']): void {
    const failure = failureOf(args);
    if (failure.code !== 'UnknownMethod') {
      this.#sink.onRemoteError(number, failure);
      return;
    }
    const code = 'ERR_HOLDFAST_UNKNOWN_VERB';
    const message = 'the server does not know the verb';
    this.#sink.onRefused(number, { code, message, final: true });
  }
}
