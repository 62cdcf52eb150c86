import { expect } from 'chai';
import { Terms, type TimedCall } from '../../lib/client/terms.ts';
import { TimerWheel } from '../../lib/retry/timer-wheel.ts';
import { VirtualClock } from '../../lib/testing/index.ts';

describe('Terms', () => {
  let clock: VirtualClock;
  let wheel: TimerWheel;
  let terms: Terms;
  /** When it was told that calls are due. */
  let told: number[];

  beforeEach(() => {
    clock = new VirtualClock({ startMs: 1_000 });
    wheel = new TimerWheel(clock);
    told = [];
    terms = new Terms(wheel, () => told.push(clock.now()));
  });

  /** Calls that begin now. */
  function begin(count: number, timeoutMs: number): TimedCall[] {
    return Array.from({ length: count }, () => {
      const call: TimedCall = { term: undefined };
      terms.begin(call, clock.now(), clock.now() + timeoutMs);
      return call;
    });
  }

  it('are one entry on the wheel for all calls that begin together and may take equally long', () => {
    const calls = [...begin(3, 100), ...begin(2, 100)];
    expect(wheel.size).to.equal(1);
    expect(new Set(calls.map(({ term }) => term)).size).to.equal(1);
    clock.advance(104);
    expect(told.length).to.equal(1);
    expect(told[0]).to.be.within(1_100, 1_104);
  });

  it('differ where calls begin at other times or may take longer', () => {
    begin(1, 100);
    begin(1, 200);
    clock.advance(10);
    begin(1, 100);
    expect(wheel.size).to.equal(3);
    clock.advance(300);
    expect(told.length).to.equal(3);
  });

  it('leave the wheel with the last of their calls', () => {
    const [one, other] = begin(2, 100) as [TimedCall, TimedCall];
    terms.leave(one);
    expect(wheel.size).to.equal(1);
    terms.leave(other);
    expect(wheel.size).to.equal(0);
    clock.advance(200);
    expect(told).to.deep.equal([]);
  });

  it('are kept for a call that begins in the instant in which all others have left', () => {
    for (const call of begin(2, 100)) terms.leave(call);
    begin(1, 100);
    expect(wheel.size).to.equal(1);
    clock.advance(104);
    expect(told.length).to.equal(1);
  });

  it('are kept for a call that begins in the instant in which others were due', () => {
    begin(1, 0);
    clock.advance(0);
    clock.advance(0);
    const before = told.length;
    begin(1, 0);
    clock.advance(8);
    expect(told.length).to.equal(before + 1);
  });

  it('can be left for another deadline', () => {
    const [one, other] = begin(2, 100) as [TimedCall, TimedCall];
    one.term?.move(one, clock.now() + 50);
    expect(one.term?.madeAt).to.equal(other.term?.madeAt);
    clock.advance(54);
    expect(told.length).to.equal(1);
    clock.advance(50);
    expect(told.length).to.equal(2);
  });

  it('are on no wheel when there is no deadline', () => {
    const [call] = begin(1, 100) as [TimedCall];
    call.term?.move(call, Number.POSITIVE_INFINITY);
    expect(wheel.size).to.equal(0);
    expect(call.term?.dueAt).to.equal(Number.POSITIVE_INFINITY);
    call.term?.move(call, clock.now() + 10);
    clock.advance(14);
    expect(told.length).to.equal(1);
  });
});
