import { expect } from 'chai';
import { type Client, connect, type Server, serve } from '../../lib/index.ts';
import { all, Gate } from '../support/gate.ts';
import { Middleman } from '../support/middleman.ts';
import { settled } from '../support/recorder.ts';
import { verbs } from '../support/verbs.ts';

/** More than `maxAttempts` allows, and the retry budget. */
const losses = 10;

describe('A read whose links are lost again and again', () => {
  let gate: Gate;
  let server: Server;
  let path: Middleman;
  let client: Client<typeof verbs>;

  beforeEach(async () => {
    gate = new Gate();
    server = await serve(verbs, all(gate.handler), { listen: 'tcp://127.0.0.1:0' });
    path = await Middleman.before(server.urls[0] as string);
    const url = `tcp://127.0.0.1:${path.port}`;
    client = connect(url, verbs, { random: () => 0, maxAttempts: 2, stall: false });
    await client.ready();
  });

  afterEach(async () => {
    gate.release();
    client.destroy();
    await client.closed;
    await server.close();
    await path.close();
  });

  /** The client has lost its link, and another is up. */
  async function resumed(): Promise<void> {
    const { length } = path.lines;
    path.last.destroy();
    while (path.lines.length === length) await new Promise(setImmediate);
    await client.ready();
    await settled(() => path.lines.length);
  }

  it('is executed no more often for that while its handler runs', async () => {
    const call = client.withHistory.read('list');
    await gate.executed(1);
    for (let loss = 0; loss < losses; loss++) await resumed();
    gate.release();
    const { value, attempts } = await call;
    expect(value).to.equal('done list');
    expect(gate.executions.of('list')).to.equal(1);
    const seen = attempts.map(({ evidence }) => evidence);
    expect(seen.filter((evidence) => evidence === 'handed-over')).to.have.length(1);
    expect(seen.filter((evidence) => evidence === 'running')).to.have.length(losses - 1);
  });

  it('gets the recorded answer of its second attempt, at the cost of no third', async () => {
    gate.release();
    // Of what comes down nothing passes but hellos.
    path.onLine = (line) => void line.passedDown(1).then(() => line.halt('down'));
    path.last.halt('down');
    const call = client.withHistory.read('list');
    await gate.executed(1);
    path.last.destroy();
    await gate.executed(2);
    await settled(() => gate.executions.total);
    path.onLine = () => {};
    path.last.destroy();
    const { value, attempts } = await call;
    expect(value).to.equal('done list');
    expect(gate.executions.of('list')).to.equal(2);
    expect(attempts.map(({ evidence }) => evidence)).to.deep.equal(['handed-over', 'done', 'done']);
  });

  it('is sent again at no cost where it is proven that the attempt before never ran', async () => {
    gate.release();
    path.last.halt('down');
    const call = client.withHistory.read('list');
    await gate.executed(1);
    let stuck = 0;
    path.onLine = (line) => {
      // The hello passes, and the call does not.
      if (++stuck <= losses) void line.passedDown(1).then(() => line.halt('up'));
    };
    path.last.destroy();
    for (let loss = 0; loss < losses; loss++) {
      while (path.lines.length < loss + 2) await new Promise(setImmediate);
      await client.ready();
      await settled(() => path.lines.length);
      path.last.destroy();
    }
    const { value, attempts } = await call;
    expect(value).to.equal('done list');
    expect(gate.executions.of('list')).to.equal(2);
    expect(attempts.filter(({ evidence }) => evidence === 'never')).to.have.length(losses);
  });
});
