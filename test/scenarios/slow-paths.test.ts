import { expect } from 'chai';
import { type ClientOptions, connect, mutate, type Server, serve } from '../../lib/index.ts';
import { until } from '../support/road.ts';
import { SlowPath } from '../support/slow-path.ts';

const KiB = 1024;
const bytesPerSecond = 32 * KiB;
/** What takes three seconds, and several times as long as silence is borne. */
const count = 6;
const itemBytes = 16 * KiB;

const verbs = {
  put: mutate<Uint8Array, number>(),
  get: mutate<number, Uint8Array>(),
  upload: mutate.clientStream<void, Uint8Array, number>(),
  watch: mutate.serverStream<number, Uint8Array>(),
};

function* items(): Generator<Uint8Array> {
  for (let item = 0; item < count; item++) yield Buffer.alloc(itemBytes, item);
}

type Call = ReturnType<typeof connect<typeof verbs>>['call'];

const transfers: Readonly<Record<string, (call: Call) => Promise<number>>> = {
  'an input': (call) => call.put(Buffer.alloc(count * itemBytes)),
  'an output': async (call) => (await call.get(count * itemBytes)).length,
  'items of an upload': (call) => call.upload(undefined, items()),
  'items of a server': async (call) => {
    let bytes = 0;
    for await (const item of call.watch(count)) bytes += item.length;
    return bytes;
  },
};

describe('On a path that passes so little that an answer takes longer than a silence is borne', () => {
  let server: Server;
  let executions: number;

  beforeEach(async () => {
    executions = 0;
    server = await serve(
      verbs,
      {
        put: (bytes) => {
          executions++;
          return bytes.length;
        },
        get: (bytes) => {
          executions++;
          return Buffer.alloc(bytes);
        },
        upload: async (_, { items }) => {
          executions++;
          let bytes = 0;
          for await (const item of items) bytes += item.length;
          return bytes;
        },
        watch: () => {
          executions++;
          return items();
        },
      },
      { listen: 'tcp://127.0.0.1:0', idlePingMs: 800, heartbeatTimeoutMs: 600 },
    );
  });

  afterEach(() => server.close());

  async function transferred(
    transfer: (call: Call) => Promise<number>,
    options: ClientOptions,
  ): Promise<{ readonly bytes: number; readonly replays: number; readonly connections: number }> {
    const path = await SlowPath.before(server.urls[0] as string, bytesPerSecond);
    const patience = { heartbeatMs: 600, heartbeatTimeoutMs: 600 };
    const client = connect(path.url, verbs, { ...patience, ...options });
    let replays = 0;
    client.on('replay', () => replays++);
    try {
      const bytes = await transfer(client.call);
      // By the connection that the server has kept too.
      expect(await client.call.put(Buffer.alloc(1))).to.equal(1);
      return { bytes, replays, connections: path.connections };
    } finally {
      client.destroy();
      await client.closed;
      await path.close();
    }
  }

  it('an upload has the time of any call behind its last item from each sign that it comes', async function () {
    this.timeout(30_000);
    const upload = transfers['items of an upload'] as (typeof transfers)[string];
    const { bytes } = await transferred(upload, { stall: false, timeoutMs: 2_000 });
    expect(bytes).to.equal(count * itemBytes);
  });

  it('so it has while one long item comes, be it its own or that of another upload', async function () {
    this.timeout(30_000);
    const [long, short] = [Buffer.alloc(2 * bytesPerSecond), Buffer.alloc(1)];
    const both = async (call: Call): Promise<number> => {
      let go = (): void => {};
      const haveBegun = new Promise<void>((resolve) => {
        go = resolve;
      });
      async function* whenGoing(item: Uint8Array): AsyncGenerator<Uint8Array> {
        await haveBegun;
        yield item;
      }
      const sent = [
        call.upload(undefined, whenGoing(long)),
        call.upload(undefined, whenGoing(short)),
      ];
      await until(() => executions === sent.length);
      go();
      const [bytes] = await Promise.all(sent);
      return bytes as number;
    };
    const { bytes, connections } = await transferred(both, { stall: false, timeoutMs: 1_200 });
    expect([bytes, connections]).to.deep.equal([long.length, 1]);
  });

  for (const [what, transfer] of Object.entries(transfers)) {
    it(`the connection is kept: ${what}`, async function () {
      this.timeout(30_000);
      const results = await Promise.all([
        transferred(transfer, { stall: false }),
        transferred(transfer, {}),
      ]);
      for (const { bytes, replays } of results) {
        expect([bytes, replays]).to.deep.equal([count * itemBytes, 0]);
      }
      expect(results[0]?.connections).to.equal(1);
      expect(executions).to.equal(4);
    });
  }
});
