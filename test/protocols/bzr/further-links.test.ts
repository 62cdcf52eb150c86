import type { Socket } from 'node:net';
import { expect } from 'chai';
import {
  type Channel,
  type Client,
  type ClientOptions,
  connect,
  type Medium,
  type Protocol,
  serve,
} from '../../../lib/index.ts';
import { mediumOf } from '../../../lib/media/url.ts';
import { type BzrVerbs, bzr, bzrVerbs } from '../../../lib/protocols/bzr/index.ts';
import { answerOf, BzrPeer, type PeerRequest } from '../../support/bzr-peer.ts';
import { failureOf } from '../../support/failure.ts';
import { Gate } from '../../support/gate.ts';
import { verbs } from '../../support/verbs.ts';

/** A request that waits for its answer. */
interface Waiting {
  readonly request: PeerRequest;
  readonly socket: Socket;
}

describe('Further links', () => {
  let peer: BzrPeer;
  let clients: Pick<Client, 'destroy' | 'closed'>[];
  let waiting: Waiting[];
  let wake: () => void;

  beforeEach(async () => {
    peer = await BzrPeer.start();
    clients = [];
    waiting = [];
    wake = () => {};
    peer.answer = (request, socket) => {
      waiting.push({ request, socket });
      wake();
      return undefined;
    };
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await peer.close();
    expect(peer.unseenBytes).to.equal(0);
  });

  function open(
    options: ClientOptions<BzrVerbs> = {},
    target: string | Medium = peer.url,
  ): Client<BzrVerbs> {
    const quick = { reconnectBaseMs: 1, reconnectCapMs: 1, retryBudget: false } as const;
    const client = connect(target, bzrVerbs, {
      protocol: bzr(),
      maxLinks: 3,
      ...quick,
      ...options,
    });
    clients.push(client);
    return client;
  }

  /** Resolves when so many requests wait at the server. */
  async function arrived(count: number): Promise<void> {
    while (waiting.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  /** Answers the oldest request. */
  function answerOne(): void {
    const { request, socket } = waiting.shift() as Waiting;
    socket.write(answerOf([request.args[0] ?? '']));
  }

  it('leave each other alone, also by a protocol that names the server and not the link', async () => {
    const protocol: Protocol = {
      ...bzr(),
      clientWire: (sink, hello) => bzr().clientWire(sink, hello),
    };
    const client = open({ protocol });
    const calls = ['a', 'b'].map((name) => client.call['Branch.lock_write']({ args: [name] }));
    await arrived(2);
    answerOne();
    answerOne();
    expect((await Promise.all(calls)).map((reply) => reply.text(0))).to.deep.equal(['a', 'b']);
    expect(peer.executed.length).to.equal(2);
  });

  it('carry what would have to wait, up to the limit', async () => {
    const client = open();
    const names = Array.from({ length: 7 }, (_, index) => `${index}`);
    const calls = names.map((name) => client.call.append({ args: [name] }));
    await arrived(3);
    expect([peer.sockets.length, peer.executed.length]).to.deep.equal([3, 3]);
    for (let answered = 0; answered < names.length; answered++) {
      await arrived(1);
      answerOne();
    }
    const replies = await Promise.all(calls);
    expect(replies.map((reply) => reply.text(0))).to.deep.equal(names);
    expect([peer.sockets.length, peer.executed.length]).to.deep.equal([3, 7]);
  });

  it('are not made while the first is enough, nor without the option', async () => {
    const [one, three] = [open({ maxLinks: 1 }), open()];
    const calls = [one.call.get({ args: ['a'] }), one.call.get({ args: ['b'] })];
    await arrived(1);
    answerOne();
    await arrived(1);
    answerOne();
    await Promise.all(calls);
    expect(peer.sockets).to.have.length(1);
    for (const name of ['a', 'b', 'c']) {
      const call = three.call.get({ args: [name] });
      await arrived(1);
      answerOne();
      await call;
    }
    expect(peer.sockets).to.have.length(2);
  });

  it('go on when the first is lost, and one of them takes its place', async () => {
    const client = open();
    const states: string[] = [];
    client.on('state', ({ next }) => void states.push(next));
    const calls = ['a', 'b', 'c'].map((name) => client.call.append({ args: [name] }));
    await arrived(3);
    const [first] = waiting.splice(0, 1) as [Waiting];
    expect(first.socket).to.equal(peer.sockets[0]);
    first.socket.destroy();
    const lost = await failureOf(calls[0] as Promise<unknown>);
    expect(lost).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
    answerOne();
    answerOne();
    expect((await calls[1])?.text(0)).to.equal('b');
    expect((await calls[2])?.text(0)).to.equal('c');
    const next = client.call.append({ args: ['d'] });
    await arrived(1);
    answerOne();
    await next;
    expect([peer.sockets.length, states]).to.deep.equal([3, ['connecting', 'ready']]);
  });

  it('are replaced when they are lost, and their repeatable calls made again', async () => {
    const client = open();
    const calls = ['a', 'b', 'c'].map((name) => client.call.get({ args: [name] }));
    await arrived(3);
    for (const { socket } of waiting.splice(0)) socket.resetAndDestroy();
    await arrived(3);
    for (let answered = 0; answered < 3; answered++) answerOne();
    const replies = await Promise.all(calls);
    expect(replies.map((reply) => reply.text(0))).to.deep.equal(['a', 'b', 'c']);
    expect([peer.sockets.length, peer.count('get')]).to.deep.equal([6, 6]);
  });

  it('end with the call that is given up, and no other', async () => {
    const client = open();
    const gone = new AbortController();
    const given = client.call.append({ args: ['given'] }, { signal: gone.signal });
    const kept = client.call.append({ args: ['kept'] });
    await arrived(2);
    gone.abort();
    expect(await failureOf(given)).to.include({ code: 'ERR_HOLDFAST_ABORTED' });
    waiting = waiting.filter(({ request }) => request.args[0] === 'kept');
    answerOne();
    expect((await kept).text(0)).to.equal('kept');
    expect(peer.executed).to.have.length(2);
  });

  it('fail no call when they cannot be made', async () => {
    const medium = mediumOf(peer.url);
    let dials = 0;
    const refusing: Medium = {
      address: medium.address,
      dial: (signal): Promise<Channel> =>
        ++dials === 1 ? medium.dial(signal) : Promise.reject(new Error('No more')),
    };
    const client = open({}, refusing);
    const calls = ['a', 'b', 'c'].map((name) => client.call.append({ args: [name] }));
    for (let answered = 0; answered < 3; answered++) {
      await arrived(1);
      answerOne();
    }
    const replies = await Promise.all(calls);
    expect(replies.map((reply) => reply.text(0))).to.deep.equal(['a', 'b', 'c']);
    expect(peer.sockets).to.have.length(1);
    expect(dials).to.be.above(1);
  });

  it('are closed with their client, once their calls have ended', async () => {
    const client = open();
    const calls = ['a', 'b'].map((name) => client.call.get({ args: [name] }));
    await arrived(2);
    const closing = client.close();
    answerOne();
    answerOne();
    await Promise.all(calls);
    await closing;
    expect(peer.sockets).to.have.length(2);
  });

  it('are not made by a protocol with sessions: a session has one link', async () => {
    const gate = new Gate();
    const handlers = Object.fromEntries(Object.keys(verbs).map((name) => [name, gate.handler]));
    const server = await serve(verbs, handlers as never, {
      listen: 'tcp://127.0.0.1:0',
      maxCalls: 1,
    });
    const client = connect(server.urls[0] as string, verbs, { maxLinks: 3 });
    let links = 0;
    client.on('state', ({ next }) => {
      if (next === 'connecting') links++;
    });
    const calls = ['a', 'b'].map((name) => client.call.read(name));
    await gate.executed(1);
    gate.release();
    await Promise.all(calls);
    expect(links).to.equal(1);
    await client.close();
    await server.close();
  });
});
