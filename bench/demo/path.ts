import net, { type Socket } from 'node:net';

/** At most so much is on the way in one direction, as in a network: more waits with the sender. */
const transitBytes = 512 * 1024;

/** What a path does with what it is given. */
type Mode =
  /** Passes it on after the delay. */
  | 'passing'
  /** Takes it and says nothing, for ever. */
  | 'losing'
  /** Takes it and says nothing; passes it on when it is released. */
  | 'holding'
  | 'cut';

/** One direction of a path: what comes from one socket goes to the other after a delay. */
class Direction {
  mode: Mode = 'passing';
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delayMs: number;
  #inTransit = 0;
  #held: (() => void)[] = [];

  constructor(from: Socket, to: Socket, delayMs: number, onBytes: (count: number) => void) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
    from.on('data', (chunk: Buffer) => {
      onBytes(chunk.length);
      if (this.mode === 'cut') return;
      this.#inTransit += chunk.length;
      if (this.#inTransit > transitBytes) from.pause();
      this.#later(() => {
        if (to.writable) to.write(chunk, () => this.#arrived(chunk.length));
        else reset(from);
      });
    });
    from.on('end', () => this.#later(() => to.end()));
    from.on('close', (hadError) => {
      if (hadError || !from.readableEnded) this.#later(() => reset(to));
    });
  }

  /** Passes on what was held. */
  release(): void {
    this.mode = 'passing';
    const held = this.#held;
    this.#held = [];
    for (const step of held) step();
  }

  #later(step: () => void): void {
    setTimeout(() => {
      if (this.mode === 'holding') this.#held.push(step);
      else if (this.mode === 'passing' && !this.#to.destroyed) step();
    }, this.#delayMs);
  }

  #arrived(count: number): void {
    this.#inTransit -= count;
    if (this.#inTransit <= transitBytes && this.mode === 'passing') this.#from.resume();
  }
}

/** One connection through the breaker: the client's half, the server's half, both directions. */
export class Path {
  /** Bytes that came from the client so far. */
  requestBytes = 0;
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #requests: Direction;
  readonly #replies: Direction;

  constructor(
    near: Socket,
    port: number,
    delayMs: number,
    onRequestBytes: (path: Path) => void,
    onClosed: (path: Path) => void,
  ) {
    const far = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.#near = near;
    this.#far = far;
    this.#requests = new Direction(near, far, delayMs, (count) => {
      this.requestBytes += count;
      onRequestBytes(this);
    });
    this.#replies = new Direction(far, near, delayMs, () => {});
    for (const socket of [near, far]) {
      // What an error means is said by the close that follows.
      socket.on('error', () => {});
      socket.on('close', () => {
        if (near.closed && far.closed) onClosed(this);
      });
    }
  }

  /** Ends both halves politely, as a middlebox does that has seen no traffic. */
  finish(): void {
    this.#near.end();
    this.#far.end();
  }

  /** Resets both halves; what was on its way is gone. */
  reset(): void {
    this.#requests.mode = 'cut';
    this.#replies.mode = 'cut';
    reset(this.#near);
    reset(this.#far);
  }

  /** Goes silent: both halves stay open and nothing arrives. */
  stall(isDeliveredLate: boolean): void {
    this.#requests.mode = isDeliveredLate ? 'holding' : 'losing';
    this.#replies.mode = 'losing';
  }

  /** The end of a stall: requests that were held arrive now, whoever may still wait for them. */
  release(): void {
    if (this.#requests.mode !== 'holding') {
      this.reset();
      return;
    }
    this.#replies.mode = 'passing';
    this.#requests.release();
  }
}

/** Node cannot reset a socket that it is about to end: that one would stay open for ever. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
