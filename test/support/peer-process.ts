import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { forkIn } from './remote-client.ts';

/** How a peer ends a connection. */
export type EndWord = 'fin' | 'reset';

/** What the process is told, and what it says. */
export type ToPeer =
  | { readonly kind: 'end'; readonly inMs: number; readonly word: EndWord }
  | { readonly kind: 'echo' }
  | { readonly kind: 'executions' };
export type FromPeer =
  | { readonly kind: 'urls'; readonly urls: readonly string[] }
  | { readonly kind: 'echo' }
  | { readonly kind: 'executions'; readonly counts: Readonly<Record<string, number>> };

/** Where a peer runs. */
export interface PeerOptions {
  /** What runs Node, e.g. `['ip', 'netns', 'exec', 'name']`. */
  readonly wrapper?: readonly string[];
  /** The address that it listens on. */
  readonly host?: string;
  /** With an SSH server too. */
  readonly hasSsh?: boolean;
  /** Or with another address that it listens at. */
  readonly listen?: string;
}

/** A server in another process, which goes on when our event loop is blocked. */
export class PeerProcess {
  /** Its TCP and its Unix address, and the third if there is one, as TCP or through SSH. */
  readonly urls: readonly string[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, urls: readonly string[]) {
    this.#child = child;
    this.urls = urls;
  }

  static async start(options: PeerOptions = {}): Promise<PeerProcess> {
    const { wrapper = [], host = '127.0.0.1', hasSsh = false, listen } = options;
    const more = hasSsh ? 'ssh' : listen;
    const main = fileURLToPath(new URL('./peer-main.ts', import.meta.url));
    const child = forkIn(wrapper, main, more === undefined ? [host] : [host, more]);
    const [message] = (await once(child, 'message')) as [FromPeer];
    if (message.kind !== 'urls') throw new Error('The peer must say its addresses first');
    return new PeerProcess(child, message.urls);
  }

  /** Ends every connection after so long; returns at once. */
  endAllIn(inMs: number, word: EndWord): void {
    this.#tell({ kind: 'end', inMs, word });
  }

  /** Resolves in an I/O callback. */
  async echo(): Promise<void> {
    this.#tell({ kind: 'echo' });
    await once(this.#child, 'message');
  }

  /** How often each input was executed. */
  async executions(): Promise<Readonly<Record<string, number>>> {
    this.#tell({ kind: 'executions' });
    const [message] = (await once(this.#child, 'message')) as [FromPeer];
    return message.kind === 'executions' ? message.counts : {};
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }

  #tell(message: ToPeer): void {
    this.#child.send(message);
  }
}
