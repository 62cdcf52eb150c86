import { once } from 'node:events';
import { expect } from 'chai';
import { type Client, connect, type Safety, type Server, serve } from '../../lib/index.ts';
import { blockLoop } from '../support/busy.ts';
import { Haproxy, type HaproxyOptions } from '../support/haproxy.ts';
import { HeldHandlers } from '../support/held-handlers.ts';
import { lostLink } from '../support/lost-link.ts';
import { needPrograms } from '../support/programs.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { verbs } from '../support/verbs.ts';

const rounds = 50;
const idleMs = 100;
const classes: readonly Safety[] = ['read', 'idempotent', 'semi', 'once', 'mutate'];

describe('Behind a real HAProxy', () => {
  let handlers: HeldHandlers;
  let server: Server;
  let haproxy: Haproxy;
  let client: Client<typeof verbs>;

  before(function () {
    needPrograms(this, 'haproxy', 'ps');
  });

  beforeEach(async () => {
    handlers = new HeldHandlers();
    server = await serve(verbs, handlers.all, { listen: 'tcp://127.0.0.1:0' });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await haproxy.stop();
    await server.close();
  });

  async function open(options: HaproxyOptions): Promise<void> {
    haproxy = await Haproxy.before(server.urls[0] as string, options);
    client = connect(haproxy.url, verbs, { reconnectBaseMs: 10, reconnectCapMs: 50 });
  }

  function countsOfRounds(): number[] {
    return Array.from({ length: rounds }, (_, round) => handlers.executions.of(`${round}`));
  }

  it(`makes ${rounds} of ${rounds} mutate calls after it has closed the idle connection`, async () => {
    await open({ idleMs });
    for (let round = 0; round < rounds; round++) {
      const gone = lostLink(client);
      expect(await client.call.mutate(`${round}`)).to.equal(`done ${round}`);
      await gone;
    }
    expect(countsOfRounds()).to.deep.equal(Array(rounds).fill(1));
  });

  it(`makes ${rounds} of ${rounds} mutate calls at once after our loop was busy while it closed`, async () => {
    await open({ idleMs });
    for (let round = 0; round < rounds; round++) {
      expect(await client.call.mutate(`${round}`)).to.equal(`done ${round}`);
      // The end of the connection arrives now, and we cannot see it.
      blockLoop(1.5 * idleMs);
    }
    expect(countsOfRounds()).to.deep.equal(Array(rounds).fill(1));
  });

  it('finishes calls that take longer than it keeps a silent connection, each executed once', async () => {
    await open({ idleMs });
    const names = classes.map((safety) => `held ${safety}`);
    const calls = classes.map((safety) => client.call[safety](`held ${safety}`));
    await handlers.begun(names);
    for (let loss = 0; loss < 3; loss++) await lostLink(client);
    handlers.release();
    expect(await Promise.all(calls)).to.deep.equal(names.map((name) => `done ${name}`));
    // That a read is executed again would do no harm; but its server says that it runs.
    expect(names.map((name) => handlers.executions.of(name))).to.deep.equal([1, 1, 1, 1, 1]);
  });

  it('costs nothing and is not even noticed when it is reloaded and the old process finishes', async () => {
    await open({ idleMs: 20_000 });
    const call = client.call.mutate('held x');
    await handlers.begun(['held x']);
    const old = haproxy.workers();
    let losses = 0;
    client.on('state', () => losses++);
    await haproxy.reload();
    expect(haproxy.workers()).to.have.length(old.length + 1);
    for (const safety of classes)
      expect(await client.call[safety](safety)).to.equal(`done ${safety}`);
    handlers.release();
    expect(await call).to.equal('done held x');
    expect(losses).to.equal(0);
    expect(haproxy.workers()).to.include.members(old);
    client.destroy();
    await when(() => haproxy.workers().length === old.length);
    for (const name of ['held x', ...classes]) expect(handlers.executions.of(name)).to.equal(1);
  });

  /** What happens to it under load. */
  const ends: Readonly<Record<string, () => Promise<void>>> = {
    'reloaded, and the old process is stopped hard': () => haproxy.reload(),
    'killed, and started again': async () => {
      await haproxy.kill();
      await haproxy.start();
    },
  };

  for (const [what, end] of Object.entries(ends)) {
    it(`tells the truth, and repeats and loses nothing, when under load it is ${what}`, async () => {
      await open({ idleMs: 2_000, hardStopMs: 200 });
      const told: Told[] = [];
      let isOver = false;
      const load = async (who: number): Promise<void> => {
        for (let index = 0; !isOver; index++) {
          const safety = classes[index % classes.length] as Safety;
          const name = `${who}/${index}`;
          told.push(await toldOf(safety, name, client.call[safety](name)));
        }
      };
      const loads = [1, 2, 3, 4].map(load);
      for (let time = 0; time < 4; time++) {
        const goal = told.length + 500;
        await when(() => told.length >= goal);
        const gone = lostLink(client);
        await end();
        await gone;
      }
      isOver = true;
      await Promise.all(loads);
      for (const one of told) {
        expectTruth(one, handlers.executions);
        expect(one.error, one.name).to.equal(undefined);
      }
    });
  }

  it('is waited for while it is down, and loses no call when it comes back', async () => {
    await open({ idleMs: 2_000 });
    await client.call.read('first');
    await haproxy.kill();
    const calls = classes.map((safety) => client.call[safety](safety));
    await once(client as unknown as NodeJS.EventEmitter, 'reconnecting');
    await haproxy.start();
    expect(await Promise.all(calls)).to.deep.equal(classes.map((safety) => `done ${safety}`));
    for (const safety of classes) expect(handlers.executions.of(safety)).to.equal(1);
  });
});

/** Turns the event loop until something is so. */
async function when(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}
