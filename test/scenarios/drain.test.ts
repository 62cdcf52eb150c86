import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Client,
  connect,
  isHoldfastError,
  memory,
  type Server,
  serve,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { Executions, verbs } from '../support/verbs.ts';

const classes = ['read', 'idempotent', 'semi', 'once', 'mutate'] as const;

describe('Promise 7: a server that drains loses nothing', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
  });

  after(() => rm(folder, { recursive: true }));

  /** Handlers that take a few turns, so that calls are always under way. */
  function slowHandlers(executions: Executions): Parameters<typeof serve<typeof verbs>>[1] {
    const slow = async (name: string): Promise<string> => {
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      return executions.note(name);
    };
    return { read: slow, idempotent: slow, semi: slow, once: slow, mutate: slow };
  }

  /** Listens as soon as the predecessor has let the address go. */
  async function successor(executions: Executions, listen: string): Promise<Server> {
    for (let tries = 0; ; tries++) {
      try {
        return await serve(verbs, slowHandlers(executions), { listen });
      } catch (error) {
        if (!isHoldfastError(error) || error.code !== 'ERR_HOLDFAST_LISTEN' || tries > 200)
          throw error;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  for (const medium of ['tcp', 'unix'] as const) {
    it(`shows no caller an error and executes everything once through 20 restarts over ${medium}`, async function () {
      this.timeout(30_000);
      const executions = new Executions();
      const first = medium === 'tcp' ? 'tcp://127.0.0.1:0' : `unix:${join(folder, 'drain')}`;
      let server = await serve(verbs, slowHandlers(executions), { listen: first });
      const url = server.urls[0] as string;
      const clients = [1, 2, 3].map(() =>
        connect(url, verbs, { reconnectBaseMs: 1, reconnectCapMs: 5 }),
      );
      let isOver = false;
      const names: string[] = [];
      /** Calls one after the other until the restarts are over. */
      const load = async (client: Client<typeof verbs>, who: string): Promise<void> => {
        for (let index = 0; !isOver; index++) {
          const verb = classes[index % classes.length] as (typeof classes)[number];
          const name = `${who} ${index}`;
          names.push(name);
          expect(await client.call[verb](name)).to.equal(`done ${name}`);
        }
      };
      const loads = clients.flatMap((client, one) =>
        [1, 2, 3, 4].map((other) => load(client, `${one}.${other}`)),
      );
      for (let restart = 0; restart < 20; restart++) {
        const goal = names.length + 100;
        while (names.length < goal) await new Promise((resolve) => setImmediate(resolve));
        const drained = server.drain();
        server = await successor(executions, url);
        expect((await drained).cut).to.deep.equal([]);
      }
      isOver = true;
      await Promise.all(loads);
      expect(names.filter((name) => executions.of(name) !== 1)).to.deep.equal([]);
      await Promise.all(clients.map((client) => client.close()));
      await server.close();
    });
  }

  it('finishes what it accepted and lets idle clients go at once', async () => {
    const here = memory();
    let release: (value: string) => void = () => {};
    const executions = new Executions();
    const handlers = {
      ...executions.handlers(),
      mutate: () =>
        new Promise<string>((resolve) => {
          release = resolve;
        }),
    };
    const server = await serve(verbs, handlers, { listen: here });
    const idle = connect(here, verbs);
    const busy = connect(here, verbs);
    const left = new Promise((resolve) => idle.once('draining', resolve));
    await idle.call.read('x');
    await busy.ready();
    const call = busy.call.mutate('y');
    while (busy.pending > 0 && executions.total < 1) await new Promise(setImmediate);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    const drained = server.drain();
    await left;
    while (server.connections > 1) await new Promise(setImmediate);
    release('finished');
    expect(await call).to.equal('finished');
    expect((await drained).cut).to.deep.equal([]);
    await idle.close();
    await busy.close();
  });

  it('refuses calls that come behind its last line, so that they wait for its successor', async () => {
    const here = memory();
    let release: (value: string) => void = () => {};
    const before = new Executions();
    const executions = new Executions();
    const old = await serve(
      verbs,
      {
        ...before.handlers(),
        read: () =>
          new Promise<string>((resolve) => {
            release = resolve;
          }),
      },
      { listen: here },
    );
    const client = connect(here, verbs, { reconnectBaseMs: 1, reconnectCapMs: 2 });
    await client.ready();
    const running = client.call.read('x');
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    const drained = old.drain({ noticeMs: 0 });
    // Made in the same turn, it crosses the notice on its way.
    const crossing = client.call.mutate('y');
    const next = await serve(verbs, executions.handlers(), { listen: here });
    expect(await crossing).to.equal('done y');
    release('finished');
    expect(await running).to.equal('finished');
    await drained;
    expect([before.of('y'), executions.of('y')]).to.deep.equal([0, 1]);
    await client.close();
    await next.close();
  });

  it('takes calls until there is another link, and loses none of them', async () => {
    const here = memory();
    const executions = new Executions();
    let release: (value: string) => void = () => {};
    const handlers = {
      ...executions.handlers(),
      semi: () =>
        new Promise<string>((resolve) => {
          release = resolve;
        }),
    };
    const old = await serve(verbs, handlers, { listen: here });
    const client = connect(here, verbs, { reconnectBaseMs: 1, reconnectCapMs: 2 });
    const running = client.call.semi('keeps the old link');
    await client.call.read('x');
    const told = new Promise((resolve) => client.once('draining', resolve));
    const drained = old.drain({ noticeMs: 5_000 });
    await told;
    // Nobody else listens, so there is no link but the one that goes.
    expect(await client.call.mutate('y')).to.equal('done y');
    expect(client.state).to.equal('ready');
    const after = new Executions();
    const next = await serve(verbs, after.handlers(), { listen: here });
    while (after.total === 0) await client.call.mutate(`z ${after.total}`);
    release('finished');
    expect(await running).to.equal('finished');
    expect((await drained).cut).to.deep.equal([]);
    expect(executions.of('y')).to.equal(1);
    await client.close();
    await next.close();
  });

  it('finishes what it runs for a client whose connection is lost meanwhile', async () => {
    const executions = new Executions();
    let release: () => void = () => {};
    const handlers = {
      ...executions.handlers(),
      mutate: async (name: string) => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return executions.note(name);
      },
    };
    const server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    const client = connect(server.urls[0] as string, verbs);
    const call = failureOf(client.call.mutate('x'));
    await client.call.read('begun');
    const drained = server.drain();
    client.destroy();
    await call;
    while (server.connections > 0) await new Promise(setImmediate);
    expect(executions.of('x')).to.equal(0);
    release();
    expect((await drained).cut).to.deep.equal([]);
    expect(executions.of('x')).to.equal(1);
  });

  it('answers pings to the end, so that no heartbeat gives up a call that is finished', async () => {
    const here = memory();
    const executions = new Executions();
    let release: (value: string) => void = () => {};
    const handlers = {
      ...executions.handlers(),
      mutate: () =>
        new Promise<string>((resolve) => {
          release = resolve;
        }),
    };
    const server = await serve(verbs, handlers, { listen: here });
    const clock = new VirtualClock({ turns: 'real' });
    const client = connect(here, verbs, { clock, heartbeatMs: 50, heartbeatTimeoutMs: 50 });
    const call = client.call.mutate('x');
    await client.call.read('begun');
    const drained = server.drain({ noticeMs: 0 });
    // Many times what a heartbeat may take.
    for (let step = 0; step < 40; step++) {
      await clock.pass(25);
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    }
    expect(server.connections).to.equal(1);
    release('finished');
    expect(await call).to.equal('finished');
    expect((await drained).cut).to.deep.equal([]);
    await client.close();
  });

  it('tells many clients one after the other, and draws the line for all in time', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const here = memory();
    const never = () => new Promise<string>(() => {});
    const executions = new Executions();
    const handlers = { ...executions.handlers(), mutate: never };
    const server = await serve(verbs, handlers, { listen: here, clock });
    const clients = Array.from({ length: 200 }, () => connect(here, verbs, { timeoutMs: 5_000 }));
    let told = 0;
    for (const client of clients) client.on('draining', () => told++);
    const calls = clients.map((client) => failureOf(client.call.mutate('x')));
    await Promise.all(clients.map((client) => client.call.read('begun')));
    const drained = server.drain({ timeoutMs: 1_000, noticeMs: 400 });
    await clock.pass(50);
    expect(told).to.be.within(20, 100);
    await clock.pass(200);
    expect(told).to.equal(200);
    await clock.pass(800);
    expect((await drained).cut).to.have.lengthOf(200);
    for (const client of clients) client.destroy();
    await Promise.all(calls);
  });

  it('is bounded in time, and reports what was cut', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const here = memory();
    let aborted = false;
    const executions = new Executions();
    const handlers = {
      ...executions.handlers(),
      mutate: (_name: string, { signal }: { signal: AbortSignal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise<string>(() => {});
      },
    };
    const server = await serve(verbs, handlers, { listen: here, clock });
    // The server is gone for good, so nobody can say what became of the call.
    const client = connect(here, verbs, { timeoutMs: 500 });
    await client.ready();
    const call = failureOf(client.call.mutate('x'));
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    const drained = server.drain({ timeoutMs: 1_000 });
    await clock.pass(900);
    expect(server.connections).to.equal(1);
    await clock.pass(200);
    const { cut } = await drained;
    expect(cut.map(({ verb, outcome }) => [verb, outcome])).to.deep.equal([['mutate', 'unknown']]);
    expect(await call).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'unknown' });
    expect(aborted).to.equal(true);
    await client.close();
  });
});
