import { type Child, startChild } from './child.ts';
import { ChildChannel } from './child-channel.ts';
import { LastLines } from './last-lines.ts';
import type { Channel, Medium, Peer } from './medium.ts';
import { explainEnd, explainStart } from './pipe/explain.ts';
import { type PipeOptions, type PipeSettings, resolvePipeOptions } from './pipe/options.ts';
import { parsePipeUrl, pipeUrl } from './pipe/url.ts';

export type { PipeOptions } from './pipe/options.ts';

/** So much of a program's stderr is kept, and so many lines are shown. */
const stderrBytes = 8 * 1024;
const stderrLines = 20;

/** A program that is started for each channel and serves on its stdin and stdout. */
class Pipe implements Medium {
  readonly address: string;
  readonly #settings: PipeSettings;
  readonly #peer: Peer;

  constructor(options: PipeOptions) {
    this.#settings = resolvePipeOptions(options);
    this.address = pipeUrl(this.#settings);
    this.#peer = { medium: 'pipe', address: this.#settings.command };
  }

  async dial(signal: AbortSignal): Promise<Channel> {
    const { termAfterMs, killAfterMs, onStderr } = this.#settings;
    return new ChildChannel(
      await this.#start(signal),
      this.#peer,
      (end) => explainEnd(end, this.address),
      { closeWaitMs: termAfterMs, termAfterMs, killAfterMs, onStderr },
      new LastLines(stderrBytes, stderrLines),
    );
  }

  async #start(signal: AbortSignal): Promise<Child> {
    const { command, args, cwd, env } = this.#settings;
    try {
      // A server hears the end of its stdin; who does not listen to it is asked to end.
      return await startChild({ program: command, args, cwd, env, lastSignal: 'SIGTERM' }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw await explainStart(error, this.address, cwd);
    }
  }
}

/**
 * A program that is run as a child process, one for each connection, and is talked to through its
 * stdin and stdout; it ends with the connection. It may be a holdfast server that listens on
 * `stdio:`, or anything that leads to one.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function pipe(options: PipeOptions): Medium {
  return new Pipe(options);
}

/**
 * The medium of a URL `pipe:?command=…&arg=…&arg=…`, with one `arg` for each argument, and `cwd`.
 * As in any URL's parameters, a space is `%20` or `+`, and a plus sign is `%2B`.
 *
 * @throws HoldfastError `ERR_HOLDFAST_URL`, `ERR_HOLDFAST_OPTION`
 */
export function mediumFromUrl(url: string): Medium {
  return pipe(parsePipeUrl(url));
}
