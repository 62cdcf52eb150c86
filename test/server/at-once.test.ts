import { Socket } from 'node:net';
import { expect } from 'chai';
import sinon from 'sinon';
import {
  type Client,
  connect,
  defineVerbs,
  type Handlers,
  read,
  type Server,
  serve,
} from '../../lib/index.ts';

const verbs = defineVerbs({ now: read<void, string>(), later: read<void, string>() });

interface Met {
  readonly server: Server;
  readonly client: Client<typeof verbs>;
}

describe('Answers that are there at once', () => {
  let met: Met[] = [];

  async function meet(handlers: Handlers<typeof verbs>): Promise<Met> {
    const server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    const client = connect(server.urls[0] as string, verbs);
    met.push({ server, client });
    await client.ready();
    return { server, client };
  }

  afterEach(async () => {
    sinon.restore();
    for (const { server, client } of met) {
      await client.close();
      await server.close();
    }
    met = [];
  });

  it('leave in one write, before anything else has its turn', async () => {
    let handled = 0;
    let ticks = 0;
    const handlers = {
      now: () => {
        handled++;
        process.nextTick(() => ticks++);
        return 'answer';
      },
      later: async () => 'answer',
    };
    const { server, client } = await meet(handlers);
    const port = Number(new URL(server.urls[0] as string).port);
    const writes: { handled: number; ticks: number }[] = [];
    const { write } = Socket.prototype;
    sinon.replace(Socket.prototype, 'write', function (this: Socket, ...given: unknown[]) {
      if (this.localPort === port) writes.push({ handled, ticks });
      return (write as (...all: unknown[]) => boolean).apply(this, given);
    } as typeof write);
    const answers = await Promise.all([client.call.now(), client.call.now(), client.call.now()]);
    expect(answers).to.deep.equal(['answer', 'answer', 'answer']);
    expect(writes).to.deep.equal([{ handled: 3, ticks: 0 }]);
  });

  it('do not keep back those that come later', async () => {
    const handlers = { now: () => 'now', later: () => Promise.resolve('later') };
    const { call } = (await meet(handlers)).client;
    expect(await Promise.all([call.later(), call.now(), call.later()])).to.deep.equal([
      'later',
      'now',
      'later',
    ]);
  });
});
