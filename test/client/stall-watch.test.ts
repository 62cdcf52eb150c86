import { expect } from 'chai';
import { Patience } from '../../lib/client/patience.ts';
import { StallWatch, type WatchedLink } from '../../lib/client/stall-watch.ts';
import { Outbox } from '../../lib/link/outbox.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { ScriptedChannel } from '../support/scripted-channel.ts';

describe('The watch for links that stall', () => {
  let clock: VirtualClock;
  let patience: Patience;
  let link: WatchedLink & { inFlight: number; heardAt: number };
  let watch: StallWatch;
  let channel: ScriptedChannel;
  let startedAt: number;
  let asked: number[];
  let news: string[];

  const sinceStart = (): number => Math.round(clock.now() - startedAt);

  beforeEach(async () => {
    clock = new VirtualClock();
    patience = new Patience(200);
    patience.ponged(1);
    channel = new ScriptedChannel();
    asked = [];
    news = [];
    link = {
      medium: { address: 'scripted:', dial: () => Promise.reject(new Error('none')) },
      inFlight: 0,
      heardAt: clock.now(),
      outbox: new Outbox(channel, true, () => {}),
      askForLife: () => asked.push(sinceStart()),
    };
    const listener = {
      schedule: () => news.push(`stalls at ${sinceStart()}`),
      onRevived: () => news.push(`revived at ${sinceStart()}`),
    };
    watch = new StallWatch(link, listener, patience, clock, 5_000);
    await pass(60_000);
    startedAt = clock.now();
  });

  afterEach(() => watch.stop());

  /** In steps of the timer wheel. */
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 4) await clock.pass(4);
  }

  function send(): void {
    link.inFlight++;
    watch.waits(clock.now());
  }

  function hear(): void {
    link.heardAt = clock.now();
    watch.heard();
  }

  function pong(): void {
    hear();
    watch.ponged(clock.now());
  }

  it('does nothing while no call waits, however long', async () => {
    await pass(1_000);
    expect(asked).to.deep.equal([]);
    expect(news).to.deep.equal([]);
  });

  it('asks for a sign of life, and says that the link stalls when none comes', async () => {
    send();
    await pass(600);
    expect(asked).to.have.length(1);
    expect(asked[0]).to.be.within(200, 208);
    expect(news).to.have.length(1);
    expect(Number(news[0]?.slice('stalls at '.length))).to.be.within(400, 420);
    expect(watch.isStalled).to.equal(true);
  });

  it('counts the silence from the call, not from before it', async () => {
    await pass(10_000);
    startedAt = clock.now();
    send();
    await pass(180);
    expect(asked).to.deep.equal([]);
  });

  it('leaves a link in peace that answers nothing but pings, and asks more and more seldom', async () => {
    send();
    for (let passed = 0; passed < 20_000; passed += 4) {
      const before = asked.length;
      await clock.pass(4);
      if (asked.length > before) pong();
    }
    expect(news).to.deep.equal([]);
    const gaps = asked.map((at, index) => at - (asked[index - 1] ?? 0));
    for (const [index, gap] of gaps.entries()) {
      const wanted = Math.min(200 * 2 ** index, 5_000);
      expect(gap).to.be.within(wanted, wanted + 12);
    }
  });

  it('is told of an answer, and asks soon again', async () => {
    send();
    await pass(208);
    pong();
    watch.answered();
    startedAt = clock.now();
    await pass(212);
    expect(asked).to.have.length(2);
  });

  it('says that the link goes on when something comes after all', async () => {
    send();
    await pass(600);
    hear();
    expect(watch.isStalled).to.equal(false);
    expect(news).to.have.length(2);
    await pass(600);
    expect(watch.isStalled).to.equal(true);
  });

  it('asks together with the calls where packets are lost', async () => {
    patience.connectLost(clock.now());
    send();
    expect(asked).to.deep.equal([0]);
    await pass(212);
    expect(watch.isStalled).to.equal(true);
  });

  it('gives time to what was written and may be in front of the ping', async () => {
    send();
    link.outbox.pushAll(Buffer.alloc(64_000));
    link.outbox.flush();
    channel.take();
    await pass(1_300);
    expect(watch.isStalled).to.equal(false);
    await pass(200);
    expect(watch.isStalled).to.equal(true);
  });

  it('makes way late while the server may be slow, and then sends nothing more', async () => {
    send();
    await pass(600);
    expect(watch.makeWay()).to.equal(false);
    expect(watch.isSuspended).to.equal(false);
    await pass(1_000);
    expect(watch.makeWay()).to.equal(true);
    expect(watch.isSuspended).to.equal(true);
    watch.goOn();
    expect(watch.isSuspended).to.equal(false);
  });

  it('makes way for nothing when the link does not stall', () => {
    expect(watch.makeWay()).to.equal(true);
    expect(watch.isSuspended).to.equal(false);
  });
});
