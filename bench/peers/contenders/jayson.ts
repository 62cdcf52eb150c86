import { Agent } from 'node:http';
import jayson from 'jayson/promise/index.js';
import { type CallKind, type Contender, calls } from '../../contender.ts';
import { fromJson, toJson } from '../support/json-bytes.ts';
import { listen } from '../support/listen.ts';

/** JSON-RPC 2.0 over HTTP with keep-alive: over TCP jayson dials for each call. */
export const contender: Contender = {
  name: 'jayson',

  async serve() {
    const kinds = Object.keys(calls) as CallKind[];
    const methods = Object.fromEntries(
      kinds.map((kind) => [kind, async () => toJson(calls[kind].reply)]),
    );
    const server = new jayson.Server(methods, { maxParamLength: 1e6 } as object).http();
    return await listen(server);
  },

  async connect(address) {
    const agent = new Agent({ keepAlive: true, maxSockets: 64 });
    const client = jayson.Client.http({ host: '127.0.0.1', port: Number(address), agent });
    return {
      async call(kind) {
        const answer = await client.request(kind, [toJson(calls[kind].argument)]);
        return fromJson(kind, answer.result);
      },
      close: async () => agent.destroy(),
    };
  },
};
