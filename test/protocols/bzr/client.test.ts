import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  defineVerbs,
  HoldfastError,
  type Medium,
  mutate,
  once as onceVerb,
  type RemoteFailure,
  read,
  tcp,
} from '../../../lib/index.ts';
import { type BzrReply, type BzrVerbs, bzr, bzrVerbs } from '../../../lib/protocols/bzr/index.ts';
import { encodeRequest } from '../../../lib/protocols/bzr/request.ts';
import { FaultMedium } from '../../../lib/testing/index.ts';
import { answerOf, BzrPeer, messageOf, type PeerRequest, part } from '../../support/bzr-peer.ts';
import { failureOf } from '../../support/failure.ts';
import { lostLink } from '../../support/lost-link.ts';

describe('A client of a Bazaar server', () => {
  let peer: BzrPeer;
  let clients: Pick<Client, 'destroy' | 'closed'>[];

  beforeEach(async () => {
    peer = await BzrPeer.start();
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await peer.close();
    expect(peer.unseenBytes, 'bytes that the server could not see').to.equal(0);
  });

  function open(
    target: string | Medium = peer.url,
    options: ClientOptions<BzrVerbs> = {},
  ): Client<BzrVerbs> {
    const client = connect(target, bzrVerbs, {
      protocol: bzr(),
      reconnectBaseMs: 1,
      retryBudget: false,
      ...options,
    });
    clients.push(client);
    return client;
  }

  /** Answers the first requests so, and all others with `ok`. */
  function answerFirst(...answers: readonly (typeof peer.answer)[]): void {
    const rest = [...answers];
    peer.answer = (request, socket) => (rest.shift() ?? (() => answerOf(['ok'])))(request, socket);
  }

  it('gives arguments and bodies, and gets them', async () => {
    peer.answer = ({ args, body }) => answerOf(['ok', ...args, 7], { body: [body, '!'] });
    const reply = await open().call.put({ args: ['a', 'ü'], body: 'content' });
    expect([0, 1, 2, 3].map((index) => reply.text(index))).to.deep.equal(['ok', 'a', 'ü', '7']);
    expect(reply.body.toString()).to.equal('content!');
  });

  it('has one request on its link at a time, however many wait', async () => {
    let atATime = 0;
    peer.answer = ({ args }, socket) => {
      atATime++;
      expect(atATime).to.equal(1);
      setImmediate(() => {
        atATime--;
        socket.write(answerOf(args));
      });
      return undefined;
    };
    const client = open();
    const names = Array.from({ length: 200 }, (_, index) => `${index}`);
    const replies = await Promise.all(names.map((name) => client.call.has({ args: [name] })));
    expect(replies.map((reply) => reply.text(0))).to.deep.equal(names);
    expect(peer.sockets).to.have.length(1);
  });

  it('tells an error of the server by its name', async () => {
    peer.answer = () => answerOf(['LockContention'], { status: 'E' });
    const error = await failureOf(open().call['Branch.lock_write']({ args: ['x'] }));
    expect(error).to.include({ code: 'ERR_HOLDFAST_REMOTE', outcome: 'executed' });
    expect(error.remote).to.include({ code: 'LockContention' });
    expect(peer.executed).to.have.length(1);
  });

  it('tells an error in the midst of a body, with what had come', async () => {
    peer.answer = () =>
      messageOf('oS', part('s', 'l2:oke'), part('b', 'ab'), 'oE', part('s', 'l3:bade'), 'e');
    const error = await failureOf(open().call.get({ args: ['x'] }));
    expect(error).to.include({ code: 'ERR_HOLDFAST_REMOTE', outcome: 'executed' });
    const { begun } = (error.remote as RemoteFailure).data as { begun: BzrReply };
    expect(begun.body.toString()).to.equal('ab');
  });

  it('says of a verb that the server does not know that nothing was executed', async () => {
    peer.answer = ({ verb }) => answerOf(['UnknownMethod', verb], { status: 'E' });
    const error = await failureOf(open().invoke('plugin.verb', { args: ['x'] }));
    expect(error).to.include({ code: 'ERR_HOLDFAST_UNKNOWN_VERB', outcome: 'not-executed' });
    expect(error.final).to.equal(true);
  });

  it('calls verbs of other registries by the class that they have there', async () => {
    const verbs = defineVerbs({
      'plugin.look': read<object, BzrReply>(),
      get: mutate<object, BzrReply>(),
    });
    const client = connect(peer.url, verbs, { protocol: bzr(), reconnectBaseMs: 1 });
    clients.push(client);
    const cut = (_: PeerRequest, socket: { destroy(): void }): undefined => void socket.destroy();
    answerFirst(cut, () => answerOf(['seen']), cut);
    expect((await client.call['plugin.look']({})).text(0)).to.equal('seen');
    expect(peer.count('plugin.look')).to.equal(2);
    // Stricter than Bazaar has it.
    expect(await failureOf(client.call.get({}))).to.include({ outcome: 'unknown' });
    expect(peer.count('get')).to.equal(1);
    // What no registry has.
    answerFirst(cut);
    const error = await failureOf(client.invoke('plugin.act', {}));
    expect(error).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
    expect(peer.count('plugin.act')).to.equal(1);
  });

  it('has no "once" verbs and no keys, for its server keeps no records', async () => {
    const pay = defineVerbs({ pay: onceVerb<object, BzrReply>() });
    expect(() => connect(peer.url, pay, { protocol: bzr() }))
      .to.throw(HoldfastError, 'Verb "pay" cannot be "once": by bzr/3 servers keep no records')
      .with.property('code', 'ERR_HOLDFAST_REGISTRY');
    const error = await failureOf(open().call.mkdir({ args: ['x'] }, { key: 'k' }));
    expect(error).to.include({ code: 'ERR_HOLDFAST_OPTION', outcome: 'not-executed' });
  });

  for (const [verb, again] of [
    ['get', true],
    ['put', true],
    ['Branch.lock_write', true],
    ['mkdir', false],
    ['append', false],
    ['Repository.insert_stream', false],
  ] as const) {
    const what = again ? 'sends it again' : 'fails, for it may have run';
    it(`${what} when a link is lost with ${verb} on it`, async () => {
      answerFirst((_, socket) => void socket.destroy());
      const call = open().call[verb]({ args: ['x'] });
      if (again) expect((await call).text(0)).to.equal('ok');
      else expect(await failureOf(call)).to.include({ outcome: 'unknown' });
      expect(peer.count(verb)).to.equal(again ? 2 : 1);
    });
  }

  for (const end of ['end', 'resetAndDestroy'] as const) {
    it(`loses no call of any class when the server ends an idle link (${end})`, async () => {
      const client = open();
      await client.call.has({ args: ['x'] });
      peer.last[end]();
      // At once: the news may not have been heard yet, and is looked for before the write.
      await once(peer.last, 'close');
      expect((await client.call.mkdir({ args: ['x'] })).text(0)).to.equal('ok');
      expect([peer.count('mkdir'), peer.sockets.length]).to.deep.equal([1, 2]);
    });
  }

  it('gives a link up at which one byte came that nobody asked for', async () => {
    const client = open();
    await client.call.has({ args: ['x'] });
    const lost = lostLink(client);
    peer.last.write('Z');
    expect((await lost)?.message).to.include('1 bytes came that no request asked for');
    peer.answer = ({ args }) => answerOf(args);
    for (const name of ['one', 'two', 'three']) {
      expect((await client.call.append({ args: [name] })).text(0)).to.equal(name);
    }
    expect(peer.executed.slice(1).map(({ args }) => args[0])).to.deep.equal([
      'one',
      'two',
      'three',
    ]);
  });

  it('takes nobody’s answer for another’s when a byte comes before it', async () => {
    const client = open();
    answerFirst((_, socket) => {
      socket.write('Z');
      return answerOf(['wrong']);
    });
    expect((await client.call.get({ args: ['x'] })).text(0)).to.equal('ok');
    expect(peer.sockets).to.have.length(2);
    answerFirst(() => Buffer.concat([answerOf(['mine']), answerOf(['stray'])]));
    expect((await client.call.get({ args: ['y'] })).text(0)).to.equal('mine');
    expect((await client.call.mkdir({ args: ['z'] })).text(0)).to.equal('ok');
    expect(peer.sockets).to.have.length(3);
  });

  it('reads an answer again that was lost within its body, if its verb may be repeated', async () => {
    const half = (): Buffer => answerOf(['ok'], { body: ['abcdef'] }).subarray(0, -4);
    const cut = (_: PeerRequest, socket: BzrPeer['last']): undefined => {
      socket.end(half());
    };
    answerFirst(cut, () => answerOf(['ok'], { body: ['abcdef'] }));
    expect((await open().call.get({ args: ['x'] })).body.toString()).to.equal('abcdef');
    expect(peer.count('get')).to.equal(2);
  });

  it('ends the link of a call that is given up, and loses no other by that', async () => {
    const client = open();
    await client.ready();
    const gone = new AbortController();
    answerFirst(() => {
      setImmediate(() => gone.abort());
      return undefined;
    });
    const given = client.call.get({ args: ['x'] }, { signal: gone.signal });
    const waiting = client.call.mkdir({ args: ['y'] });
    expect(await failureOf(given)).to.include({ code: 'ERR_HOLDFAST_ABORTED', outcome: 'unknown' });
    expect((await waiting).text(0)).to.equal('ok');
    expect(peer.sockets).to.have.length(2);
  });

  it('makes a call of a repeatable verb again when one attempt takes too long', async () => {
    answerFirst(() => undefined);
    const client = open();
    const reply = await client.call.get({ args: ['x'] }, { attemptTimeoutMs: 30 });
    expect(reply.text(0)).to.equal('ok');
    expect([peer.count('get'), peer.sockets.length]).to.deep.equal([2, 2]);
  });

  it('puts no request behind one that was answered before it was there', async () => {
    const body = Buffer.alloc(8 * 1024 * 1024, 'x');
    let isEarly = true;
    peer.answer = () => answerOf([isEarly ? 'early' : 'ok']);
    // A verb without a body, of which the server does not wait for the rest.
    const client = open();
    const early = client.call.mkdir({ args: ['x'], body });
    const next = client.call.mkdir({ args: ['y'] });
    expect((await early).text(0)).to.equal('early');
    isEarly = false;
    expect((await next).text(0)).to.equal('ok');
    expect(peer.executed.map(({ args }) => args[0])).to.deep.equal(['x', 'y']);
    expect(peer.sockets).to.have.length(2);
  });

  it('fails, and does not try again, when an answer is larger than it takes', async () => {
    peer.answer = () => answerOf(['ok'], { body: [Buffer.alloc(5_000)] });
    const client = open(peer.url, { maxFrameBytes: 4_096 });
    const error = await failureOf(client.call.get({ args: ['x'] }));
    expect(error).to.include({ code: 'ERR_HOLDFAST_DECODE', outcome: 'executed' });
    expect(error.message).to.include('more than 4096 bytes');
    peer.answer = () => answerOf(['ok']);
    await client.call.get({ args: ['y'] });
    expect(peer.count('get')).to.equal(2);
  });

  it('says what it met when the far end is no Bazaar server', async () => {
    const other = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.resume().end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const client = open(`tcp://127.0.0.1:${port}`, { timeoutMs: 200 });
    const error = await failureOf(client.call.mkdir({ args: ['x'] }));
    expect(error).to.include({ outcome: 'not-executed' });
    expect(error.message).to.include('it sent "SSH-2.0-');
    client.destroy();
    await new Promise((resolve) => other.close(resolve));
  });

  for (const report of ['failed', 'ok', 'never'] as const) {
    it(`tells the truth when a link dies at any byte of a request (write: ${report})`, async () => {
      const greetingBytes = encodeRequest('hello', {}).head.length;
      for (const verb of ['mkdir', 'append', 'get'] as const) {
        const body = verb === 'append' ? { body: 'x' } : {};
        const { head, rest } = encodeRequest(verb, { args: ['name 000'], ...body });
        const size = head.length + (rest?.length ?? 0);
        for (let taken = 0; taken <= size; taken++) {
          const name = `name ${String(taken).padStart(3, '0')}`;
          const medium = new FaultMedium(mediumOf(peer.url));
          medium.next({ toServer: { cut: { afterBytes: greetingBytes + taken, report } } });
          const before = peer.count(verb);
          const client = open(medium);
          const error = await client.call[verb]({ args: [name], ...body }).then(
            () => undefined,
            (failure: HoldfastError) => failure,
          );
          client.destroy();
          const what = `${verb}, ${taken} of ${size} bytes`;
          expectTruth(verb, peer.count(verb) - before, error, what);
        }
      }
    });
  }

  function expectTruth(
    verb: 'mkdir' | 'append' | 'get',
    count: number,
    error: HoldfastError | undefined,
    what: string,
  ): void {
    if (verb === 'get') {
      expect(error, what).to.equal(undefined);
      expect(count, what).to.be.within(1, 2);
    } else if (error === undefined) {
      expect(count, what).to.equal(1);
    } else {
      expect(error, what).to.include({ outcome: 'unknown' });
      expect(count, what).to.be.within(0, 1);
    }
  }

  function mediumOf(url: string): Medium {
    const { hostname: host, port } = new URL(url);
    return tcp({ host, port: Number(port) });
  }
});
