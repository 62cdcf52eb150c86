import { messageOf } from '../../errors.ts';
import { handOver } from '../../handover/hand-over.ts';
import { inherit } from '../../handover/inherit.ts';
import { serve } from '../../handover/serve.ts';
import type { Listener } from '../../media/medium.ts';
import type { DrainReport, Server } from '../../server/server.ts';
import { drainOnSignals } from '../../server/signals.ts';
import { optionError } from '../../util/check.ts';
import { type Command, command } from '../command.ts';
import { loadServed } from '../load-served.ts';
import { duration, flag, list } from '../options.ts';
import { note, paint, print, printJson } from '../output.ts';
import { harmless } from '../terminal.ts';

/** So much of a handler's error is shown. */
const maxStackLines = 5;

/** `holdfast serve`. */
export const serveModule: Command = command({
  about: [
    'MODULE exports verbs and handlers, and may export options for the server (authenticate, completions, …); a default export with these names will do too.',
    'SIGTERM and SIGINT drain it: what was accepted is finished and answered. A second one ends it at once. SIGHUP starts a successor with the same command line and hands over to it, so that a new version is served without a lost call; the successor is another process. In a terminal, where SIGHUP means that it was closed, it drains.',
    'Sockets of systemd (LISTEN_FDS) are used, one for each --listen. The exit code is 1 when it cannot listen, and when the end cut off calls.',
  ],
  operands: [{ name: 'MODULE', help: 'a JavaScript file' }],
  options: {
    listen: list('URL', 'where clients reach it; may be given more than once; port 0: a free one'),
    'drain-timeout': duration('how long a drain may take; default 10s', 10_000),
    'expose-routes': flag('lets clients ask for the figures of all verbs, as holdfast top does'),
    json: flag('prints for machines: each event as a line of JSON'),
  },
  examples: [
    ['serve notes.js --listen tcp://127.0.0.1:4155', 'prints the URL when it listens'],
    ['serve notes.js --listen unix:/run/notes.sock --listen tcp://127.0.0.1:0', 'at two addresses'],
  ],
  hasOutcome: false,
  run: async ([path = ''], options) => {
    const { verbs, handlers, options: own } = await loadServed(path);
    const listen = listeners(options.listen, own.listen);
    const server = await serve(verbs, handlers, {
      ...own,
      listen,
      ...(options['expose-routes'] ? { exposeRoutes: true } : {}),
    });
    const { json } = options;
    tellErrors(server);
    // Before anybody learns that it listens, and may end it.
    const end = ended(server, options['drain-timeout'], json);
    if (json) printJson({ event: 'listening', urls: server.urls, pid: process.pid });
    else for (const url of server.urls) print(`listening at ${paint('bold', url)}`);
    const cut = await end;
    // Whatever the module keeps open, the server is done.
    process.exit(cut ? 1 : 0);
  },
});

function listeners(
  given: readonly string[],
  own: string | Listener | readonly (string | Listener)[] | undefined,
): readonly Listener[] {
  if (given.length > 0) return inherit(given);
  const listen = own === undefined ? inherit() : inherit(own);
  if (listen !== undefined) return listen;
  throw optionError('--listen is missing, e.g. --listen tcp://127.0.0.1:4155');
}

/** Resolves when the server has ended, whichever way; true when calls were cut off. */
function ended(server: Server, timeoutMs: number, isJson: boolean): Promise<boolean> {
  const isTerminal = process.stdin.isTTY;
  return new Promise((resolve) => {
    const onDrained = ({ cut }: DrainReport): void => {
      if (isJson) printJson({ event: 'drained', cut });
      for (const { verb, peer } of isJson ? [] : cut) {
        note(`a call of "${verb}" from ${peer.address || peer.medium} was cut off`);
      }
      resolve(cut.length > 0);
    };
    drainOnSignals(server, {
      signals: isTerminal ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : ['SIGTERM', 'SIGINT'],
      timeoutMs,
      onDrained,
    });
    if (isTerminal || process.platform === 'win32') return;
    process.on('SIGHUP', () => {
      const itself = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
      handOver(server, itself, { timeoutMs }).then(
        ({ pid, cut }) => {
          if (isJson) printJson({ event: 'handed-over', pid });
          else print(`handed over to process ${pid}`);
          onDrained({ cut });
        },
        (error: unknown) => note(harmless(messageOf(error))),
      );
    });
  });
}

/** Where the error was thrown; callers put texts of their own into such errors. */
function stackOf(error: unknown): readonly string[] {
  const stack = error instanceof Error ? error.stack : undefined;
  return (stack ?? messageOf(error)).split('\n').slice(0, maxStackLines).map(harmless);
}

function tellErrors(server: Server): void {
  server.on('handlerError', ({ verb, error }) => {
    const [message = '', ...frames] = stackOf(error);
    note([`the handler of "${verb}" failed: ${message}`, ...frames].join('\n'));
  });
  server.on('storeError', ({ verb, error }) => {
    note(`the completion store failed a call of "${verb}": ${messageOf(error)}`);
  });
  server.on('fault', ({ peer, error }) => {
    note(`closed the connection from ${peer.address || peer.medium}: ${harmless(error.message)}`);
  });
}
