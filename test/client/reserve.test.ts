import { once as event } from 'node:events';
import { expect } from 'chai';
import { type Client, connect, type Server, serve, tcp } from '../../lib/index.ts';
import type { Channel, Medium } from '../../lib/media/medium.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { Middleman } from '../support/middleman.ts';
import { settled } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

describe('A channel in reserve', () => {
  let clock: VirtualClock;
  let server: Server;
  let path: Middleman;
  let client: Client<typeof verbs>;
  let channels: Channel[];
  let isDeaf: boolean;

  beforeEach(async () => {
    clock = new VirtualClock({ turns: 'real' });
    server = await serve(verbs, new Executions().handlers(), { listen: 'tcp://127.0.0.1:0' });
    path = await Middleman.before(server.urls[0] as string);
    channels = [];
    isDeaf = false;
    const through = tcp({ port: path.port });
    const medium: Medium = {
      address: through.address,
      losesPackets: true,
      async dial(signal) {
        if (isDeaf) await event(signal, 'abort');
        signal.throwIfAborted();
        const channel = await through.dial(signal);
        channels.push(channel);
        return channel;
      },
    };
    const options = { clock, random: () => 0.9, reconnectBaseMs: 1_000, stall: { afterMs: 20 } };
    client = connect(medium, verbs, { ...options, timeoutMs: 600_000 });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await path.close();
    await server.close();
  });

  async function passUntil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await settled(() => channels.length);
      if (!isOver()) await clock.pass(4);
    }
  }

  it('is closed with the client, also when a link has come round that was silent', async () => {
    await client.ready();
    // A link that was of no use, and connects that get no answer.
    const lost = new Promise((resolve) => client.on('state', resolve));
    path.last.destroy();
    await lost;
    isDeaf = true;
    let isReady = false;
    const ready = client.ready().then(() => {
      isReady = true;
    });
    await passUntil(() => clock.now() > 4_000);
    isDeaf = false;
    await passUntil(() => isReady);
    await ready;
    await passUntil(() => channels.filter(({ dead }) => !dead).length === 2);
    for (const line of path.lines) line.halt('down');
    let isStalled = false;
    client.on('reconnecting', () => {
      isStalled = true;
    });
    const call = client.call.mutate('x');
    await passUntil(() => isStalled);
    for (const line of path.lines) line.resume('down');
    expect(await call).to.equal('done x');
    client.destroy();
    await client.closed;
    await settled(() => channels.length);
    expect(channels.map(({ dead }) => dead)).to.deep.equal(channels.map(() => true));
  });
});
