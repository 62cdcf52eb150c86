import type { AuthHandlerMiddleware, ClientChannel, ServerHostKeyAlgorithm } from 'ssh2';
import { HoldfastError, messageOf } from '../../errors.ts';
import { Alarm, wheelOf } from '../../retry/timer-wheel.ts';
import { systemClock } from '../../util/clock.ts';
import { unlessAborted } from '../../util/unless-aborted.ts';
import type { Channel, Peer } from '../medium.ts';
import { Authentication } from './authentication.ts';
import { SshChannel } from './channel.ts';
import { type Ssh2Error, SshConnection } from './connection.ts';
import { type HostKeys, loadHostKeys } from './host-keys.ts';
import { loadSsh2, type Ssh2 } from './load.ts';
import type { SshSettings } from './options.ts';

/** What a dial needs to know. */
export interface SshPlace {
  readonly settings: SshSettings;
  readonly address: string;
  readonly peer: Peer;
}

/** Connects, verifies the host, authenticates and opens a channel. */
export async function dialSsh(place: SshPlace, signal: AbortSignal): Promise<Channel> {
  signal.throwIfAborted();
  const { ssh2, hostKeys, authentication } = await unlessAborted(prepare(place.settings), signal);
  return new Dial(place, hostKeys, authentication).run(ssh2, signal);
}

/** Everything that comes from this machine. */
async function prepare(settings: SshSettings): Promise<{
  readonly ssh2: Ssh2;
  readonly hostKeys: HostKeys;
  readonly authentication: Authentication;
}> {
  const { host, port, knownHosts, knownHostsFiles, unknownHost } = settings;
  const ssh2 = await loadSsh2();
  const source = { text: knownHosts, files: knownHostsFiles, unknownHost };
  const hostKeys = await loadHostKeys(source, host, port);
  const authentication = await Authentication.prepare(ssh2, settings);
  return { ssh2, hostKeys, authentication };
}

/** How far a dial has come, in words that fit behind "during". */
type Phase =
  | 'the TCP connect'
  | 'the SSH handshake'
  | 'authentication'
  | 'the opening of a channel';

/** Reasons of SSH_MSG_CHANNEL_OPEN_FAILURE; with the first and the third, trying again cannot help. */
const refusals: Readonly<Record<number, readonly [why: string, isFinal: boolean]>> = {
  1: ['it is administratively prohibited', true],
  2: ['it cannot connect there', false],
  3: ['it does not know that kind of channel', true],
  4: ['it has no room for another channel', false],
};

/** One try; everything that it opened is closed when it fails. */
class Dial {
  readonly #place: SshPlace;
  readonly #hostKeys: HostKeys;
  readonly #authentication: Authentication;
  #phase: Phase = 'the TCP connect';
  #settle: (error: unknown, channel?: Channel) => void = () => {};

  constructor(place: SshPlace, hostKeys: HostKeys, authentication: Authentication) {
    this.#place = place;
    this.#hostKeys = hostKeys;
    this.#authentication = authentication;
  }

  run(ssh2: Ssh2, signal: AbortSignal): Promise<Channel> {
    const { host, port, readyTimeoutMs } = this.#place.settings;
    return new Promise((resolve, reject) => {
      const connection = new SshConnection(ssh2, host, port);
      const aborted = (): void => this.#settle(signal.reason);
      const alarm = new Alarm(wheelOf(systemClock), () => {
        this.#fail(`did not get through ${this.#phase} within ${readyTimeoutMs} ms`);
      });
      this.#settle = (error, channel) => {
        this.#settle = () => {};
        signal.removeEventListener('abort', aborted);
        alarm.clear();
        this.#authentication.end();
        if (channel !== undefined) {
          resolve(channel);
          return;
        }
        connection.destroy();
        reject(error);
      };
      signal.addEventListener('abort', aborted);
      alarm.set(systemClock.now() + readyTimeoutMs);
      this.#connect(connection);
    });
  }

  #connect(connection: SshConnection): void {
    const { client, socket } = connection;
    const { user } = this.#place.settings;
    connection.onError = (error) => this.#onError(error);
    connection.onClosed = () => this.#onClosed(connection.cause);
    socket.on('connect', () => {
      this.#phase = 'the SSH handshake';
    });
    client.on('handshake', () => this.#onHandshake());
    client.on('ready', () => this.#open(connection));
    client.on('change password', () => {
      this.#fail('wants the password to be changed first', undefined, true);
    });
    this.#authentication.onFailed = (error) => this.#settle(error);
    const nextWay = (offered: readonly string[] | null): unknown => {
      this.#phase = 'authentication';
      return this.#authentication.next(offered);
    };
    client.connect({
      sock: socket,
      username: user,
      // One timer of our own over everything, and a keepalive of our own.
      readyTimeout: 0,
      keepaliveInterval: 0,
      // Other servers than OpenSSH know its extensions too.
      strictVendor: false,
      algorithms: { serverHostKey: [...this.#hostKeys.algorithms] as ServerHostKeyAlgorithm[] },
      hostVerifier: (key: Buffer) => this.#verify(key),
      authHandler: nextWay as unknown as AuthHandlerMiddleware,
    });
  }

  #verify(key: Buffer): boolean {
    const refusal = this.#hostKeys.check(key);
    if (refusal !== undefined) this.#settle(refusal);
    return refusal === undefined;
  }

  /** Now the server has proved that the key is its own. */
  #onHandshake(): void {
    try {
      this.#hostKeys.remember();
    } catch (error) {
      this.#settle(error);
    }
  }

  #onError(error: Ssh2Error): void {
    const message = messageOf(error);
    if (error.level === 'agent') {
      this.#authentication.note(`agent: ${message}`);
    } else if (error.level === 'client-authentication') {
      if (!message.startsWith('All configured')) this.#authentication.note(message);
      else this.#settle(this.#authentication.failure(this.#place.address));
    } else if (this.#phase === 'the TCP connect') {
      this.#settle(error);
    } else if (this.#phase === 'authentication' && /auth/i.test(message)) {
      this.#authentication.note(`the server said: ${message}`);
      this.#settle(this.#authentication.failure(this.#place.address));
    } else {
      // Algorithms do not come to agree by themselves, nor does a host prove a key that it has not.
      const isFinal = /no matching|signature verification/.test(message);
      this.#fail(`failed during ${this.#phase}: ${message}`, error, isFinal);
    }
  }

  #onClosed(cause: Error | undefined): void {
    const why = cause === undefined ? 'closed the connection' : `was lost (${messageOf(cause)})`;
    this.#fail(`${why} during ${this.#phase}`, cause);
  }

  #open(connection: SshConnection): void {
    const { settings, address, peer } = this.#place;
    const { command, forwardTo } = settings;
    const { client } = connection;
    this.#phase = 'the opening of a channel';
    const opened = (error: Ssh2Refusal | undefined, channel: ClientChannel): void => {
      if (error !== undefined) {
        this.#refused(error);
      } else if (!connection.isDead) {
        this.#settle(undefined, new SshChannel(connection, channel, peer, address, settings));
      }
    };
    try {
      if (command !== undefined) client.exec(command, opened);
      else if (forwardTo === undefined) return;
      else if ('path' in forwardTo) client.openssh_forwardOutStreamLocal(forwardTo.path, opened);
      else client.forwardOut('127.0.0.1', 0, forwardTo.host, forwardTo.port, opened);
    } catch (error) {
      this.#fail(`failed during ${this.#phase}: ${messageOf(error)}`, error);
    }
  }

  #refused(error: Ssh2Refusal): void {
    const { command } = this.#place.settings;
    const [why, isFinal] = refusals[Number(error.reason)] ?? [messageOf(error), false];
    const what = command === undefined ? 'the forwarding' : 'to run the command';
    this.#fail(`refused ${what}: ${why}`, error, isFinal);
  }

  #fail(what: string, cause?: unknown, final = false): void {
    const message = `${this.#place.address} ${what}`;
    this.#settle(new HoldfastError('ERR_HOLDFAST_DIAL', message, { cause, final }));
  }
}

interface Ssh2Refusal extends Error {
  readonly reason?: number | string;
}
