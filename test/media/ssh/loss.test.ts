import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Client,
  connect,
  defineVerbs,
  mutate,
  once as onceVerb,
  type ReplayEvent,
  read,
  type Server,
  serve,
} from '../../../lib/index.ts';
import { ssh } from '../../../lib/media/ssh.ts';
import { Breaker, type Line } from '../../support/breaker.ts';
import { Recorder, settled } from '../../support/recorder.ts';
import { type Extra, optionsFor } from '../../support/ssh-client.ts';
import { SshServer } from '../../support/ssh-server.ts';
import { expectTruth, type Told, toldOf } from '../../support/truth.ts';
import { Executions } from '../../support/verbs.ts';

const verbs = defineVerbs({
  read: read<string, string>(),
  once: onceVerb<string, string>(),
  mutate: mutate<string, string>(),
  large: mutate<Uint8Array, string>(),
});

type Small = 'read' | 'once' | 'mutate';
const smalls: readonly Small[] = ['read', 'once', 'mutate'];

describe('An ssh connection that is lost', () => {
  let folder: string;
  let ssh2Server: SshServer;
  let breaker: Breaker;
  let server: Server;
  let clients: Client<typeof verbs>[];
  let executions: Executions;
  /** Called when a handler begins; its reply waits for what is returned. */
  let onExecution: (name: string) => unknown;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    executions = new Executions();
    clients = [];
    onExecution = () => {};
    const run = async (name: string): Promise<string> => {
      executions.note(name);
      await onExecution(name);
      return `done ${name}`;
    };
    const handlers = { read: run, once: run, mutate: run, large: () => run('large') };
    server = await serve(verbs, handlers, { listen: `unix:${join(folder, 'socket')}` });
    ssh2Server = await SshServer.listen();
    breaker = await Breaker.before(`tcp://127.0.0.1:${ssh2Server.port}`);
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await breaker.close();
    await ssh2Server.close();
    await server.close();
    await rm(folder, { recursive: true });
  });

  function open(extra: Extra = {}): Client<typeof verbs> {
    const port = Number(new URL(breaker.url).port);
    const knownHosts = ssh2Server.knownHosts(port);
    const command = `join ${join(folder, 'socket')}`;
    const medium = ssh(optionsFor(ssh2Server, { port, knownHosts, command, ...extra }));
    const client = connect(medium, verbs, { reconnectBaseMs: 1, reconnectCapMs: 10 });
    clients.push(client);
    return client;
  }

  /** The client's word that its link is gone, with the reason. */
  async function lost(client: Client<typeof verbs>): Promise<Error | undefined> {
    for (;;) {
      const [event] = await once(client as unknown as NodeJS.EventEmitter, 'state');
      if (event.previous === 'ready') return event.reason;
    }
  }

  /** The server lives on and can be asked what became of a call. */
  function expectTold(told: Told): void {
    const { name, safety, error } = told;
    expectTruth(told, executions);
    expect(error, String(error)).to.equal(undefined);
    if (safety !== 'read') expect(executions.of(name), name).to.equal(1);
  }

  const ends: Readonly<Record<string, (line: Line) => void>> = {
    FIN: (line) => line.fin(),
    reset: (line) => line.reset(),
    'the end of the ssh server’s process': () => {
      for (const socket of ssh2Server.sockets) socket.destroy();
    },
    'the end of the command': () => {
      for (const channel of ssh2Server.channels) channel.end();
    },
  };

  for (const [how, end] of Object.entries(ends)) {
    it(`costs no call when it dies idle by ${how}, and each is executed once`, async () => {
      const client = open();
      for (let round = 0; round < 3; round++) {
        for (const verb of smalls) {
          await client.call.read(`first ${round} ${verb}`);
          const gone = lost(client);
          end(breaker.last);
          await gone;
          const name = `${round} ${verb}`;
          expect(await client.call[verb](name)).to.equal(`done ${name}`);
          expect(executions.of(name)).to.equal(1);
        }
      }
      expect(breaker.lines).to.have.length(10);
    });

    it(`tells the truth of every call that runs when it dies by ${how}`, async () => {
      const client = open();
      for (const verb of smalls) {
        const name = `running ${verb}`;
        const running = gate();
        onExecution = () => running.enter();
        const told = toldOf(verb, name, client.call[verb](name));
        await running.entered;
        const gone = lost(client);
        end(breaker.last);
        await gone;
        running.open();
        expectTold(await told);
      }
    });
  }

  it('tells a loss of the connection from an end of the command', async () => {
    const client = open();
    await client.ready();
    const first = lost(client);
    breaker.last.reset();
    expect((await first)?.message).to.match(
      /^The SSH connection to \S+ was lost: read ECONNRESET$/,
    );
    await client.ready();
    const second = lost(client);
    breaker.last.fin();
    expect((await second)?.message).to.match(/was lost: it was closed under the open channel$/);
    await client.ready();
    const third = lost(client);
    for (const channel of ssh2Server.channels) {
      channel.exit('SEGV', true, '');
      channel.end();
    }
    expect((await third)?.message).to.match(/^The remote command of \S+ was killed by SIGSEGV$/);
  });

  it('is found by the keepalive when nothing comes any more, idle as it is', async () => {
    const client = open({ keepaliveMs: 40, keepaliveCount: 1 });
    await client.ready();
    const gone = lost(client);
    breaker.last.stall();
    expect((await gone)?.message).to.match(/^Nothing was heard from \S+ for 80 ms, not even/);
    expect(await client.call.mutate('after')).to.equal('done after');
    expect(executions.counts()).to.deep.equal({ after: 1 });
  });

  for (const verb of smalls) {
    it(`is found by the keepalive while a ${verb} call runs, whose truth is told`, async () => {
      const client = open({ keepaliveMs: 40, keepaliveCount: 1 });
      await client.ready();
      const running = gate();
      onExecution = () => running.enter();
      const gone = lost(client);
      const told = toldOf(verb, 'running', client.call[verb]('running'));
      await running.entered;
      breaker.last.stall();
      await gone;
      running.open();
      expectTold(await told);
    });
  }

  it('is not taken for dead as long as the server answers the keepalive', async () => {
    const client = open({ keepaliveMs: 5, keepaliveCount: 20 });
    await client.ready();
    const line = breaker.last;
    const passed = line.passed;
    // More questions than may go without an answer.
    while (line.passed < passed + 4_000) await once(line.client, 'data');
    expect(breaker.lines).to.have.length(1);
    await client.call.mutate('still the first');
    expect(breaker.lines).to.have.length(1);
  });

  it('proves that a long call was not handed over when the far end had not room for it', async () => {
    const client = open();
    await client.call.read('first');
    const replays: ReplayEvent[] = [];
    client.on('replay', (event) => replays.push(event));
    // The far command reads no more: after its window is full, ssh2 keeps the rest.
    for (const channel of ssh2Server.channels) {
      channel.removeAllListeners('data');
      channel.pause();
    }
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'x');
    const call = client.call.large(bytes);
    await settled(() => breaker.last.passed);
    expect(breaker.last.passed).to.be.within(2_000_000, 5_000_000);
    breaker.last.reset();
    expect(await call).to.equal('done large');
    expect(executions.counts()).to.deep.equal({ first: 1, large: 1 });
    expect(replays.map(({ evidence }) => evidence)).to.deep.equal(['incomplete']);
  });

  it('says of the write that ssh2 still holds a part of that it was not taken', async () => {
    const port = Number(new URL(breaker.url).port);
    ssh2Server.commands.set('deaf', (channel) => channel.pause());
    const knownHosts = ssh2Server.knownHosts(port);
    const options = optionsFor(ssh2Server, { port, knownHosts, command: 'deaf' });
    for (const how of ['their end', 'our destroy'] as const) {
      const channel = await ssh(options).dial(new AbortController().signal);
      const user = new Recorder(channel);
      const reports: boolean[] = [];
      let closingsAtReport = -1;
      const write = (): void => {
        channel.write([Buffer.alloc(65_536)], (possibly) => {
          reports.push(possibly);
          closingsAtReport = user.closings;
          if (possibly) write();
        });
      };
      write();
      await settled(() => reports.length + breaker.last.passed);
      expect(reports.length).to.be.within(30, 80);
      if (how === 'their end') breaker.last.fin();
      else channel.destroy();
      await user.closed;
      expect(reports.at(-1), how).to.equal(false);
      expect(reports.indexOf(false)).to.equal(reports.length - 1);
      expect(closingsAtReport).to.equal(0);
    }
  });

  it('is told also to who had paused it, when it is destroyed or goes on', async () => {
    const port = Number(new URL(breaker.url).port);
    const knownHosts = ssh2Server.knownHosts(port);
    for (const how of ['destroy', 'resume'] as const) {
      const channel = await ssh(optionsFor(ssh2Server, { port, knownHosts })).dial(
        new AbortController().signal,
      );
      const user = new Recorder(channel);
      channel.write([Buffer.from('before')], () => {});
      await user.take(6);
      channel.pause();
      breaker.last.reset();
      while (!channel.dead) await new Promise((resolve) => setImmediate(resolve));
      await settled(() => user.closings);
      expect(user.closings).to.equal(0);
      channel[how]();
      const cause = await user.closed;
      if (how === 'resume') expect(cause?.message).to.match(/was lost: read ECONNRESET$/);
      else expect(cause).to.equal(undefined);
      await settled(() => user.closings);
      expect(user.closings).to.equal(1);
    }
  });

  it('is given no byte once its death is known, which ssh2 would throw away', async () => {
    const port = Number(new URL(breaker.url).port);
    const knownHosts = ssh2Server.knownHosts(port);
    const options = optionsFor(ssh2Server, { port, knownHosts });
    for (const end of [ends['FIN'], ends['reset']] as ((line: Line) => void)[]) {
      const channel = await ssh(options).dial(new AbortController().signal);
      const user = new Recorder(channel);
      end(breaker.last);
      const reports: boolean[] = [];
      while (!channel.dead) await new Promise((resolve) => setImmediate(resolve));
      channel.write([Buffer.from('x')], (possibly) => reports.push(possibly));
      await user.closed;
      await settled(() => reports.length);
      expect(reports).to.satisfy((all: boolean[]) => all.length <= 1 && !all.includes(true));
    }
  });
});

/** A place where a handler waits until the test lets it go on. */
function gate(): { enter(): Promise<void>; readonly entered: Promise<void>; open(): void } {
  let hasEntered: () => void = () => {};
  let open: () => void = () => {};
  const entered = new Promise<void>((resolve) => {
    hasEntered = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    entered,
    open,
    enter: () => {
      hasEntered();
      return opened;
    },
  };
}
