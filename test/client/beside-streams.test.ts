import { expect } from 'chai';
import { type Client, connect, mutate, read, type Server, serve, tcp } from '../../lib/index.ts';
import { FaultMedium } from '../../lib/testing/index.ts';
import { until } from '../support/road.ts';

const verbs = {
  watch: read.serverStream<void, string>(),
  put: mutate<string, string>(),
  slow: mutate<string, string>(),
};

describe('A stream that goes on and on', () => {
  let server: Server;
  let medium: FaultMedium;
  let clients: Client<typeof verbs>[];
  let answer: (() => void) | undefined;

  beforeEach(async () => {
    clients = [];
    answer = undefined;
    server = await serve(
      verbs,
      {
        async *watch(_, { signal }) {
          yield 'first';
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
        put: (text) => text,
        slow: (text) =>
          new Promise((resolve) => {
            answer = () => resolve(text);
          }),
      },
      // Room for the answers to a few calls only.
      { listen: 'tcp://127.0.0.1:0', maxRecordedBytes: 200_000 },
    );
    const { hostname, port } = new URL(server.urls[0] as string);
    medium = new FaultMedium(tcp({ host: hostname, port: Number(port) }));
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await server.close();
    medium.destroy();
  });

  function client(): Client<typeof verbs> {
    const made = connect(medium, verbs, { random: () => 0, reconnectBaseMs: 1, reconnectCapMs: 1 });
    clients.push(made);
    return made;
  }

  it('does not take from other calls the answers that are kept for lost connections', async () => {
    const watching = client();
    const items = watching.call.watch()[Symbol.asyncIterator]();
    expect((await items.next()).value).to.equal('first');
    const text = 'x'.repeat(1_000);
    for (let made = 0; made < 400; made++) expect(await watching.call.put(text)).to.equal(text);
    // The answer comes while there is no connection.
    const other = client();
    const slow = other.call.slow(text);
    await until(() => answer !== undefined);
    medium.last.reset();
    await until(() => other.state !== 'ready');
    answer?.();
    expect(await slow).to.equal(text);
    expect(watching.pending).to.equal(1);
  });
});
