import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Client, type ClientOptions, connect, safeties } from '../../lib/index.ts';
import { pipe } from '../../lib/media/pipe.ts';
import { blockLoop, blockWhile } from '../support/busy.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { failureOf } from '../support/failure.ts';
import { ended, isAlive, isRunning } from '../support/processes.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';

/** So often each idle death is played. */
const rounds = 3;

describe('A program behind a pipe that dies', () => {
  let server: Compiled;
  let middle: Compiled;
  let folder: string;
  let log: string;
  let client: Client<typeof verbs>;

  before(async function () {
    this.timeout(30_000);
    [server, middle] = await Promise.all([
      compile('./stdio-main.ts'),
      compile('./pipe-client-main.ts'),
    ]);
  });

  after(() => Promise.all([server.remove(), middle.remove()]));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    log = join(folder, 'log');
    await writeFile(log, '');
    client = open();
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    // A program that was cut off may just leave its last note there.
    await rm(folder, { recursive: true, maxRetries: 10 });
  });

  function open(options: ClientOptions = {}): Client<typeof verbs> {
    const args = [server.path, log];
    const medium = pipe({ command: process.execPath, args, termAfterMs: 20, killAfterMs: 20 });
    return connect(medium, verbs, { reconnectBaseMs: 1, reconnectCapMs: 5, ...options });
  }

  /** What the programs have executed, by their own account. */
  function executions(): Executions {
    const all = new Executions();
    for (const line of readFileSync(log, 'utf8').split('\n')) all.note(line);
    return all;
  }

  async function pidOf(one: Client<typeof verbs>): Promise<number> {
    return Number(await one.call.read('pid'));
  }

  /** Resolves when a program has begun to execute all of these. */
  async function begun(names: readonly string[]): Promise<void> {
    while (names.some((name) => executions().of(name) === 0)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** How a program ends; `exit` is its own doing. */
  const deaths: Readonly<Record<string, (pid: number) => unknown>> = {
    SIGKILL: (pid) => process.kill(pid, 'SIGKILL'),
    SIGTERM: (pid) => process.kill(pid, 'SIGTERM'),
    'exit with 0': () => client.call.read('exit-soon 0'),
    'exit with 3': () => client.call.read('exit-soon 3'),
  };

  for (const [death, die] of Object.entries(deaths)) {
    it(`costs no call when it is idle and our event loop is blocked (${death})`, async () => {
      for (let round = 0; round < rounds; round++) {
        const pid = await pidOf(client);
        await die(pid);
        blockWhile(() => isRunning(pid));
        const name = `after ${death} ${round}`;
        expect(await client.call.mutate(name)).to.equal(`done ${name}`);
        expect(executions().of(name)).to.equal(1);
      }
    });
  }

  it('says how it died in the errors of the calls that it costs', async () => {
    const pid = await pidOf(client);
    const call = failureOf(client.call.mutate('stall x'));
    await begun(['stall x']);
    process.kill(pid, 'SIGKILL');
    const error = await call;
    expect(error).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
    expect(error.message).to.include('was killed by SIGKILL');
    const own = await failureOf(client.call.mutate('exit 9'));
    expect(own.message).to.include('exited with code 9');
    expect(own.outcome).to.equal('unknown');
    expect(executions().of('exit 9')).to.equal(1);
  });

  describe('by halves: it is stopped', () => {
    const quick = { heartbeatMs: 100, heartbeatTimeoutMs: 400 };

    it('costs a call that was sent into the silence only if that must not be repeated', async () => {
      const hasty = open(quick);
      const pid = await pidOf(hasty);
      process.kill(pid, 'SIGSTOP');
      const calls = safeties.map((safety) => toldOf(safety, safety, hasty.call[safety](safety)));
      const told = await Promise.all(calls);
      const record = executions();
      for (const one of told) expectTruth(one, record);
      expect(told.map(outcomeOf)).to.deep.equal(['done', 'done', 'done', 'unknown', 'unknown']);
      // Stopped as it is, it is ended all the same: what it has not read it never will.
      await ended(pid, isAlive);
      expect(safeties.map((safety) => executions().of(safety))).to.deep.equal([1, 1, 1, 0, 0]);
      await hasty.close();
    });

    it('costs nothing when it is asked for a sign of life first', async () => {
      const wary = open({ ...quick, verifyAfterMs: 1 });
      const pid = await pidOf(wary);
      process.kill(pid, 'SIGSTOP');
      blockLoop(10);
      expect(await wary.call.mutate('x')).to.equal('done x');
      expect(executions().of('x')).to.equal(1);
      await ended(pid, isAlive);
      await wary.close();
    });

    it('costs nothing when it goes on in time', async () => {
      const pid = await pidOf(client);
      process.kill(pid, 'SIGSTOP');
      const call = client.call.mutate('x');
      blockLoop(20);
      process.kill(pid, 'SIGCONT');
      expect(await call).to.equal('done x');
      expect(await pidOf(client)).to.equal(pid);
    });
  });

  it('is waited for by a client that closes, though nothing else keeps that alive', async () => {
    const args = [middle.path, 'close', server.path, log];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    let text = '';
    for await (const chunk of child.stdout) text += String(chunk);
    expect(await exited).to.deep.equal([0, null]);
    expect(text).to.match(/^\d+\nclosed\n$/);
    expect(readFileSync(`${log}.end`, 'utf8')).to.equal('0');
  });

  it('does not outlive a client that ends before it could be made to, if it was asked to', async () => {
    const args = [middle.path, 'hurry', server.path, log, 'deaf'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    let text = '';
    for await (const chunk of child.stdout) text += String(chunk);
    expect(await exited).to.deep.equal([0, null]);
    await ended(Number(text.split('\n')[0]));
  });

  describe('or whose client dies', () => {
    /** Starts a client in a process of its own; resolves when it has made its call. */
    async function startMiddle(what: 'stay' | 'leave', way: string): Promise<() => Promise<void>> {
      const args = [middle.path, what, server.path, log, way];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      await once(child.stdout, 'data');
      return async () => {
        if (what === 'stay') child.kill('SIGKILL');
        await exited;
      };
    }

    /** The exit code of the program, when it has ended by itself. */
    async function endOfServer(): Promise<string> {
      while (!existsSync(`${log}.end`) || readFileSync(`${log}.end`, 'utf8') === '') {
        await new Promise((resolve) => setImmediate(resolve));
      }
      return readFileSync(`${log}.end`, 'utf8');
    }

    it('ends by itself when its client is killed', async () => {
      const end = await startMiddle('stay', 'plain');
      await end();
      expect(await endOfServer()).to.equal('0');
    });

    it('does not keep its client alive, and does not outlive it when it listens to signals only', async () => {
      const end = await startMiddle('leave', 'stubborn');
      await end();
      expect(await endOfServer()).to.equal('15');
    });
  });
});

function outcomeOf({ error }: Told): string {
  return error === undefined ? 'done' : (error as { outcome: string }).outcome;
}
