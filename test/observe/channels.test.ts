import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect } from 'chai';
import {
  type Client,
  type ClientAttemptMessage,
  type ClientCallMessage,
  type ClientLinkMessage,
  connect,
  memory,
  refuse,
  type Server,
  type ServerCallMessage,
  type ServerOptions,
  type ServerRefusalMessage,
  serve,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { verbs } from '../support/verbs.ts';

/** What was published, in order: the channel's name without `holdfast:`, and the message. */
interface Published {
  readonly name: string;
  readonly message: unknown;
}

const names = [
  'client:call:start',
  'client:call:error',
  'client:call:end',
  'client:attempt',
  'client:link:up',
  'client:link:down',
  'server:call:start',
  'server:call:error',
  'server:call:end',
  'server:refusal',
];

describe('The channels of node:diagnostics_channel', () => {
  const published: Published[] = [];
  const subscriptions: (() => void)[] = [];
  const current = new AsyncLocalStorage<string>();
  let client: Client<typeof verbs>;
  let server: Server;
  let isBusy: boolean;

  beforeEach(async () => {
    isBusy = false;
    const run = (name: string): string => {
      if (isBusy) {
        isBusy = false;
        throw refuse({ retryAfterMs: 0 });
      }
      if (name === 'bad') throw new Error('not that');
      return `${name} in ${current.getStore()}`;
    };
    await start(run);
  });

  afterEach(async () => {
    for (const undo of subscriptions.splice(0)) undo();
    await stop();
    published.length = 0;
  });

  async function start(
    run: (name: string) => string | Promise<string>,
    options: Omit<ServerOptions, 'listen'> = {},
  ): Promise<void> {
    const medium = memory();
    const handlers = { read: run, idempotent: run, semi: run, once: run, mutate: run };
    server = await serve(verbs, handlers, { ...options, listen: medium });
    client = connect(medium, verbs, { random: () => 0 });
  }

  async function stop(): Promise<void> {
    client.destroy();
    await client.closed;
    await server.close();
  }

  function listen(...some: readonly string[]): void {
    for (const name of some) {
      const note = (message: unknown): unknown => published.push({ name, message });
      subscribe(`holdfast:${name}`, note);
      subscriptions.push(() => unsubscribe(`holdfast:${name}`, note));
    }
  }

  function messages<Message>(name: string): Message[] {
    return published
      .filter((entry) => entry.name === name)
      .map(({ message }) => message as Message);
  }

  it("tell of a call's start within the caller's turn, and of its end, with one object", async () => {
    listen('client:call:start', 'client:call:error', 'client:call:end');
    isBusy = true;
    const call = client.call.read('x');
    expect(published.map(({ name }) => name)).to.deep.equal(['client:call:start']);
    await call;
    expect(published.map(({ name }) => name)).to.deep.equal([
      'client:call:start',
      'client:call:end',
    ]);
    const [start] = messages<ClientCallMessage>('client:call:start');
    expect(messages('client:call:end')[0]).to.equal(start);
    expect(start?.client).to.equal(client);
    expect(start?.verb).to.equal('read');
    expect(start?.attempts.map(({ evidence }) => evidence)).to.deep.equal(['refused', 'done']);
    expect(start?.durationMs).to.be.within(0, 5_000);
    expect(start).not.to.have.property('error');
  });

  it('tell of the error before the end', async () => {
    listen('client:call:start', 'client:call:error', 'client:call:end');
    const failure = await failureOf(client.call.read('bad'));
    expect(published.map(({ name }) => name)).to.deep.equal([
      'client:call:start',
      'client:call:error',
      'client:call:end',
    ]);
    expect(messages<ClientCallMessage>('client:call:error')[0]?.error).to.equal(failure);
  });

  it('tell of each attempt, with what the call was given', async () => {
    listen('client:call:start', 'client:attempt');
    isBusy = true;
    await client.call.read('x');
    const [start] = messages<ClientCallMessage>('client:call:start');
    const attempts = messages<ClientAttemptMessage>('client:attempt');
    expect(attempts.map(({ attempt }) => [attempt.number, attempt.decision])).to.deep.equal([
      [1, 'send-again'],
      [2, 'deliver'],
    ]);
    for (const { call, verb } of attempts) expect([call, verb]).to.deep.equal([start, 'read']);
  });

  it('tell of links', async () => {
    listen('client:link:up', 'client:link:down');
    await client.ready();
    await client.close();
    expect(published.map(({ name }) => name)).to.deep.equal(['client:link:up', 'client:link:down']);
    const [up, down] = published.map(({ message }) => message as ClientLinkMessage);
    expect(up?.link).to.match(/#1$/);
    expect([down?.link, down?.reason, down?.client]).to.deep.equal([up?.link, undefined, client]);
  });

  it("tell of a server's calls, with what the handler is given and how they ended", async () => {
    listen('server:call:start', 'server:call:error', 'server:call:end');
    await client.call.mutate('x');
    await failureOf(client.call.once('bad'));
    expect(published.map(({ name }) => name)).to.deep.equal([
      'server:call:start',
      'server:call:end',
      'server:call:start',
      'server:call:error',
      'server:call:end',
    ]);
    const [good, bad] = messages<ServerCallMessage>('server:call:end');
    expect([good?.server, good?.verb, good?.result]).to.deep.equal([server, 'mutate', 'reply']);
    expect(good?.call.attempt).to.equal(1);
    expect(good?.durationMs).to.be.within(0, 5_000);
    expect([bad?.verb, bad?.result]).to.deep.equal(['once', 'error']);
    expect(bad?.error).to.include({ message: 'not that' });
  });

  it('tell of a call whose caller has gone', async () => {
    listen('server:call:end');
    const controller = new AbortController();
    const began = new Promise<void>((resolve) => {
      const note = (): void => resolve();
      subscribe('holdfast:server:call:start', note);
      subscriptions.push(() => unsubscribe('holdfast:server:call:start', note));
    });
    const ended = new Promise<unknown>((resolve) => {
      subscribe('holdfast:server:call:end', resolve);
      subscriptions.push(() => unsubscribe('holdfast:server:call:end', resolve));
    });
    await stop();
    await start(() => new Promise(() => {}));
    const call = failureOf(client.call.read('x', { signal: controller.signal }));
    await began;
    controller.abort();
    await call;
    await ended;
    expect(messages<ServerCallMessage>('server:call:end')[0]?.result).to.equal('cancelled');
  });

  it('tell of calls that are not run', async () => {
    listen('server:call:start', 'server:refusal');
    await stop();
    await start(() => new Promise(() => {}), { maxIncomingBytes: 100 });
    await failureOf(client.call.read('x'.repeat(200)));
    expect(published.map(({ name }) => name)).to.deep.equal(['server:refusal']);
    const [refusal] = messages<ServerRefusalMessage>('server:refusal');
    expect([refusal?.verb, refusal?.error.code]).to.deep.equal([
      'read',
      'ERR_HOLDFAST_INCOMING_FULL',
    ]);
    expect(server.routes()[0]?.total).to.include({ calls: 0, attempts: 1, refusals: 1 });
  });

  it('run handlers within what is bound to them', async () => {
    const start = channel('holdfast:server:call:start');
    start.bindStore(current, (message) => `a span of ${(message as ServerCallMessage).verb}`);
    subscriptions.push(() => start.unbindStore(current));
    expect(await client.call.read('plain')).to.equal('plain in a span of read');
    expect(await client.call.once('kept')).to.equal('kept in a span of once');
  });

  it('say nothing about calls that began before anybody listened', async () => {
    const call = client.call.read('x');
    listen(...names);
    await call;
    expect(published.filter(({ name }) => name.startsWith('client:call'))).to.deep.equal([]);
  });
});
