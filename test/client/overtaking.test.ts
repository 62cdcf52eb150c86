import { expect } from 'chai';
import { type Client, connect, mutate, read, type Server, serve, tcp } from '../../lib/index.ts';
import { FaultMedium } from '../../lib/testing/index.ts';
import { until } from '../support/road.ts';

const verbs = {
  take: mutate.clientStream<void, Uint8Array, number>(),
  echo: read<void, void>(),
  change: mutate<void, void>(),
};

const itemBytes = 64 * 1024;
const count = 60;

/**
 * So many items may arrive between a call and its beginning: what is on its way, what was being written
 * and what is being taken.
 */
const most = 4;

/** So many small ones may be taken meanwhile: each of some turns of the event loop takes 512. */
const mostSmall = 20 * 512;

describe('A small call beside an upload', () => {
  let server: Server;
  let medium: FaultMedium;
  let client: Client<typeof verbs>;
  let taken: number;
  let begunAt: number;

  beforeEach(async () => {
    taken = 0;
    server = await serve(
      verbs,
      {
        take: async (_, { items }) => {
          for await (const item of items) taken += item.byteLength / itemBytes;
          return taken;
        },
        echo: () => {
          begunAt = taken;
        },
        change: () => {
          begunAt = taken;
        },
      },
      { listen: 'tcp://127.0.0.1:0' },
    );
    const { hostname, port } = new URL(server.urls[0] as string);
    medium = new FaultMedium(tcp({ host: hostname, port: Number(port) }), {
      bufferBytes: itemBytes,
      plan: { toServer: { bytesPerMs: 5_000 } },
    });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
    medium.destroy();
  });

  it('waits for few of its items, though they are small and many', async () => {
    client = connect(server.urls[0] as string, verbs, { probeAfterMs: 3_600_000 });
    let given = 0;
    let stop = false;
    const uploaded = client.call.take(
      undefined,
      (function* () {
        for (; !stop; given++) yield Buffer.of(1);
      })(),
    );
    await until(() => given > 0);
    for (let made = 0; made < 20; made++) {
      const madeAt = given;
      await client.call.echo();
      expect(given - madeAt).to.be.at.most(mostSmall);
    }
    stop = true;
    await uploaded;
  });

  async function overtakes(verb: 'echo' | 'change'): Promise<void> {
    const items = Array.from({ length: count }, () => Buffer.alloc(itemBytes));
    const uploaded = client.call.take(undefined, items);
    for (const from of [5, 15, 25, 35]) {
      await until(() => taken >= from);
      const madeAt = taken;
      await client.call[verb]();
      expect(begunAt - madeAt).to.be.at.most(most);
    }
    expect(await uploaded).to.equal(count);
  }

  it('is sent next, on a slow path, when the connection was looked at before', async () => {
    client = connect(medium, verbs, { probeAfterMs: 0 });
    await overtakes('echo');
  });

  it('is sent next, on a slow path, when an answer was awaited before', async () => {
    client = connect(medium, verbs, { probeAfterMs: 0, verifyAfterMs: 0 });
    await overtakes('change');
  });

  it('is sent next, on a slow path, when neither is done', async () => {
    client = connect(medium, verbs, { probeAfterMs: 3_600_000 });
    await overtakes('echo');
  });
});
