import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { type Client, connect, isHoldfastError, type Server, serve } from '../../lib/index.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { HeldHandlers } from '../support/held-handlers.ts';
import { allEnded, signal } from '../support/listed-processes.ts';
import { lostLink } from '../support/lost-link.ts';
import { needPrograms } from '../support/programs.ts';
import { localSshs, sshMedium } from '../support/ssh-scene.ts';
import { Sshd } from '../support/sshd.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';

const classes = ['read', 'once', 'mutate'] as const;

const options = {
  heartbeatMs: 200,
  heartbeatTimeoutMs: 500,
  // A call that must not be repeated asks first whether anybody is there.
  verifyAfterMs: 0,
  reconnectBaseMs: 5,
  reconnectCapMs: 50,
};

/** Heartbeat, its answer's time, and something for a busy machine. */
const detectionMs = options.heartbeatMs + options.heartbeatTimeoutMs + 1_000;

/** What happens to an SSH connection; what is only stopped is told to nobody. */
const losses = {
  'its remote sshd is killed': (sshd: Sshd) => sshd.killSessions(),
  'its remote sshd is stopped': (sshd: Sshd) => sshd.stopSessions(),
  'sshd is restarted': async (sshd: Sshd) => {
    const pids = sshd.sessions();
    await sshd.leave();
    for (const pid of pids) signal(pid, 'SIGKILL');
    // Listens again only after a dial or two have failed.
    setTimeout(() => void sshd.listen(), 50);
  },
  'the local ssh is killed': (sshd: Sshd) => signalLocal(sshd, 'SIGKILL'),
  'the local ssh is stopped': (sshd: Sshd) => signalLocal(sshd, 'SIGSTOP'),
} as const;

function signalLocal(sshd: Sshd, name: NodeJS.Signals): void {
  const pids = localSshs(sshd);
  expect(pids, 'local ssh').to.have.length(1);
  for (const pid of pids) signal(pid, name);
}

const lossesOf = {
  ssh: ['its remote sshd is killed', 'its remote sshd is stopped', 'sshd is restarted'],
  openssh: Object.keys(losses) as (keyof typeof losses)[],
} as const;

describe('An SSH connection that is lost', () => {
  let programs: Compiled[];
  let sshd: Sshd;
  let client: Client<typeof verbs>;

  before(async function () {
    needPrograms(this, 'sshd', 'ssh', 'ssh-keygen', 'ps');
    programs = await Promise.all([compile('./stdio-main.ts'), compile('../../lib/cli/main.ts')]);
  });

  after(() => Promise.all((programs ?? []).map((program) => program.remove())));

  beforeEach(async () => {
    sshd = await Sshd.start();
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await sshd.stop();
  });

  async function open(name: keyof typeof lossesOf, args: readonly string[]): Promise<void> {
    const command = [process.execPath, ...args].map((one) => `'${one}'`).join(' ');
    client = connect(await sshMedium(sshd, name, { command }), verbs, options);
    await client.ready();
  }

  for (const name of ['ssh', 'openssh'] as const) {
    describe(`to a server that it runs itself, by ${name}`, () => {
      let log: string;

      beforeEach(async () => {
        log = sshd.path('executions');
        await writeFile(log, '');
        await open(name, [programs[0]?.path ?? '', log]);
      });

      /** By the programs' own account. */
      function executions(): Executions {
        const all = new Executions();
        for (const line of readFileSync(log, 'utf8').split('\n')) all.note(line);
        return all;
      }

      for (const loss of lossesOf[name]) {
        it(`costs an idle client nothing when ${loss}`, async () => {
          await client.call.read('first');
          await losses[loss](sshd);
          for (const safety of ['mutate', 'once'] as const) {
            expect(await client.call[safety](safety)).to.equal(`done ${safety}`);
            expect(executions().of(safety)).to.equal(1);
          }
        });

        it(`costs only the calls that must not be repeated when ${loss}`, async () => {
          const names = classes.map((safety) => `stall ${safety}`);
          const calls = classes.map((safety) =>
            toldOf(safety, `stall ${safety}`, client.call[safety](`stall ${safety}`)),
          );
          while (names.some((one) => executions().of(one) === 0)) {
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
          const gone = lostIn();
          await losses[loss](sshd);
          expect(await gone).to.be.below(detectionMs);
          const told = await Promise.all(calls);
          const record = executions();
          for (const one of told) expectTruth(one, record);
          // The server is gone with what it knew; nobody can tell what became of them.
          expect(told.map(wordOf)).to.deep.equal(['done', 'unknown', 'unknown']);
          expect(names.map((one) => record.of(one))).to.deep.equal([2, 1, 1]);
          expect(await client.call.mutate('after')).to.equal('done after');
          expect(executions().of('after')).to.equal(1);
        });
      }
    });

    describe(`to a server that outlives it, by a bridge and ${name}`, () => {
      let server: Server;
      let handlers: HeldHandlers;

      beforeEach(async () => {
        handlers = new HeldHandlers();
        const url = `unix:${sshd.path('socket')}`;
        server = await serve(verbs, handlers.all, { listen: url });
        await open(name, [programs[1]?.path ?? '', 'bridge', url]);
      });

      afterEach(() => server.close());

      for (const loss of lossesOf[name]) {
        it(`costs an idle client nothing when ${loss}`, async () => {
          await client.call.read('first');
          await losses[loss](sshd);
          for (const safety of ['mutate', 'once'] as const) {
            expect(await client.call[safety](safety)).to.equal(`done ${safety}`);
            expect(handlers.executions.of(safety)).to.equal(1);
          }
        });

        it(`costs no call that runs: the session resumes when ${loss}`, async () => {
          const names = classes.map((safety) => `held ${safety}`);
          const calls = classes.map((safety) =>
            toldOf(safety, `held ${safety}`, client.call[safety](`held ${safety}`)),
          );
          await handlers.begun(names);
          const gone = lostIn();
          await losses[loss](sshd);
          expect(await gone).to.be.below(detectionMs);
          handlers.release();
          const told = await Promise.all(calls);
          expect(told.map(wordOf)).to.deep.equal(['done', 'done', 'done']);
          for (const one of told) expectTruth(one, handlers.executions);
          expect(handlers.executions.of('held once')).to.equal(1);
          expect(handlers.executions.of('held mutate')).to.equal(1);
          expect(await client.call.mutate('after')).to.equal('done after');
          expect(handlers.executions.of('after')).to.equal(1);
        });

        // Of the others the client is told sooner than a handler can reply.
        if (!loss.endsWith('is stopped')) continue;

        it(`costs no call that ended meanwhile: its result is delivered when ${loss}`, async () => {
          const calls = classes.map((safety) =>
            toldOf(safety, `held ${safety}`, client.call[safety](`held ${safety}`)),
          );
          await handlers.begun(classes.map((safety) => `held ${safety}`));
          await losses[loss](sshd);
          // Before the client can know: the replies go to a connection that carries nothing.
          handlers.release();
          const told = await Promise.all(calls);
          expect(told.map(wordOf)).to.deep.equal(['done', 'done', 'done']);
          for (const one of told) expectTruth(one, handlers.executions);
        });
      }
    });
  }

  it('leaves no process behind, at either end', async () => {
    const log = sshd.path('executions');
    await writeFile(log, '');
    await open('openssh', [programs[0]?.path ?? '', log]);
    void toldOf('mutate', 'stall x', client.call.mutate('stall x'));
    client.destroy();
    await client.closed;
    await allEnded(log, 3_000);
    expect(localSshs(sshd)).to.deep.equal([]);
  });

  /** How long it takes until the link is known to be lost. */
  async function lostIn(): Promise<number> {
    const start = performance.now();
    await lostLink(client);
    return performance.now() - start;
  }
});

/** `done`, or the outcome that the caller was told, and why. */
function wordOf({ error }: Told): string {
  if (error === undefined) return 'done';
  if (!isHoldfastError(error)) return String(error);
  return error.code === 'ERR_HOLDFAST_LOST' ? error.outcome : String(error);
}
