import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Client, connect } from '../../lib/index.ts';
import { pipe } from '../../lib/media/pipe.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { failureOf } from '../support/failure.ts';
import { allEnded } from '../support/listed-processes.ts';
import { lostLink } from '../support/lost-link.ts';
import { needPrograms } from '../support/programs.ts';
import { RemoteServer } from '../support/remote-server.ts';
import { toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';

const options = {
  heartbeatMs: 300,
  heartbeatTimeoutMs: 600,
  // A call that must not be repeated asks first whether anybody is there.
  verifyAfterMs: 0,
  dialTimeoutMs: 1_000,
  reconnectBaseMs: 5,
  reconnectCapMs: 50,
};

/** For a busy machine. */
const marginMs = 1_000;

const detectionMs = options.heartbeatMs + options.heartbeatTimeoutMs + marginMs;

const classes = ['read', 'once', 'mutate'] as const;

/** Between processes of one machine the path cannot be silent, but the peer can. */
describe('A peer whose process is stopped', () => {
  let folder: string;
  let client: Client<typeof verbs>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await allEnded(folder, 5_000);
    await rm(folder, { recursive: true });
  });

  /** Resolves with how long it takes until the link is known to be lost. */
  async function lostIn(): Promise<number> {
    const start = performance.now();
    await lostLink(client);
    return performance.now() - start;
  }

  for (const name of ['unix', 'tcp'] as const) {
    describe(`by ${name}`, () => {
      let server: RemoteServer;

      beforeEach(async () => {
        const url = name === 'unix' ? `unix:${join(folder, 'socket')}` : 'tcp://127.0.0.1:0';
        server = await RemoteServer.start({ listen: [url] });
        client = connect(server.urls[0] as string, verbs, options);
      });

      afterEach(async () => {
        process.kill(server.pid, 'SIGCONT');
        await server.stop();
      });

      it('is noticed in time while calls run, and they are finished when it goes on', async () => {
        const names = classes.map((safety) => `held ${safety}`);
        const calls = classes.map((safety) => client.call[safety](`held ${safety}`));
        await server.begun(names);
        const gone = lostIn();
        process.kill(server.pid, 'SIGSTOP');
        expect(await gone).to.be.within(options.heartbeatTimeoutMs, detectionMs);
        process.kill(server.pid, 'SIGCONT');
        // The read runs once more, on the new connection.
        const ending = Promise.all(calls);
        while (client.state !== 'ready') await new Promise((resolve) => setTimeout(resolve, 5));
        await server.release();
        expect(await ending).to.deep.equal(names.map((one) => `done ${one}`));
        const counts = await server.executions();
        expect(counts['held once']).to.equal(1);
        expect(counts['held mutate']).to.equal(1);
      });

      it('is noticed in time before an idle connection is used, and costs no call', async () => {
        await client.call.read('first');
        process.kill(server.pid, 'SIGSTOP');
        const gone = lostIn();
        const calls = (['mutate', 'once'] as const).map((safety) => client.call[safety](safety));
        expect(await gone).to.be.below(options.heartbeatTimeoutMs + marginMs);
        process.kill(server.pid, 'SIGCONT');
        expect(await Promise.all(calls)).to.deep.equal(['done mutate', 'done once']);
        expect(await server.executions()).to.include({ mutate: 1, once: 1 });
      });

      it('costs who dials only the calls whose time is over, and they are not executed', async () => {
        process.kill(server.pid, 'SIGSTOP');
        const patient = client.call.mutate('patient');
        const start = performance.now();
        const error = await failureOf(client.call.mutate('hasty', { timeoutMs: 600 }));
        expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
        expect(performance.now() - start).to.be.within(590, 600 + marginMs);
        process.kill(server.pid, 'SIGCONT');
        expect(await patient).to.equal('done patient');
        expect(await server.executions()).to.deep.equal({ patient: 1 });
      });
    });
  }

  describe('by pipe', () => {
    let program: Compiled;
    let log: string;

    before(async function () {
      needPrograms(this, 'ps');
      program = await compile('./stdio-main.ts');
    });

    after(() => program?.remove());

    beforeEach(async () => {
      log = join(folder, 'log');
      await writeFile(log, '');
      const manners = { termAfterMs: 50, killAfterMs: 50 };
      const medium = pipe({ command: process.execPath, args: [program.path, log], ...manners });
      client = connect(medium, verbs, { ...options, dialTimeoutMs: 5_000 });
    });

    /** By the programs' own account. */
    function executions(): Executions {
      const all = new Executions();
      for (const line of readFileSync(log, 'utf8').split('\n')) all.note(line);
      return all;
    }

    it('is noticed in time while calls run, is killed, and costs only what must not be repeated', async () => {
      const pid = Number(await client.call.read('pid'));
      const names = classes.map((safety) => `stall ${safety}`);
      const calls = classes.map((safety, index) => {
        const name = names[index] as string;
        return toldOf(safety, name, client.call[safety](name));
      });
      while (names.some((name) => executions().of(name) === 0)) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const gone = lostIn();
      process.kill(pid, 'SIGSTOP');
      expect(await gone).to.be.within(options.heartbeatTimeoutMs, detectionMs);
      const [ofRead, ...others] = await Promise.all(calls);
      expect(ofRead?.value).to.equal('done stall read');
      for (const { error } of others) {
        expect(error).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
      }
      expect(names.map((name) => executions().of(name))).to.deep.equal([2, 1, 1]);
      expect(await client.call.mutate('after')).to.equal('done after');
      expect(executions().of('after')).to.equal(1);
    });

    it('is noticed in time before an idle program is used, and costs no call', async () => {
      const pid = Number(await client.call.read('pid'));
      process.kill(pid, 'SIGSTOP');
      const gone = lostIn();
      const calls = (['mutate', 'once'] as const).map((safety) => client.call[safety](safety));
      expect(await gone).to.be.below(options.heartbeatTimeoutMs + marginMs);
      expect(await Promise.all(calls)).to.deep.equal(['done mutate', 'done once']);
      expect([executions().of('mutate'), executions().of('once')]).to.deep.equal([1, 1]);
      expect(Number(await client.call.read('pid'))).not.to.equal(pid);
    });

    it('that never says hello costs calls their time, and is not left behind', async () => {
      client.destroy();
      // A name for the process by which it is found.
      const args = ['-c', 'kill -STOP $$', join(folder, 'silent')];
      const medium = pipe({ command: '/bin/sh', args, termAfterMs: 20, killAfterMs: 20 });
      client = connect(medium, verbs, options);
      const start = performance.now();
      const error = await failureOf(client.call.mutate('x', { timeoutMs: 600 }));
      expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
      expect(performance.now() - start).to.be.below(600 + marginMs);
    });
  });
});
