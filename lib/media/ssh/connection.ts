import net, { type Socket } from 'node:net';
import type { Client } from 'ssh2';
import type { Ssh2 } from './load.ts';

/** An error of ssh2's; some of its levels do not end the connection. */
export interface Ssh2Error extends Error {
  readonly level?: string;
  readonly code?: string | number;
}

/** Errors of these levels are about one way to authenticate; ssh2 goes on with the next. */
const harmlessLevels: readonly (string | undefined)[] = ['agent', 'client-authentication'];

/**
 * One SSH connection over a socket of our own, so that its death is seen at once: ssh2 takes writes
 * to a dead one, says that they went well and throws the bytes away.
 */
export class SshConnection {
  readonly client: Client;
  readonly socket: Socket;
  /** Called with every error that ssh2 reports; one failure can have two. */
  onError: (error: Ssh2Error) => void = () => {};
  /** Called once, at the first sign of the end, before ssh2 acts on it. */
  onEnding: () => void = () => {};
  /** Called once, when the socket is closed. */
  onClosed: () => void = () => {};
  #cause: Error | undefined;
  #isEnding = false;

  constructor(ssh2: Ssh2, host: string, port: number) {
    this.client = new ssh2.Client();
    this.socket = net.connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      // Node's own 250 ms gives up good servers on slow paths.
      autoSelectFamilyAttemptTimeout: 2_000,
    });
    // These stay for good: an error without a listener would end the process.
    this.client.on('error', (error: Ssh2Error) => {
      if (!harmlessLevels.includes(error.level)) this.destroy(error);
      this.onError(error);
    });
    this.socket.on('error', (error) => this.destroy(error));
    // Destroyed at once: Node would go on sending what is queued, and a server may act on it.
    this.socket.on('end', () => this.destroy());
    // ssh2 has ended it because the server said good-bye; it may not close by itself.
    this.socket.on('finish', () => this.destroy());
    this.socket.on('close', () => {
      this.destroy();
      this.onClosed();
    });
  }

  /** The first thing that went wrong. */
  get cause(): Error | undefined {
    return this.#cause;
  }

  /** True as soon as anything showed that nothing can be sent any more. */
  get isDead(): boolean {
    const { destroyed, errored, readableEnded, writable } = this.socket;
    return this.#isEnding || destroyed || errored !== null || readableEnded || !writable;
  }

  /** Bytes that have come so far; any of them is a sign of life. */
  get heardBytes(): number {
    return this.socket.bytesRead;
  }

  /** Says good-bye and ends. What was written before and has not left is lost. */
  end(): void {
    if (!this.isDead) this.client.end();
    this.destroy();
  }

  /** Ends now, because of `cause` if one is given. */
  destroy(cause?: Error): void {
    if (!this.#isEnding) {
      this.#isEnding = true;
      this.#cause = cause;
      this.onEnding();
    }
    this.socket.destroy();
  }
}
