import { Redis } from 'ioredis';
import { type CallKind, type Contender, calls } from '../../contender.ts';
import { freePort } from '../../harness/free-port.ts';
import { Program } from './program.ts';

/** A real redis-server: what is asked for is the value of a key, and bytes there and back an echo. */
export function createIoredis(name: string, enableAutoPipelining: boolean): Contender {
  return {
    name,

    async serve() {
      const port = await freePort();
      const redis = await Program.start(
        'redis-server',
        ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
        port,
      );
      const client = new Redis(port, '127.0.0.1');
      for (const kind of Object.keys(calls) as CallKind[]) {
        const { reply } = calls[kind];
        const isPlain = typeof reply === 'string' || Buffer.isBuffer(reply);
        await client.set(keyOf(kind), isPlain ? reply : JSON.stringify(reply));
      }
      await client.quit();
      return {
        address: String(port),
        cpuUs: () => redis.cpuUs(),
        rssBytes: () => redis.rssBytes(),
        close: () => redis.stop(),
      };
    },

    async connect(address) {
      const client = new Redis(Number(address), '127.0.0.1', { enableAutoPipelining });
      // It would print them; it connects again, and what fails is told by calls.
      client.on('error', () => {});
      const make: Record<CallKind, () => Promise<unknown>> = {
        small: () => client.get(keyOf('small')),
        bytes: () => client.getBuffer(keyOf('bytes')),
        both: () => client.echoBuffer(calls.both.argument),
        object: async () => JSON.parse((await client.get(keyOf('object'))) ?? 'null'),
      };
      return {
        call: (kind) => make[kind](),
        async close() {
          client.disconnect();
        },
      };
    },
  };
}

/** As long as the argument of the other contenders. */
function keyOf(kind: CallKind): string {
  return `user:${kind}`;
}
