import { connect, type RequestOptions } from '@nats-io/transport-node';
import { type CallKind, type Contender, calls } from '../../contender.ts';
import { freePort } from '../../harness/free-port.ts';
import { Program } from './program.ts';

/** Request and reply by way of a real nats-server, with JSON, and bytes as they are. */
export function createNats(name: string, options?: RequestOptions): Contender {
  return {
    name,

    async serve() {
      const port = await freePort();
      const program = await Program.start(
        'nats-server',
        ['-a', '127.0.0.1', '-p', `${port}`],
        port,
      );
      const connection = await connect({ servers: `127.0.0.1:${port}` });
      for (const kind of Object.keys(calls) as CallKind[]) {
        connection.subscribe(`bench.${kind}`, {
          callback: (error, message) => {
            if (!error) message.respond(encode(calls[kind].reply));
          },
        });
      }
      await connection.flush();
      return {
        address: String(port),
        cpuUs: () => program.cpuUs(),
        rssBytes: () => program.rssBytes(),
        async close() {
          await connection.close();
          await program.stop();
        },
      };
    },

    async connect(address) {
      const connection = await connect({ servers: `127.0.0.1:${address}` });
      return {
        async call(kind) {
          const { argument, reply } = calls[kind];
          const message = await connection.request(`bench.${kind}`, encode(argument), options);
          return Buffer.isBuffer(reply) ? message.data : message.json();
        },
        close: () => connection.close(),
      };
    },
  };
}

function encode(value: unknown): Uint8Array | string {
  return Buffer.isBuffer(value) ? value : JSON.stringify(value);
}
