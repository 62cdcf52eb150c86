import { createServer } from 'node:http';
import { Pool } from 'undici';
import { type CallKind, type Contender, calls } from '../../contender.ts';
import { listen } from './listen.ts';

/** Calls over HTTP/1.1: JSON, and bytes as they are. */
export function createUndici(
  name: string,
  options: { readonly connections: number; readonly pipelining: number },
): Contender {
  return {
    name,

    async serve() {
      const server = createServer((request, response) => {
        const kind = (request.url ?? '').slice(1).split('?', 1)[0] as CallKind;
        const parts: Buffer[] = [];
        request.on('data', (part: Buffer) => parts.push(part));
        request.on('end', () => {
          const { reply } = calls[kind];
          const isBytes = Buffer.isBuffer(reply);
          const type = isBytes ? 'application/octet-stream' : 'application/json';
          const body = isBytes ? reply : JSON.stringify(reply);
          response.writeHead(200, {
            'content-type': type,
            'content-length': Buffer.byteLength(body),
          });
          response.end(body);
        });
      });
      return await listen(server, 'http://127.0.0.1:');
    },

    async connect(address) {
      const pool = new Pool(address, options);
      return {
        async call(kind) {
          const { argument, reply } = calls[kind];
          const isUpload = Buffer.isBuffer(argument);
          const { body } = await pool.request({
            path: isUpload ? `/${kind}` : `/${kind}?argument=${argument}`,
            method: isUpload ? 'PUT' : 'GET',
            idempotent: true,
            ...(isUpload ? { body: argument } : {}),
          });
          return Buffer.isBuffer(reply) ? new Uint8Array(await body.arrayBuffer()) : body.json();
        },
        close: () => pool.destroy(),
      };
    },
  };
}
