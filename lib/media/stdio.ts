import { HoldfastError } from '../errors.ts';
import { type Checks, ofType, resolveOptions, show } from '../util/check.ts';
import type { Channel, Listener, Listening } from './medium.ts';
import { StdioChannel } from './stdio/channel.ts';

/** How a program serves on its own stdin and stdout. */
export interface StdioOptions {
  /**
   * Called once, when the connection has ended. A process that nothing else keeps alive ends by
   * itself then; here one that holds other things, e.g. a database, can let go of them.
   */
  readonly onEnd?: () => void;
}

const checks: Checks<StdioOptions> = { onEnd: ofType('function') };

const url = 'stdio:';

/** There is one stdin in a process. */
let isServing = false;

class Stdio implements Listener {
  readonly #options: Readonly<StdioOptions>;

  constructor(options: StdioOptions) {
    this.#options = resolveOptions('stdio option', options, {}, checks);
  }

  async listen(accept: (channel: Channel) => void): Promise<Listening> {
    if (isServing) throw listenError('they are served already, or were');
    if (process.stdin.isTTY || process.stdout.isTTY) {
      throw listenError(
        'they are a terminal; this is for a program that another one starts (pipe:, ssh:, openssh:)',
      );
    }
    if (process.stdin.readableEnded || process.stdin.destroyed) {
      throw listenError('stdin has ended');
    }
    isServing = true;
    accept(new StdioChannel(() => this.#options.onEnd?.()));
    // The one connection is there; nothing has to be done to get no other.
    return { url, close: async () => {} };
  }
}

function listenError(why: string): HoldfastError {
  const message = `Cannot listen on stdin and stdout (${url}): ${why}`;
  return new HoldfastError('ERR_HOLDFAST_LISTEN', message, { final: true });
}

/**
 * Serves on this process's own stdin and stdout: one connection, from the process that started this
 * one. While it lasts, what is printed to stdout goes to stderr.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function stdio(options: StdioOptions = {}): Listener {
  return new Stdio(options);
}

/**
 * The listener of the URL `stdio:`.
 *
 * @throws HoldfastError `ERR_HOLDFAST_URL`
 */
export function listenerFromUrl(given: string): Listener {
  if (given === url) return stdio();
  const message = `Cannot use the URL ${show(given)}: ${url} has nothing behind the colon`;
  throw new HoldfastError('ERR_HOLDFAST_URL', message, { final: true });
}
