import { appendFileSync, existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { type Listener, type Server, serve } from '../../lib/index.ts';
import { stdio } from '../../lib/media/stdio.ts';
import { verbs } from './verbs.ts';

/**
 * A program on its own stdin and stdout: `stdio-main LOG [WAY]`. It serves, and notes what it
 * executes in the file LOG; the first word of an input says what the handler does: see {@link words}.
 * When it ends by itself it leaves its exit code in the file LOG.end.
 */
const [log, way = 'plain'] = process.argv.slice(2) as [string, string?];

const words: Readonly<Record<string, (rest: string) => unknown>> = {
  /** Answers only when it was begun before, by a process that is gone. */
  stall: (rest) => (timesBegun(`stall ${rest}`) > 1 ? undefined : new Promise(() => {})),
  /** Ends the process at once. */
  exit: (rest) => process.exit(Number(rest)),
  /** Ends the process as soon as there is nothing else to do. */
  'exit-soon': (rest) => {
    setTimeout(() => process.exit(Number(rest)), 10);
  },
  /** Prints where its frames go. */
  print: (rest) => {
    console.log(rest);
    process.stdout.write(`${rest}\n`);
    console.info(`${rest}\n`.repeat(1_000));
    return 'printed';
  },
  /** Writes where its frames go, in a way that nobody can divert. */
  stray: (rest) => {
    setTimeout(() => writeSync(1, rest), 10);
  },
  /** Leaves in order. */
  drain: () => {
    void server?.drain();
  },
  pid: () => String(process.pid),
  /** Tries to serve on the same stdin and stdout once more. */
  again: () =>
    stdio()
      .listen(() => {})
      .then(String, ({ code, message }) => `${code} ${message}`),
};

let server: Server | undefined;

function timesBegun(input: string): number {
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line === input).length;
}

async function handle(input: string): Promise<string> {
  appendFileSync(log, `${input}\n`);
  const [word = '', rest = ''] = input.split(/ (.*)/s);
  return String((await words[word]?.(rest)) ?? `done ${input}`);
}

async function start(listen: string | Listener): Promise<void> {
  const handlers = { read: handle, idempotent: handle, semi: handle, once: handle, mutate: handle };
  server = await serve(verbs, handlers, { listen });
}

const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  plain: () => start('stdio:'),
  /** Greets whoever starts it if there is a file LOG.greeting, as a login does. */
  greet: () => {
    const greeting = `${log}.greeting`;
    if (existsSync(greeting)) process.stdout.write(readFileSync(greeting));
    return start('stdio:');
  },
  /** Something else keeps the process alive, and is let go of when the connection has ended. */
  hold: () => {
    const held = setInterval(() => {}, 60_000);
    const onEnd = (): void => {
      console.error('the end');
      clearInterval(held);
    };
    return start(stdio({ onEnd }));
  },
  /** Does not listen to the end of its stdin. */
  stubborn: () => {
    setInterval(() => {}, 60_000);
    process.on('SIGTERM', () => process.exit(15));
    return start('stdio:');
  },
  /** Listens to nothing at all. */
  deaf: () => {
    setInterval(() => {}, 60_000);
    process.on('SIGTERM', () => {});
    return start('stdio:');
  },
  /** No server: gives back what comes, a piece at a time, and reads nothing meanwhile. */
  echo: () =>
    stdio().listen((channel) => {
      const onBytes = (chunk: Buffer): void => {
        channel.pause();
        channel.write([chunk, Buffer.of()], () => setImmediate(() => channel.resume()));
      };
      channel.start({ onBytes, onClosed: () => {} });
      channel.ref();
    }),
  /** No server: says much, closes, and exits as soon as it is told that the channel is closed. */
  flush: () =>
    stdio().listen((channel) => {
      channel.start({ onBytes: () => {}, onClosed: () => process.exit(0) });
      channel.write([Buffer.alloc(7_000_000, 'x')], () => {});
      channel.close();
    }),
};
process.on('exit', (code) => writeFileSync(`${log}.end`, String(code)));
await ways[way]?.();
