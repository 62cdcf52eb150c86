import { appendFileSync } from 'node:fs';
import { type Listener, serve } from '../../lib/index.ts';
import { stdio } from '../../lib/media/stdio.ts';
import { verbs } from './verbs.ts';

/**
 * A program on its own stdin and stdout: `stdio-main LOG [WAY]`. It serves, and notes what it
 * executes in the file LOG; the first word of an input says what the handler does: see {@link words}.
 */
const [log, way = 'plain'] = process.argv.slice(2) as [string, string?];

const words: Readonly<Record<string, (rest: string) => unknown>> = {
  /** Never answers. */
  hang: () => new Promise(() => {}),
  /** Ends the process at once. */
  exit: (rest) => process.exit(Number(rest)),
  /** Prints where its frames go. */
  print: (rest) => {
    console.log(rest);
    process.stdout.write(`${rest}\n`);
    console.info(`${rest}\n`.repeat(1_000));
    return 'printed';
  },
  pid: () => String(process.pid),
  /** Tries to serve on the same stdin and stdout once more. */
  again: () =>
    stdio()
      .listen(() => {})
      .then(String, ({ code, message }) => `${code} ${message}`),
};

async function handle(input: string): Promise<string> {
  appendFileSync(log, `${input}\n`);
  const [word = '', rest = ''] = input.split(/ (.*)/s);
  return String((await words[word]?.(rest)) ?? `done ${input}`);
}

async function start(listen: string | Listener): Promise<void> {
  const handlers = { read: handle, idempotent: handle, semi: handle, once: handle, mutate: handle };
  await serve(verbs, handlers, { listen });
}

const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  plain: () => start('stdio:'),
  /** Something else keeps the process alive, and is let go of when the connection has ended. */
  hold: () => {
    const held = setInterval(() => {}, 60_000);
    const onEnd = (): void => {
      console.error('the end');
      clearInterval(held);
    };
    return start(stdio({ onEnd }));
  },
  /** No server: says much, closes, and exits as soon as it is told that the channel is closed. */
  flush: () =>
    stdio().listen((channel) => {
      channel.start({ onBytes: () => {}, onClosed: () => process.exit(0) });
      channel.write([Buffer.alloc(7_000_000, 'x')], () => {});
      channel.close();
    }),
};
await ways[way]?.();
