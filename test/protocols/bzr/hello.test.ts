import { expect } from 'chai';
import { type Client, type ClientOptions, connect } from '../../../lib/index.ts';
import { type BzrVerbs, bzr, bzrVerbs } from '../../../lib/protocols/bzr/index.ts';
import { VirtualClock } from '../../../lib/testing/virtual-clock.ts';
import { answerOf, BzrPeer } from '../../support/bzr-peer.ts';

describe('A client of a Bazaar server, before it sends', () => {
  let peer: BzrPeer;
  let clients: Client<BzrVerbs>[];

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

  function open(options: ClientOptions<BzrVerbs> = {}): Client<BzrVerbs> {
    const quick = { reconnectBaseMs: 1, retryBudget: false } as const;
    const client = connect(peer.url, bzrVerbs, { protocol: bzr(), ...quick, ...options });
    clients.push(client);
    return client;
  }

  it('looks with a hello whether a link lives that was silent for long', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const client = open({ clock });
    await client.call.has({ args: ['x'] });
    clock.advance(4_900);
    await client.call.get({ args: ['x'] });
    expect(peer.hellos).to.equal(1);
    clock.advance(5_100);
    expect((await client.call.get({ args: ['x'] })).text(0)).to.equal('ok');
    expect([peer.hellos, peer.sockets.length]).to.deep.equal([2, 1]);
    // Now the server hears nothing more, and nobody says so.
    peer.last.removeAllListeners('data').pause();
    clock.advance(20_000);
    const call = client.call.get({ args: ['y'] });
    await clock.pass(5_000);
    expect((await call).text(0)).to.equal('ok');
    expect([peer.count('get'), peer.hellos, peer.sockets.length]).to.deep.equal([3, 3, 2]);
  });

  it('asks with a hello before each call that must not be repeated, after any silence', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const client = open({ clock });
    await client.call.has({ args: ['x'] });
    clock.advance(1);
    await client.call.get({ args: ['x'] });
    expect(peer.hellos).to.equal(1);
    for (const hellos of [2, 3]) {
      clock.advance(1);
      await client.call.append({ args: ['x', ''], body: 'y' });
      expect(peer.hellos).to.equal(hellos);
    }
  });

  it('asks for the call that is next, and not for one that waits behind it', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const client = open({ clock });
    await client.call.has({ args: ['x'] });
    clock.advance(1);
    const read = client.call.get({ args: ['x'] });
    const append = client.call.append({ args: ['x', ''], body: 'y' });
    await read;
    expect(peer.hellos).to.equal(1);
    await append;
    expect(peer.count('append')).to.equal(1);
  });

  it('loses no call to a server that ends without having read it', async () => {
    const client = open();
    await client.call.has({ args: ['x'] });
    // As after SIGHUP: what comes now is thrown away, and the connection with it.
    const { last } = peer;
    last.removeAllListeners('data').once('data', () => last.resetAndDestroy());
    const reply = await client.call.append({ args: ['x', ''], body: 'y' });
    expect(reply.text(0)).to.equal('ok');
    expect([peer.count('append'), peer.sockets.length]).to.deep.equal([1, 2]);
  });

  it('asks as seldom as it is told to', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const client = open({ clock, verifyAfterMs: 2_000 });
    await client.call.has({ args: ['x'] });
    for (const [silentMs, hellos] of [
      [1_900, 1],
      [2_100, 2],
    ] as const) {
      clock.advance(silentMs);
      await client.call.append({ args: ['x', ''], body: 'y' });
      expect(peer.hellos).to.equal(hellos);
    }
  });

  it('does not ping while a call waits for its answer', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const arrived = new Promise<BzrPeer['last']>((resolve) => {
      peer.answer = (_, socket) => void resolve(socket);
    });
    const client = open({ clock });
    const call = client.call.get({ args: ['x'] });
    const socket = await arrived;
    await clock.pass(25_000);
    socket.write(answerOf(['late']));
    expect((await call).text(0)).to.equal('late');
    expect([peer.hellos, peer.sockets.length]).to.deep.equal([1, 1]);
  });
});
