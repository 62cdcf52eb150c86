import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { drainOnSignals, memory, type Server, serve } from '../../lib/index.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import type { DrainTask } from '../support/drain-main.ts';
import { expectFailure } from '../support/failing.ts';
import { Lines } from '../support/lines.ts';
import { Executions, verbs } from '../support/verbs.ts';

const wrongs: readonly (readonly [options: unknown, text: RegExp])[] = [
  [
    { signals: [] },
    /Option "signals" must be a list of signals, e\.g\. \["SIGTERM"\], got an array/,
  ],
  [{ signals: 'SIGTERM' }, /Option "signals" must be a list/],
  [{ signals: ['term'] }, /Option "signals" must be a list/],
  [{ signals: ['SIGTERMM'] }, /Unknown signal "SIGTERMM"; did you mean "SIGTERM"\?/],
  [{ signals: ['SIGKILL'] }, /Signal "SIGKILL" cannot be handled/],
  [{ timeoutMs: 0 }, /Option "timeoutMs" must be a number of milliseconds from 1/],
  [{ onDrained: 1 }, /Option "onDrained" must be a function/],
  [{ signal: ['SIGTERM'] }, /Unknown drain option "signal"; did you mean "signals"\?/],
];

describe('Draining on signals', () => {
  let program: Compiled;
  let children: ChildProcess[];

  before(async function () {
    this.timeout(30_000);
    program = await compile('./drain-main.ts');
  });

  after(() => program.remove());

  beforeEach(() => {
    children = [];
  });

  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  /** A program at work, told by its lines and its end. */
  async function start(task: DrainTask, run: readonly string[] = [program.path]) {
    const child = spawn(process.execPath, [...run, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const lines = Lines.ofStream(child.stdout as Readable);
    expect(await lines.next()).to.equal('ready');
    return { child, ended, lines };
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`finishes what runs at ${signal}, and ends the process with 0`, async function () {
      this.timeout(20_000);
      const asItIs = [
        '--import=tsx',
        fileURLToPath(new URL('../support/drain-main.ts', import.meta.url)),
      ];
      const { child, ended, lines } = await start({ servers: [{ callMs: 30 }] }, asItIs);
      child.kill(signal);
      expect(await lines.next()).to.equal('call 0 done');
      expect(await ended).to.deep.equal([0, null]);
    });
  }

  it('ends the process with the code that was set', async () => {
    const { child, ended } = await start({ servers: [{}], exitCode: 7 });
    child.kill();
    expect(await ended).to.deep.equal([7, null]);
  });

  it('cuts what is not done in time', async () => {
    const servers = [{ callMs: 60_000, options: { timeoutMs: 20 } }];
    const { child, ended } = await start({ servers });
    child.kill();
    expect(await ended).to.deep.equal([0, null]);
  });

  it('closes at once at a second signal, of whichever kind', async () => {
    const { child, ended } = await start({ servers: [{ callMs: 60_000 }] });
    child.kill('SIGTERM');
    child.kill('SIGINT');
    expect(await ended).to.deep.equal([0, null]);
  });

  it('leaves a third signal to the system', async () => {
    const onDrained = { print: 'late', afterMs: 60_000 };
    const { child, ended } = await start({ servers: [{ callMs: 60_000, onDrained }] });
    child.kill('SIGTERM');
    child.kill('SIGINT');
    const repeat = setInterval(() => child.kill('SIGTERM'), 20);
    expect(await ended).to.deep.equal([null, 'SIGTERM']);
    clearInterval(repeat);
  });

  it('leaves the end to the program that wants to be told', async () => {
    const onDrained = { print: 'drained' };
    const servers = [{ callMs: 60_000, options: { timeoutMs: 20 }, onDrained }];
    const { child, ended, lines } = await start({ servers });
    child.kill();
    expect(await lines.next()).to.equal('drained 1');
    // The handlers are gone then: now it is an ordinary process, which its handler keeps alive.
    const repeat = setInterval(() => child.kill(), 20);
    expect(await ended).to.deep.equal([null, 'SIGTERM']);
    clearInterval(repeat);
  });

  it('shows what the program throws then', async () => {
    const { child, ended } = await start({ servers: [{ onDrained: { fail: 'oh' } }] });
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    child.kill();
    expect((await ended)[0]).to.equal(1);
    expect(said).to.include('Error: oh');
  });

  it('drains several servers at a time, and ends the process with the last of them', async () => {
    const quick = { callMs: 10 };
    const slow = { callMs: 100, onDrained: { print: 'drained', afterMs: 50 } };
    const { child, ended, lines } = await start({ servers: [quick, slow, {}] });
    child.kill();
    expect([await lines.next(), await lines.next(), await lines.next()]).to.deep.equal([
      'call 0 done',
      'call 1 done',
      'drained 0',
    ]);
    expect(await ended).to.deep.equal([0, null]);
  });

  it('takes its handlers off', async () => {
    const { child, ended } = await start({ servers: [{ callMs: 60_000, isOff: true }] });
    child.kill('SIGINT');
    expect(await ended).to.deep.equal([null, 'SIGINT']);
  });

  it('handles no other signals than it is told', async () => {
    const options = { signals: ['SIGUSR2'] as const };
    const servers = [{ callMs: 30, options }];
    const one = await start({ servers });
    one.child.kill('SIGTERM');
    expect(await one.ended).to.deep.equal([null, 'SIGTERM']);
    const other = await start({ servers });
    other.child.kill('SIGUSR2');
    expect(await other.ended).to.deep.equal([0, null]);
  });

  it('does not keep the process alive', async () => {
    const { ended } = await start({ servers: [{}], isClosed: true });
    expect(await ended).to.deep.equal([0, null]);
  });

  it('leaves no trace in this process, also with many servers', async () => {
    const before = process.listenerCount('SIGTERM');
    const warnings: Error[] = [];
    const note = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', note);
    const here = Array.from({ length: 15 }, () => memory());
    const handlers = new Executions().handlers();
    const servers: Server[] = [];
    for (const listen of here) servers.push(await serve(verbs, handlers, { listen }));
    const offs = servers.map((server) => drainOnSignals(server));
    for (const off of [...offs, ...offs]) off();
    await Promise.all(servers.map((server) => server.close()));
    process.removeListener('warning', note);
    expect(process.listenerCount('SIGTERM')).to.equal(before);
    expect(warnings).to.deep.equal([]);
  });

  for (const [options, text] of wrongs) {
    it(`refuses the options ${JSON.stringify(options)}`, async () => {
      const server = { drain: async () => ({ cut: [] }), close: async () => {} };
      const before = process.listenerCount('SIGTERM');
      await expectFailure(
        () => drainOnSignals(server, options as object),
        'ERR_HOLDFAST_OPTION',
        text,
      );
      expect(process.listenerCount('SIGTERM')).to.equal(before);
    });
  }
});
