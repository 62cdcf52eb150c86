import { expect } from 'chai';
import { type Listening, memory, type Peer } from '../../lib/index.ts';
import { FaultMedium, type Faults, VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failing.ts';
import { Recorder, settled, writeOnce } from '../support/recorder.ts';

const never = new AbortController().signal;

describe('A fault medium', () => {
  const place = memory('faults');
  let listening: Listening;
  let clock: VirtualClock;
  let faults: FaultMedium;
  let near: Recorder;
  let far: Recorder;

  beforeEach(async () => {
    clock = new VirtualClock({ turns: 'real' });
    faults = new FaultMedium(place, { clock, bufferBytes: 100 });
    listening = await place.listen((channel) => {
      far = new Recorder(channel);
    });
  });

  afterEach(async () => {
    faults.destroy();
    await settled(() => far?.closings);
    expect(faults.connections, 'connections after destroy()').to.deep.equal([]);
    await listening.close();
  });

  async function open(...next: readonly Faults[]): Promise<void> {
    faults.next(...next);
    near = new Recorder(await faults.dial(never));
  }

  const write = (text: string): Promise<boolean> => writeOnce(near.channel, Buffer.from(text));
  const reply = (text: string): Promise<boolean> => writeOnce(far.channel, Buffer.from(text));
  const quiet = (): Promise<void> =>
    settled(() => near.byteLength + far.byteLength + near.closings);

  it('names the address and the peer of the medium below', async () => {
    await open();
    expect(faults.address).to.equal(place.address);
    const peer: Peer = { medium: 'memory', address: place.address };
    expect(near.channel.peer).to.deep.equal(peer);
  });

  it('refuses a dial with ECONNREFUSED, or as it is told', async () => {
    faults.next({ refuse: true }, { refuse: new Error('no route') });
    expect(await failureOf(faults.dial(never))).to.include({ code: 'ECONNREFUSED' });
    expect(await failureOf(faults.dial(never))).to.include({ message: 'no route' });
    await open();
    expect(faults.dials).to.equal(3);
  });

  it('lets a dial hang until it is given up', async () => {
    faults.next({ hang: true });
    const given = new AbortController();
    const dial = failureOf(faults.dial(given.signal));
    await clock.pass(1_000_000);
    const reason = new Error('given up');
    given.abort(reason);
    expect(await dial).to.equal(reason);
  });

  it('lets a dial take its time', async () => {
    const given = new AbortController();
    faults.next({ dialMs: 500 }, { dialMs: 500 });
    const abandoned = failureOf(faults.dial(given.signal));
    given.abort(new Error('given up'));
    await abandoned;
    expect(clock.timers, 'timers of a dial that was given up').to.equal(0);
    let isOpen = false;
    const dial = faults.dial(never).then((channel) => {
      isOpen = true;
      return channel;
    });
    await clock.pass(499);
    expect(isOpen).to.equal(false);
    await clock.pass(1);
    near = new Recorder(await dial);
  });

  it('goes by its plan, which is told of each dial', async () => {
    const numbers: number[] = [];
    faults.plan = ({ number, random }) => {
      numbers.push(number, random());
      return { refuse: number === 1 };
    };
    await failureOf(faults.dial(never));
    await open();
    const other = new FaultMedium(place, { plan: faults.plan, seed: 1 });
    await failureOf(other.dial(never));
    expect(numbers.slice(4)).to.deep.equal(numbers.slice(0, 2));
  });

  it('cuts after so many bytes to the server, with what the write says of it', async () => {
    for (const [report, said] of [
      [undefined, [false]],
      ['failed', [false]],
      ['ok', [true]],
      ['never', []],
    ] as const) {
      const cut = { afterBytes: 5, as: 'rst', ...(report && { report }) } as const;
      await open({ toServer: { cut } });
      expect(await write('123')).to.equal(true);
      const reports: boolean[] = [];
      near.channel.write([Buffer.from('45678')], (possibly) => reports.push(possibly));
      expect(await near.closed).to.include({ code: 'ECONNRESET', syscall: 'read' });
      await far.closed;
      expect(far.bytes.toString()).to.equal('12345');
      expect(reports).to.deep.equal(said);
    }
  });

  it('never lets a write fail that passed whole', async () => {
    await open({ toServer: { cut: { afterBytes: 5, as: 'fin', report: 'failed' } } });
    expect(await write('12345')).to.equal(true);
    expect(await near.closed).to.equal(undefined);
    expect((await far.take(5)).toString()).to.equal('12345');
    await far.closed;
  });

  it('never lets a write fail whose rest may pass yet', async () => {
    await open({ toServer: { cut: { afterBytes: 5, as: 'stall', report: 'failed' } } });
    expect(await write('1234567')).to.equal(true);
    await quiet();
    expect(far.bytes.toString()).to.equal('12345');
    faults.last.recover();
    expect((await far.take(7)).toString()).to.equal('1234567');
  });

  it('cuts after so many bytes to the client', async () => {
    await open({ toClient: { cut: { afterBytes: 5 } } });
    await reply('1234567');
    expect(await near.closed).to.include({ code: 'ECONNRESET' });
    expect(near.bytes.toString()).to.equal('12345');
    await far.closed;
  });

  it('ends a connection in order, behind what is on its way', async () => {
    const late = { delayMs: 10 };
    await open({ toServer: late, toClient: late });
    await write('there');
    await reply('back');
    await quiet();
    faults.last.fin();
    await quiet();
    expect([near.closings, far.closings, near.byteLength]).to.deep.equal([0, 0, 0]);
    await clock.pass(10);
    expect(await near.closed).to.equal(undefined);
    expect(await far.closed).to.equal(undefined);
    expect([near.bytes.toString(), far.bytes.toString()]).to.deep.equal(['back', 'there']);
  });

  it('resets a connection, and what is on its way is lost', async () => {
    const late = { delayMs: 10 };
    await open({ toServer: late, toClient: late });
    await write('there');
    await reply('back');
    await quiet();
    faults.last.reset();
    expect(near.channel.dead).to.equal(true);
    expect(await near.closed).to.include({ code: 'ECONNRESET' });
    await far.closed;
    await clock.pass(1_000);
    expect([near.byteLength, far.byteLength]).to.deep.equal([0, 0]);
    expect(await write('too late')).to.equal(false);
  });

  it('stalls in silence, takes what a kernel would take, and goes on', async () => {
    await open();
    faults.last.stall();
    expect(await write('x'.repeat(100))).to.equal(true);
    const reports: boolean[] = [];
    near.channel.write([Buffer.from('more')], (possibly) => reports.push(possibly));
    await reply('back');
    await quiet();
    expect([near.byteLength, far.byteLength, ...reports]).to.deep.equal([0, 0]);
    expect(near.channel.dead).to.equal(false);
    faults.last.recover();
    expect((await far.take(104)).toString()).to.match(/^x{100}more$/);
    expect((await near.take(4)).toString()).to.equal('back');
    expect(reports).to.deep.equal([true]);
  });

  it('stalls one direction and lets the other pass', async () => {
    await open();
    faults.last.stall('toClient');
    await write('there');
    expect((await far.take(5)).toString()).to.equal('there');
    await reply('back');
    await quiet();
    expect(near.byteLength).to.equal(0);
  });

  it('says nothing of an end that comes while it is stalled', async () => {
    await open();
    faults.last.stall();
    far.channel.destroy();
    await far.closed;
    await quiet();
    expect([near.closings, near.channel.dead]).to.deep.equal([0, false]);
    faults.last.recover();
    expect(await near.closed).to.equal(undefined);
  });

  it('delivers late what was taken from a client that has left since: the zombie', async () => {
    await open();
    faults.last.stall();
    await write('late');
    near.channel.destroy();
    expect(near.channel.dead).to.equal(true);
    expect(await near.closed).to.equal(undefined);
    await quiet();
    expect([far.byteLength, far.closings]).to.deep.equal([0, 0]);
    faults.last.recover();
    await far.closed;
    expect(far.bytes.toString()).to.equal('late');
  });

  it('closes in order once a stalled path recovers', async () => {
    await open();
    faults.last.stall();
    await write('last words');
    near.channel.close();
    await quiet();
    expect(near.closings).to.equal(0);
    faults.last.recover();
    expect(await near.closed).to.equal(undefined);
    await far.closed;
    expect(far.bytes.toString()).to.equal('last words');
  });

  it('is half-open: the server has gone, and the client is not told', async () => {
    await open();
    await reply('before');
    await near.take(6);
    faults.last.halfOpen();
    await far.closed;
    expect(await write('into the void')).to.equal(true);
    await quiet();
    expect([near.closings, near.channel.dead, far.byteLength]).to.deep.equal([0, false, 0]);
    near.channel.destroy();
    await near.closed;
  });

  it('says that it is closed to a user that ends it before the news of its end has come', async () => {
    await open({ toClient: { delayMs: 100 } });
    far.channel.destroy();
    await quiet();
    expect(near.closings).to.equal(0);
    near.channel.destroy();
    await near.closed;
    expect(faults.connections).to.deep.equal([]);
  });

  it('delays every byte, in order', async () => {
    await open({ toServer: { delayMs: 30 } });
    await write('a');
    await clock.pass(20);
    await write('b');
    await clock.pass(9);
    expect(far.bytes.toString()).to.equal('');
    await clock.pass(1);
    expect(far.bytes.toString()).to.equal('a');
    await clock.pass(20);
    expect(far.bytes.toString()).to.equal('ab');
  });

  it('passes no more than so many bytes a millisecond, and the writer has to wait', async () => {
    await open({ toServer: { bytesPerMs: 10 } });
    expect(await write('x'.repeat(1_000).slice(0, 100))).to.equal(true);
    const reports: boolean[] = [];
    near.channel.write([Buffer.alloc(900)], (possibly) => reports.push(possibly));
    await clock.pass(50);
    expect(far.byteLength).to.be.within(1, 500);
    expect(reports).to.deep.equal([]);
    await clock.pass(40);
    expect(reports).to.deep.equal([true]);
    await clock.pass(10);
    expect(far.byteLength).to.equal(1_000);
  });

  it('reads slowly, so that the server has to wait', async () => {
    await open({ toClient: { bytesPerMs: 1_000 } });
    const chunk = Buffer.alloc(65_536);
    let taken = 0;
    const writing = (async () => {
      for (; taken < 64; taken++) await writeOnce(far.channel, chunk);
    })();
    await clock.pass(100);
    expect(near.byteLength).to.be.within(50_000, 100_000);
    expect(taken).to.be.below(32);
    await clock.pass(5_000);
    await writing;
    expect(near.byteLength).to.equal(64 * chunk.length);
  });

  it('changes its course while it is open', async () => {
    await open();
    faults.last.set('toServer', { delayMs: 5 });
    await write('a');
    await quiet();
    expect(far.byteLength).to.equal(0);
    faults.last.set('toServer', { cut: { afterBytes: 1 } });
    await clock.pass(5);
    expect(await near.closed).to.include({ code: 'ECONNRESET' });
  });

  it('counts the bytes that have passed', async () => {
    await open();
    await write('there');
    await reply('backwards');
    await quiet();
    expect(faults.last.passed('toServer')).to.equal(5);
    expect(faults.last.passed('toClient')).to.equal(9);
  });

  it('forgets a connection when both sides know of its end', async () => {
    expect(() => faults.last).to.throw('Nobody has connected to memory:faults yet');
    await open();
    expect(faults.connections).to.deep.equal([faults.last]);
    near.channel.destroy();
    await far.closed;
    await near.closed;
    expect(faults.connections).to.deep.equal([]);
  });

  it('does not keep the process alive with what is on its way, unless its user does', async () => {
    await open({ toServer: { delayMs: 5 } });
    await write('a');
    expect(clock.keepsAlive).to.equal(false);
    near.channel.ref();
    expect(clock.keepsAlive).to.equal(true);
    near.channel.unref();
    expect(clock.keepsAlive).to.equal(false);
  });
});
