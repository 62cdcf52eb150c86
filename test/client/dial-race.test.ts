import { expect } from 'chai';
import { DialRace } from '../../lib/client/dial-race.ts';
import { Patience } from '../../lib/client/patience.ts';
import type { Channel, Medium } from '../../lib/media/medium.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { ScriptedChannel } from '../support/scripted-channel.ts';

interface Dial {
  readonly at: number;
  readonly signal: AbortSignal;
  readonly answer: () => void;
  readonly open: (channel: Channel) => void;
  readonly fail: (error: Error) => void;
}

describe('A race of dials', () => {
  let clock: VirtualClock;
  let startedAt: number;
  let dials: Dial[];
  let greeted: Channel[];
  let unanswered: number;
  let failures: unknown[];
  let mayGreet: boolean;
  let helloTakesMs: number;
  let patience: Patience;
  let race: DialRace;

  const medium: Medium = {
    address: 'scripted:',
    dial: (signal, answer = () => {}) =>
      new Promise((open, fail) =>
        dials.push({ at: clock.now() - startedAt, signal, answer, open, fail }),
      ),
  };

  function begin(of: Patience | undefined): void {
    const owner = {
      greet: (channel: Channel) => {
        if (mayGreet) greeted.push(channel);
        clock.block(helloTakesMs);
        helloTakesMs = 0;
        return mayGreet;
      },
      onUnanswered: () => unanswered++,
      onFailed: (error: unknown) => failures.push(error),
    };
    startedAt = clock.now();
    race = new DialRace(owner, { medium, clock, patience: of, width: 2 });
    race.start();
  }

  beforeEach(() => {
    clock = new VirtualClock();
    patience = new Patience(200);
    patience.connected(1);
    patience.greeted(1);
    dials = [];
    greeted = [];
    failures = [];
    unanswered = 0;
    mayGreet = true;
    helloTakesMs = 0;
  });

  afterEach(() => race.stop(new Error('over')));

  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 4) await clock.pass(4);
  }

  const open = (): number => dials.filter(({ signal }) => !signal.aborted).length;

  it('dials once where nothing is lost', async () => {
    begin(undefined);
    await pass(60_000);
    expect(dials).to.have.length(1);
    dials[0]?.open(new ScriptedChannel());
    await pass(60_000);
    expect(greeted).to.have.length(1);
    expect(unanswered).to.equal(0);
  });

  it('dials once when the answer comes soon, and says hello', async () => {
    begin(patience);
    dials[0]?.open(new ScriptedChannel());
    await pass(1_000);
    expect(dials).to.have.length(1);
    expect(greeted).to.have.length(1);
  });

  it('begins another dial while the first has time, and gives up those that are not answered', async () => {
    begin(patience);
    await pass(196);
    expect(dials.map(({ at }) => Math.floor(at / 100))).to.deep.equal([0, 1]);
    expect(open()).to.equal(2);
  });

  it('dials the faster once a dial was not answered', async () => {
    begin(patience);
    await pass(300);
    expect(dials.map(({ at }) => Math.floor(at / 25))).to.deep.equal([0, 4, 8, 10, 12]);
    expect(open()).to.equal(2);
  });

  it('never has more dials than it may, and few of them in a long outage', async () => {
    begin(patience);
    for (let passed = 0; passed < 60_000; passed += 4) {
      await clock.pass(4);
      expect(open()).to.be.at.most(2);
    }
    // At the pace of the beginning it would be six hundred.
    expect(dials.length).to.be.within(30, 70);
  });

  it('takes the server for slow, and not the path, where its system answers the connect at once', async () => {
    begin(patience);
    for (let passed = 0; passed < 20_000; passed += 4) {
      for (const { answer } of dials) answer();
      await pass(4);
    }
    expect(patience.isLossy(clock.now())).to.equal(false);
    expect(dials.map(({ at }) => Math.floor(at / 100))).to.deep.equal([0, 16, 48, 88, 128, 168]);
    expect(open()).to.be.at.most(2);
    dials.at(-1)?.open(new ScriptedChannel());
    await pass(4);
    expect(greeted).to.have.length(1);
  });

  it('tries another soon where packets are lost, although the connect was answered', async () => {
    patience.connectLost(clock.now());
    begin(patience);
    dials[0]?.answer();
    await pass(300);
    expect(dials).to.have.length.of.at.least(2);
    expect(dials[0]?.signal.aborted).to.equal(true);
  });

  it('says hello on another channel when it is not answered in time', async () => {
    patience.connectLost(clock.now());
    begin(patience);
    const [first, second] = [new ScriptedChannel(), new ScriptedChannel()];
    dials[0]?.open(first);
    await pass(40);
    dials[1]?.open(second);
    await pass(20);
    expect(greeted).to.deep.equal([first]);
    await pass(60);
    expect(unanswered).to.equal(1);
    expect(greeted).to.have.length(2);
  });

  it('says hello once on a channel, although the loop is blocked meanwhile', async () => {
    patience.connectLost(clock.now());
    begin(patience);
    const [first, second] = [new ScriptedChannel(), new ScriptedChannel()];
    dials[0]?.open(first);
    await pass(40);
    dials[1]?.open(second);
    helloTakesMs = 1_000;
    await pass(60);
    expect(helloTakesMs).to.equal(0);
    expect(greeted).to.have.length(2);
    expect(new Set(greeted).size).to.equal(2);
    expect(unanswered).to.equal(1);
  });

  it('does not give a hello up before there is another channel to say it on', async () => {
    patience.connectLost(clock.now());
    begin(patience);
    const [first, second] = [new ScriptedChannel(), new ScriptedChannel()];
    dials[0]?.open(first);
    await pass(2_000);
    expect([unanswered, greeted.length]).to.deep.equal([0, 1]);
    expect(open()).to.be.within(1, 3);
    dials.at(-1)?.open(second);
    await pass(4);
    expect(unanswered).to.equal(1);
    expect(greeted).to.have.length(2);
  });

  it('keeps one channel in reserve after its end, and closes it soon', async () => {
    patience.connectLost(clock.now());
    begin(patience);
    const [first, spare] = [new ScriptedChannel(), new ScriptedChannel()];
    dials[0]?.open(first);
    await pass(20);
    race.rest();
    await pass(16);
    dials[1]?.open(spare);
    await pass(1_000);
    expect(race.isResting).to.equal(true);
    expect(dials).to.have.length(2);
    expect(greeted).to.deep.equal([first]);
    expect(spare.dead).to.equal(false);
    await pass(1_000);
    expect(race.isResting).to.equal(false);
    expect(spare.dead).to.equal(true);
  });

  it('uses the reserve at once when it starts again', async () => {
    patience.connectLost(clock.now());
    begin(patience);
    dials[0]?.open(new ScriptedChannel());
    await pass(20);
    race.rest();
    await pass(16);
    dials[1]?.open(new ScriptedChannel());
    await pass(20);
    race.start();
    expect(greeted).to.have.length(2);
  });

  it('dials when it starts again although its reserve was given up just before', async () => {
    patience.connectLost(clock.now());
    begin(patience);
    dials[0]?.open(new ScriptedChannel());
    await pass(20);
    race.rest();
    await pass(2_100);
    expect(race.isResting).to.equal(false);
    const before = dials.length;
    race.start();
    await pass(2_000);
    expect(dials.length).to.be.above(before);
    dials.at(-1)?.open(new ScriptedChannel());
    await pass(4);
    expect(greeted).to.have.length(2);
  });

  it('waits with the hello until that is allowed', async () => {
    mayGreet = false;
    begin(patience);
    dials[0]?.open(new ScriptedChannel());
    await pass(500);
    expect(greeted).to.deep.equal([]);
    mayGreet = true;
    await pass(60);
    expect(greeted).to.have.length(1);
    expect(dials).to.have.length(1);
  });

  it('asks by another connect whether packets are lost when a first hello is not answered for long', async () => {
    patience = new Patience(200);
    begin(patience);
    const [first, second] = [new ScriptedChannel(), new ScriptedChannel()];
    dials[0]?.open(first);
    await pass(3_900);
    expect(dials).to.have.length(1);
    await pass(120);
    expect(dials).to.have.length(2);
    expect(unanswered).to.equal(0);
    // That one is not answered either, nor are the next.
    await pass(400);
    expect(dials.length).to.be.greaterThan(2);
    expect(unanswered).to.equal(0);
    dials.at(-1)?.open(second);
    await pass(20);
    expect(unanswered).to.equal(1);
    expect(greeted).to.have.length(2);
  });

  it('does not give up a hello for a slow server because a dial in reserve is refused', async () => {
    patience = new Patience(200);
    begin(patience);
    dials[0]?.open(new ScriptedChannel());
    for (let passed = 0; passed < 5_000; passed += 4) {
      for (const { fail } of dials.slice(1)) fail(new Error('refused'));
      await clock.pass(4);
    }
    expect(dials.length).to.be.within(2, 50);
    expect(failures).to.deep.equal([]);
    expect(unanswered).to.equal(0);
  });

  it('says that a dial failed, but not while it rests', async () => {
    begin(patience);
    const refused = new Error('refused');
    dials[0]?.fail(refused);
    await pass(4);
    expect(failures).to.deep.equal([refused]);
    race.stop(new Error('over'));
    dials.length = 0;
    patience.connectLost(clock.now());
    begin(patience);
    dials[0]?.open(new ScriptedChannel());
    await pass(20);
    race.rest();
    await pass(16);
    dials[1]?.fail(refused);
    await pass(20);
    expect(failures).to.have.length(1);
    expect(race.isResting).to.equal(false);
  });

  it('closes everything when it is stopped, also what opens too late', async () => {
    mayGreet = false;
    begin(patience);
    const [spare, late] = [new ScriptedChannel(), new ScriptedChannel()];
    await pass(120);
    dials[0]?.open(spare);
    await pass(8);
    race.stop(new Error('over'));
    dials[1]?.open(late);
    await pass(8);
    expect(spare.dead).to.equal(true);
    expect(late.dead).to.equal(true);
  });
});
