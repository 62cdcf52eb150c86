import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  type Safety,
  type StateEvent,
  safeties,
} from '../../lib/index.ts';
import { closeTimeoutMs } from '../../lib/link/limits.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { expectFailure } from '../support/failing.ts';
import { lastingRoads } from '../support/lasting-roads.ts';
import { passingRoads } from '../support/passing-roads.ts';
import { type Directions, type Road, until } from '../support/road.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { verbs } from '../support/verbs.ts';

const run = promisify(execFile);

/** What a server that is gone cannot be asked, and what it leaves open. */
const unsafe: ReadonlySet<Safety> = new Set(['once', 'mutate']);

describe('The promises, over every medium', function () {
  // Many programs are started one after another; a call that fails says why before that.
  this.timeout(20_000);

  let bridge: Compiled;
  let server: Compiled;
  let idler: Compiled;

  before(async function () {
    this.timeout(30_000);
    [bridge, server, idler] = await Promise.all([
      compile('../../lib/cli/main.ts'),
      compile('./stdio-main.ts'),
      compile('./idle-main.ts'),
    ]);
  });

  after(() => Promise.all([bridge.remove(), server.remove(), idler.remove()]));

  for (const { name, deaths, isLasting, build } of [...lastingRoads, ...passingRoads]) {
    describe(name, () => {
      let road: Road;
      let clients: Client<typeof verbs>[];

      beforeEach(async () => {
        clients = [];
        road = await build({ bridge: bridge.path, server: server.path });
      });

      afterEach(async () => {
        road.release();
        for (const client of clients) client.destroy();
        await Promise.all(clients.map(({ closed }) => closed));
        await road.close();
      });

      function open(options: ClientOptions = {}): Client<typeof verbs> {
        const quick = { reconnectBaseMs: 1, reconnectCapMs: 5, timeoutMs: 8_000 };
        const client = connect(road.medium, verbs, { ...quick, ...options });
        clients.push(client);
        return client;
      }

      /** Holds what the callers were told against the server's own account. */
      function expectTruths(all: readonly Told[]): void {
        const executions = road.executions();
        for (const told of all) expectTruth(told, executions);
      }

      for (const how of deaths) {
        it(`costs no call when it dies idle and that is known (${how})`, async () => {
          const client = open();
          for (const safety of ['mutate', 'once'] as const) {
            await client.call.read(`before ${safety}`);
            const gone = lost(client);
            await road.die(how, client);
            await gone;
            expect(await client.call[safety](safety)).to.equal(`done ${safety}`);
            expect(road.executions().of(safety)).to.equal(1);
          }
          await client.close();
        });

        it(`executes nothing twice and tells the truth when it dies idle in the turn of the call (${how})`, async () => {
          const client = open();
          await client.call.read('before');
          const death = road.die(how, client);
          const calls = safeties.map((safety) =>
            toldOf(safety, safety, client.call[safety](safety)),
          );
          const told = await Promise.all(calls);
          await death;
          expectTruths(told);
          for (const one of told) {
            if (isLasting || !unsafe.has(one.safety)) expect(one.error).to.equal(undefined);
          }
          await client.close();
        });

        it(`${isLasting ? 'costs no call' : 'costs only what must not be repeated'} when it dies while calls run (${how})`, async () => {
          const client = open();
          await client.ready();
          const calls = safeties.map((safety) =>
            toldOf(safety, road.stalled(safety), road.stall(client, safety, safety)),
          );
          const names = safeties.map((safety) => road.stalled(safety));
          await until(() => names.every((one) => road.executions().of(one) > 0));
          const gone = lost(client);
          await road.die(how, client);
          await gone;
          // The answers come while the link is gone, or as soon as it is back.
          if (isLasting && how === deaths[0]) await client.ready();
          road.release();
          const told = await Promise.all(calls);
          expectTruths(told);
          const counts = names.map((one) => road.executions().of(one));
          const outcomes = told.map(outcomeOf);
          if (isLasting) {
            expect(outcomes).to.deep.equal(['done', 'done', 'done', 'done', 'done']);
            expect(counts.slice(1)).to.deep.equal([1, 1, 1, 1]);
          } else {
            expect(outcomes).to.deep.equal(['done', 'done', 'done', 'unknown', 'unknown']);
            expect(counts).to.deep.equal([2, 2, 2, 1, 1]);
          }
          await client.close();
        });
      }

      it('settles every call in time when nothing passes any more, and closes', async () => {
        const clock = new VirtualClock({ turns: 'real' });
        const client = open({ clock, timeoutMs: 300 });
        await client.call.read('before');
        road.silence();
        const calls = safeties.map((safety) => toldOf(safety, safety, client.call[safety](safety)));
        for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
        await clock.pass(290);
        expect(client.pending).to.equal(safeties.length);
        await clock.pass(20);
        const told = await Promise.all(calls);
        expect(told.map(outcomeOf)).to.deep.equal(safeties.map(() => 'unknown'));
        expectTruths(told);
        // Nobody answers the orderly end either.
        const closed = client.close();
        await clock.pass(closeTimeoutMs + 10);
        await closed;
      });

      it('finds the silence while calls wait, and goes on elsewhere', async () => {
        const client = open({ heartbeatMs: 50, heartbeatTimeoutMs: 300, verifyAfterMs: 60_000 });
        await client.call.read('before');
        road.silence();
        const calls = safeties.map((safety) => toldOf(safety, safety, client.call[safety](safety)));
        const told = await Promise.all(calls);
        expectTruths(told);
        for (const one of told) {
          const mustWork = isLasting || !unsafe.has(one.safety);
          expect(outcomeOf(one), one.name).to.equal(mustWork ? 'done' : 'unknown');
        }
        await client.close();
      });

      it('leaves the link at bytes that nobody asked for, shows them, and costs no call', async () => {
        const client = open();
        await client.ready();
        const gone = lost(client);
        await road.stray('Last login: today\n', client);
        expect((await gone)?.message).to.include('Last login');
        expect(await client.call.mutate('x')).to.equal('done x');
        expect(road.executions().of('x')).to.equal(1);
        await client.close();
      });

      it('shows what comes instead of a hello, for good', async () => {
        road.greetWith('Welcome to example!\n');
        const call = open().call.mutate('x');
        const error = await expectFailure(call, 'ERR_HOLDFAST_PROTOCOL', 'Welcome to example!');
        expect(error).to.include({ final: true, outcome: 'not-executed' });
        expect(road.executions().of('x')).to.equal(0);
      });

      it('shows no caller an error while servers drain, and executes everything once', async () => {
        const client = open();
        const names: string[] = [];
        let isOver = false;
        const load = async (who: number): Promise<void> => {
          for (let index = 0; !isOver; index++) {
            const safety = safeties[index % safeties.length] as Safety;
            const one = `${who} ${index}`;
            names.push(one);
            expect(await client.call[safety](one)).to.equal(`done ${one}`);
          }
        };
        const loads = [1, 2, 3, 4].map(load);
        const failed = Promise.all(loads);
        failed.catch(() => {});
        for (let restart = 0; restart < 3; restart++) {
          const goal = names.length + 30;
          await Promise.race([until(() => names.length >= goal), failed]);
          await road.restart(client);
        }
        isOver = true;
        await failed;
        const executions = road.executions();
        expect(names.filter((one) => executions.of(one) !== 1)).to.deep.equal([]);
        await client.close();
      });

      // No other process can go there.
      if (name === 'memory') return;

      it('does not keep a process alive that has nothing left to do', async () => {
        const { url, env } = road.directions as Directions;
        const options = { timeout: 25_000, env: { ...process.env, ...env } };
        for (const [what, text] of Object.entries({ call: 'done x', ready: 'ready' })) {
          const start = performance.now();
          const { stdout } = await run(process.execPath, [idler.path, url, what], options);
          expect(stdout.trim()).to.equal(text);
          // The deadlines of its calls are far away.
          expect(performance.now() - start).to.be.below(20_000);
          // What it has started is gone too.
          await until(() => road.running().length === 0);
        }
        expect(road.executions().of('x')).to.equal(1);
      });

      it('leaves no program behind when the process of the client is killed', async () => {
        const { url, env } = road.directions as Directions;
        const child = spawn(process.execPath, [idler.path, url, 'stay'], {
          env: { ...process.env, ...env },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const exited = once(child, 'exit');
        await once(child.stdout, 'data');
        const count = road.running().length;
        expect(count).to.equal(isLasting && !name.endsWith('bridge') ? 0 : 1);
        child.kill('SIGKILL');
        expect(await exited).to.deep.equal([null, 'SIGKILL']);
        await until(() => road.running().length === 0);
        // The server is not impressed.
        expect(await open().call.mutate('after')).to.equal('done after');
      });
    });
  }
});

/** Resolves when the link is gone, with the reason. */
function lost(client: Client<typeof verbs>): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const listen = ({ previous, reason }: StateEvent): void => {
      if (previous !== 'ready') return;
      client.off('state', listen);
      resolve(reason);
    };
    client.on('state', listen);
  });
}

function outcomeOf({ error }: Told): string {
  return error === undefined ? 'done' : (error as { outcome: string }).outcome;
}
