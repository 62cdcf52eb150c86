import { expect } from 'chai';
import { connect, mutate, serve } from '../../lib/index.ts';
import { all } from '../support/streaming.ts';

const KiB = 1024;
const windows = [128, 192, 256, 1024, 4096].map((size) => size * KiB);
/** Small ones, those that come in parts, and one that is larger than most windows. */
const sizes = [...Array(40).fill(10_000), 70_000, 200_000, 600_000, ...Array(40).fill(10_000)];

const verbs = {
  echo: mutate.duplex<void, Uint8Array, Uint8Array>(),
};

describe('Streams between two sides with windows of their own', () => {
  for (const here of windows) {
    it(`come through from ${here / KiB} KiB at the client, whatever the server has`, async () => {
      for (const there of windows) {
        const server = await serve(
          verbs,
          { echo: (_, { items }) => items },
          { listen: 'tcp://127.0.0.1:0', streamWindowBytes: there },
        );
        const client = connect(server.urls[0] as string, verbs, { streamWindowBytes: here });
        const items = function* (): Generator<Uint8Array> {
          for (const [index, size] of sizes.entries()) yield Buffer.alloc(size, index);
        };
        const got = (await all(client.call.echo(undefined, items()))).map(({ length }) => length);
        expect(got, `${there / KiB} KiB at the server`).to.deep.equal(sizes);
        client.destroy();
        await client.closed;
        await server.close();
      }
    });
  }
});
