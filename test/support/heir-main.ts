import { spawnSync } from 'node:child_process';
import { predecessorChannel, takeOver } from '../../lib/handover/inherit.ts';
import { drainOnSignals, inherit, type Listener, type Server, serve } from '../../lib/index.ts';
import { tls } from '../../lib/media/tls.ts';
import { verbs } from './verbs.ts';

/** What the program is told to do, as JSON in its only argument. */
export interface HeirTask {
  /** URLs of what it names; without them it serves whatever it was started with. */
  readonly listen?: readonly string[];
  /** With `listen`: these are served with TLS, by this certificate. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Does not listen to SIGTERM. */
  readonly isStubborn?: boolean;
}

/** What it says when it serves, or cannot. */
export interface HeirReport {
  readonly pid: number;
  readonly urls?: readonly string[];
  /** Of what was inherited, without `listen`. */
  readonly names?: readonly string[];
  /** Asked again, it got the same listeners. */
  readonly isSame?: boolean;
  /** What a process that it starts sees of the variables and the descriptors. */
  readonly grandchild?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * A server that inherits sockets: answers with its process id. It says a {@link HeirReport} on one
 * line, to the predecessor or on stdout, and then does what it hears: `take over`, `close`.
 */
const task = JSON.parse(process.argv[2] as string) as HeirTask;
let server: Server | undefined;

function named(urls: readonly string[]): (string | Listener)[] {
  return urls.map((url) => {
    if (task.tls === undefined || !url.startsWith('tls:')) return url;
    return tls({ ...task.tls, port: Number(new URL(url).port) });
  });
}

const grandchildScript =
  'env | grep -c -e LISTEN_ -e HOLDFAST_; ls -l /proc/self/fd | grep -c socket';

async function start(): Promise<HeirReport> {
  const { pid } = process;
  const answer = (): string => String(pid);
  const handlers = { read: answer, idempotent: answer, semi: answer, once: answer, mutate: answer };
  try {
    const plain = task.listen === undefined ? inherit() : undefined;
    const listen = plain ?? inherit(named(task.listen ?? []));
    // The connection with the predecessor is the test's own.
    const alone = listen.map(
      (listener): Listener => ({ listen: (accept) => listener.listen(accept) }),
    );
    server = await serve(verbs, handlers, { listen: alone });
    if (task.isStubborn) process.on('SIGTERM', () => {});
    else drainOnSignals(server);
    const again = inherit();
    const grandchild = spawnSync('/bin/sh', ['-c', grandchildScript], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return {
      pid,
      urls: server.urls,
      grandchild: grandchild.stdout.toString(),
      ...(plain === undefined ? {} : { names: plain.map(({ name }) => name) }),
      isSame: plain?.every((one, index) => one === again?.[index]) ?? false,
    };
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { pid, error: { code, message } };
  }
}

const report = `${JSON.stringify(await start())}\n`;
let channel: ReturnType<typeof predecessorChannel>;
try {
  channel = predecessorChannel();
} catch {
  // It is in the report.
}
if (channel === undefined) {
  process.stdout.write(report);
} else {
  let heard = '';
  channel.start({
    onBytes: (chunk) => {
      heard += chunk.toString();
      for (const word of heard.split('\n').slice(0, -1)) {
        heard = heard.slice(word.length + 1);
        if (word === 'take over') takeOver();
        else void server?.close();
        channel?.write([Buffer.from(`${word}\n`)], () => {});
      }
    },
    onClosed: () => {},
  });
  channel.write([Buffer.from(report)], () => {});
  channel.ref();
}
