import { randomBytes } from 'node:crypto';
import { HoldfastError, isHoldfastError, messageOf } from '../errors.ts';
import { Outbox } from '../link/outbox.ts';
import type { Channel, ChannelUser, Medium } from '../media/medium.ts';
import { sessionBytes } from '../protocols/holdfast/hello.ts';
import { holdfastProtocol } from '../protocols/holdfast/index.ts';
import type { ClientSink, ClientWire, ServerHello } from '../protocols/protocol.ts';
import { systemClock } from '../util/clock.ts';

/** Who waits for a ping's answer. */
interface Waiting {
  readonly token: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const maxFrameBytes = 16 * 1024 * 1024;

/**
 * One connection on which there are no calls: it says hello and pings. A client's pings are its
 * own business, behind looks and calls; what is measured here is the path alone.
 */
export class HelloLink implements ChannelUser, ClientSink {
  readonly #channel: Channel;
  readonly #wire: ClientWire;
  readonly #outbox: Outbox;
  /** What the server says of itself. */
  readonly hello: Promise<ServerHello>;
  #greeted: (hello: ServerHello) => void = () => {};
  #failed: (error: Error) => void = () => {};
  #waiting: Waiting | undefined;
  #tokens = 0;
  #heardAt = systemClock.now();
  #silentMs = 0;
  #cause: Error | undefined;
  #isOpen = true;
  #closed: () => void = () => {};
  /** Resolves when nothing of it is left. */
  readonly closed: Promise<void>;

  private constructor(channel: Channel, credentials: unknown) {
    this.#channel = channel;
    this.#outbox = new Outbox(channel, false, () => {});
    this.hello = new Promise((resolve, reject) => {
      this.#greeted = resolve;
      this.#failed = reject;
    });
    this.closed = new Promise((resolve) => {
      this.#closed = resolve;
    });
    const session = randomBytes(sessionBytes);
    const hello = { session, maxFrameBytes, credentials };
    this.#wire = holdfastProtocol.clientWire(this, hello);
    channel.start(this);
    channel.ref();
    this.#outbox.pushAll(this.#wire.greeting);
    this.#outbox.flush();
  }

  /**
   * Dials and waits for the server's hello; rejects with what a client would fail with, too.
   *
   * @param signal aborts with the error to reject with
   */
  static async open(medium: Medium, credentials: unknown, signal: AbortSignal): Promise<HelloLink> {
    const channel = await medium.dial(signal).catch((error: unknown) => {
      throw isHoldfastError(error) ? error : dialError(medium, error);
    });
    const link = new HelloLink(channel, credentials);
    const abort = (): void => link.#destroy(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    try {
      await link.hello;
      return link;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** When something was heard last. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** How long nothing had been heard when the connection ended. */
  get silentMs(): number {
    return this.#silentMs;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves with the milliseconds of a round trip; rejects when the link is lost, or as told. */
  async ping(signal: AbortSignal): Promise<number> {
    if (!this.#isOpen) throw this.#lostError();
    const token = ++this.#tokens;
    const answered = new Promise<void>((resolve, reject) => {
      this.#waiting = { token, resolve, reject };
    });
    const abort = (): void => this.#destroy(signal.reason as Error);
    signal.addEventListener('abort', abort);
    const startedAt = systemClock.now();
    try {
      this.#outbox.pushAll(this.#wire.ping(token));
      this.#outbox.flush();
      await answered;
      return systemClock.now() - startedAt;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    if (this.#isOpen) this.#destroy(undefined);
    await this.closed;
  }

  onBytes(chunk: Buffer): void {
    this.#heardAt = systemClock.now();
    try {
      this.#wire.receive(chunk);
    } catch (error) {
      this.#destroy(error as Error);
    }
  }

  onClosed(cause: Error | undefined): void {
    this.#isOpen = false;
    this.#silentMs = systemClock.now() - this.#heardAt;
    this.#cause ??= cause;
    this.#outbox.close();
    this.#failed(this.#lostError());
    this.#waiting?.reject(this.#lostError());
    this.#closed();
  }

  onHello(hello: ServerHello): void {
    this.#greeted(hello);
  }

  onPing(token: number): void {
    const answer = this.#wire.pong?.(token);
    if (answer !== undefined) this.#outbox.pushAll(answer);
    this.#outbox.flush();
  }

  onPong(token: number): void {
    if (token !== this.#waiting?.token) throw stray('a PONG');
    this.#waiting.resolve();
    this.#waiting = undefined;
  }

  onDrain(): void {}

  onLine(): void {
    this.#destroy(new HoldfastError('ERR_HOLDFAST_DRAINING', 'The server drains'));
  }

  onFault(error: HoldfastError): void {
    this.#destroy(error);
  }

  onReply(): void {
    throw stray('a REPLY');
  }

  onUndecodable(): void {
    throw stray('a REPLY');
  }

  onRemoteError(): void {
    throw stray('an ERROR');
  }

  onRefused(): void {
    throw stray('a REFUSED');
  }

  onUnknown(): void {
    throw stray('an UNKNOWN');
  }

  onVerdict(): void {
    throw stray('a VERDICT');
  }

  #destroy(cause: Error | undefined): void {
    this.#isOpen = false;
    this.#cause ??= cause;
    this.#wire.stop();
    this.#channel.destroy();
  }

  #lostError(): Error {
    return this.#cause ?? new HoldfastError('ERR_HOLDFAST_LOST', 'The server ended the connection');
  }
}

function stray(what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_PROTOCOL',
    `The server sent ${what} that nobody waits for`,
  );
}

function dialError(medium: Medium, cause: unknown): HoldfastError {
  const message = `Cannot connect to ${medium.address}: ${messageOf(cause)}`;
  return new HoldfastError('ERR_HOLDFAST_DIAL', message, { cause });
}
