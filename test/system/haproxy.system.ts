import { expect } from 'chai';
import { type Client, connect, type Safety, type Server, serve } from '../../lib/index.ts';
import { Haproxy } from '../support/haproxy.ts';
import { needPrograms } from '../support/programs.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';

const rounds = 50;
const idleMs = 200;

describe('Behind a real HAProxy that closes idle connections', () => {
  let executions: Executions;
  let server: Server;
  let haproxy: Haproxy;
  let client: Client<typeof verbs>;

  before(function () {
    needPrograms(this, 'haproxy');
  });

  beforeEach(async () => {
    executions = new Executions();
    server = await serve(verbs, executions.handlers(), { listen: 'tcp://127.0.0.1:0' });
    haproxy = await Haproxy.before(server.urls[0] as string, idleMs);
    client = connect(haproxy.url, verbs);
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await haproxy.stop();
    await server.close();
  });

  it(`makes ${rounds} of ${rounds} mutate calls after it has closed the idle connection`, async () => {
    for (let round = 0; round < rounds; round++) {
      const idle = new Promise<void>((resolve) => {
        client.once('state', function listen({ next }): void {
          if (next === 'idle') resolve();
          else client.once('state', listen);
        });
      });
      expect(await client.call.mutate(`${round}`)).to.equal(`done ${round}`);
      await idle;
    }
    const counts = Array.from({ length: rounds }, (_, round) => executions.of(`${round}`));
    expect(counts).to.deep.equal(Array(rounds).fill(1));
  });

  it(`makes ${rounds} of ${rounds} mutate calls at once after our loop was busy while it closed`, async () => {
    for (let round = 0; round < rounds; round++) {
      expect(await client.call.mutate(`${round}`)).to.equal(`done ${round}`);
      const until = performance.now() + 1.5 * idleMs;
      while (performance.now() < until) {
        // The end of the connection arrives now, and we cannot see it.
      }
    }
    const counts = Array.from({ length: rounds }, (_, round) => executions.of(`${round}`));
    expect(counts).to.deep.equal(Array(rounds).fill(1));
  });

  it('tells the truth and repeats nothing while it is reloaded and stopped hard under load', async () => {
    const classes: readonly Safety[] = ['read', 'idempotent', 'semi', 'once', 'mutate'];
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
    for (let reload = 0; reload < 5; reload++) {
      const goal = told.length + 500;
      while (told.length < goal) await new Promise((resolve) => setImmediate(resolve));
      haproxy.reload();
      await new Promise((resolve) => client.once('state', resolve));
    }
    isOver = true;
    await Promise.all(loads);
    for (const one of told) expectTruth(one, executions);
    for (const { safety, error } of told)
      if (safety !== 'mutate') expect(error).to.equal(undefined);
  });
});
