import { expect } from 'chai';
import { Alarm, type Due, TimerWheel, tickMs, wheelOf } from '../../lib/retry/timer-wheel.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { expectUncaught } from '../support/uncaught.ts';

/** One round of the wheel. */
const roundMs = 8_192 * tickMs;

/** Notes when it is called. */
class Entry implements Due {
  dueAt = 0;
  wheelNext: Due | undefined;
  wheelPrevious: Due | undefined;
  readonly calls: number[] = [];
  readonly #clock: VirtualClock;
  readonly #then: () => void;

  constructor(clock: VirtualClock, then: () => void = () => {}) {
    this.#clock = clock;
    this.#then = then;
  }

  onDue(): void {
    this.calls.push(this.#clock.now());
    this.#then();
  }
}

function setUp(startMs?: number): { clock: VirtualClock; wheel: TimerWheel } {
  const clock = new VirtualClock(startMs === undefined ? {} : { startMs });
  return { clock, wheel: new TimerWheel(clock) };
}

/** Called exactly once, not before its time and at most a tick after it. */
function expectOnTime(entry: Entry, dueAt: number): void {
  expect(entry.calls.length, `due at ${dueAt}`).to.equal(1);
  expect(entry.calls[0]).to.be.at.least(dueAt);
  expect(entry.calls[0]).to.be.below(dueAt + tickMs + 1);
}

/** A linear congruential generator: random enough, and the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('TimerWheel', () => {
  it('calls an entry once, not before its time and within a tick of it', () => {
    for (const delayMs of [0, 0.5, 1, 3, 4, 5, 7.999, 8, 100, 1_001.25, 32_767, 32_768, 32_769]) {
      const { clock, wheel } = setUp();
      const entry = new Entry(clock);
      const dueAt = clock.now() + delayMs;
      wheel.add(entry, dueAt);
      clock.advance(3 * roundMs);
      expectOnTime(entry, dueAt);
      expect(wheel.size).to.equal(0);
    }
  });

  it('calls entries beyond one round in their own round', () => {
    const { clock, wheel } = setUp();
    const start = clock.now();
    const entries = [0.5, 1, 1.5, 2, 2.5, 10].map((rounds) => {
      const entry = new Entry(clock);
      const dueAt = start + rounds * roundMs + 8;
      wheel.add(entry, dueAt);
      return { entry, dueAt };
    });
    clock.advance(20 * roundMs);
    for (const { entry, dueAt } of entries) expectOnTime(entry, dueAt);
  });

  it('loses none of many entries, added and removed at any time', () => {
    const random = seeded(7);
    const { clock, wheel } = setUp(12_345.678);
    const entries: { entry: Entry; dueAt: number; removed: boolean }[] = [];
    for (let step = 0; step < 3_000; step++) {
      const dueAt = clock.now() + random() * (random() < 0.1 ? 3 * roundMs : 2_000);
      const entry = new Entry(clock);
      wheel.add(entry, dueAt);
      entries.push({ entry, dueAt, removed: false });
      const other = entries[Math.floor(random() * entries.length)];
      if (other !== undefined && other.entry.calls.length === 0 && random() < 0.3) {
        wheel.remove(other.entry);
        other.removed = true;
      }
      if (random() < 0.2) clock.advance(random() * 50);
    }
    clock.advance(4 * roundMs);
    for (const { entry, dueAt, removed } of entries) {
      if (removed) expect(entry.calls).to.deep.equal([]);
      else expectOnTime(entry, dueAt);
    }
    expect(wheel.size).to.equal(0);
  });

  it('calls entries of one slot in the order in which they were added', () => {
    const { clock, wheel } = setUp();
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) wheel.add(new Entry(clock, () => order.push(name)), 1_006);
    clock.advance(100);
    expect(order).to.deep.equal(['a', 'b', 'c']);
  });

  it('moves an entry that is added again', () => {
    const { clock, wheel } = setUp();
    const later = new Entry(clock);
    const sooner = new Entry(clock);
    wheel.add(later, 1_100);
    wheel.add(later, 1_500);
    wheel.add(sooner, 41_000);
    wheel.add(sooner, 1_200);
    expect(wheel.size).to.equal(2);
    clock.advance(2 * roundMs);
    expectOnTime(later, 1_500);
    expectOnTime(sooner, 1_200);
  });

  it('leaves an entry alone that is not on the wheel', () => {
    const { clock, wheel } = setUp();
    const entry = new Entry(clock);
    wheel.remove(entry);
    wheel.add(entry, 1_010);
    wheel.remove(entry);
    wheel.remove(entry);
    expect(wheel.size).to.equal(0);
    clock.advance(100);
    expect(entry.calls).to.deep.equal([]);
  });

  it('does not call what is removed by another that is due at the same time', () => {
    for (const victimFirst of [true, false]) {
      const { clock, wheel } = setUp();
      const victim = new Entry(clock);
      const other = new Entry(clock, () => wheel.remove(victim));
      const last = new Entry(clock);
      wheel.add(victimFirst ? victim : other, 1_010);
      wheel.add(victimFirst ? other : victim, 1_010);
      wheel.add(last, 1_010);
      clock.advance(100);
      expect(victim.calls.length).to.equal(victimFirst ? 1 : 0);
      expectOnTime(other, 1_010);
      expectOnTime(last, 1_010);
      expect(wheel.size).to.equal(0);
    }
  });

  it('postpones what another postpones in the moment in which both are due', () => {
    const { clock, wheel } = setUp();
    const postponed = new Entry(clock);
    wheel.add(new Entry(clock, () => wheel.add(postponed, 1_500)), 1_010);
    wheel.add(postponed, 1_010);
    clock.advance(1_000);
    expectOnTime(postponed, 1_500);
  });

  it('calls again what adds itself again, also for a time that is over', () => {
    const { clock, wheel } = setUp();
    const periodic: Entry = new Entry(clock, () => wheel.add(periodic, clock.now() + 100));
    const impatient: Entry = new Entry(clock, () => {
      if (impatient.calls.length < 5) wheel.add(impatient, clock.now() - 1_000);
    });
    wheel.add(periodic, 1_100);
    wheel.add(impatient, 0);
    clock.advance(1_000);
    expect(periodic.calls.length).to.be.within(9, 10);
    expect(impatient.calls.length).to.equal(5);
    expect(new Set(impatient.calls).size, 'once in a tick').to.equal(5);
    wheel.remove(periodic);
  });

  it('lets the loop read for two turns before anything is judged as due', () => {
    for (const blockMs of [0, 1_000]) {
      const { clock, wheel } = setUp();
      const entry = new Entry(clock);
      const answered = new Entry(clock);
      wheel.add(entry, 1_008);
      wheel.add(answered, 1_008);
      clock.block(8 + blockMs);
      // The first turn: timers, then what comes in, then what was asked for behind it.
      clock.turn();
      expect(entry.calls).to.deep.equal([]);
      expect(clock.waitingTurns).to.equal(1);
      // The second brings an answer that was there in time.
      wheel.remove(answered);
      clock.turn();
      expect(entry.calls.length).to.equal(1);
      expect(answered.calls).to.deep.equal([]);
    }
  });

  it('calls everything once that came due while the machine slept', () => {
    const { clock, wheel } = setUp();
    const entries = [10, 5_000, 40_000, 3_600_000].map((delayMs) => {
      const entry = new Entry(clock);
      wheel.add(entry, clock.now() + delayMs);
      return entry;
    });
    const future = new Entry(clock);
    wheel.add(future, clock.now() + 36_000_000 + 500);
    clock.block(36_000_000);
    clock.advance(100);
    expect(entries.map(({ calls }) => calls.length)).to.deep.equal([1, 1, 1, 1]);
    expect(future.calls).to.deep.equal([]);
    clock.advance(500);
    expect(future.calls.length).to.equal(1);
  });

  it('calls what is added and held while the loop reads, and what was there before', () => {
    const { clock, wheel } = setUp();
    const first = new Entry(clock);
    const second = new Entry(clock);
    const third = new Entry(clock);
    wheel.add(first, 1_008);
    wheel.add(second, 1_300);
    clock.block(100);
    clock.turn();
    wheel.hold();
    wheel.add(third, 31_000);
    clock.advance(1_000);
    expect(first.calls.length).to.equal(1);
    expectOnTime(second, 1_300);
    clock.advance(40_000);
    expectOnTime(third, 31_000);
    wheel.release();
  });

  it('calls what is there although somebody holds and releases while others are called', () => {
    const { clock, wheel } = setUp();
    const other = new Entry(clock);
    wheel.add(
      new Entry(clock, () => {
        wheel.hold();
        wheel.add(new Entry(clock), clock.now() + 30_000);
        wheel.release();
        wheel.hold();
      }),
      1_008,
    );
    wheel.add(other, 1_200);
    clock.advance(1_000);
    expectOnTime(other, 1_200);
    clock.advance(40_000);
    expect(wheel.size).to.equal(0);
    wheel.release();
  });

  it('calls the others although one throws, now and later', async () => {
    const { clock, wheel } = setUp();
    await expectUncaught(() => {
      const failure = new Error('thrown by an entry');
      const failing = new Entry(clock, () => {
        throw failure;
      });
      const others = [1_008, 1_008, 1_100].map((dueAt, index) => {
        if (index === 1) wheel.add(failing, 1_008);
        const entry = new Entry(clock);
        wheel.add(entry, dueAt);
        return entry;
      });
      clock.advance(500);
      const late = new Entry(clock);
      wheel.add(late, 2_000);
      clock.advance(1_000);
      expect([...others, late].map(({ calls }) => calls.length)).to.deep.equal([1, 1, 1, 1]);
      return failure;
    });
  });

  it('keeps the process alive only while it is held', () => {
    const { clock, wheel } = setUp();
    const entry = new Entry(clock);
    wheel.add(entry, 61_000);
    expect(clock.keepsAlive).to.equal(false);
    wheel.hold();
    wheel.hold();
    expect(clock.keepsAlive).to.equal(true);
    wheel.release();
    expect(clock.keepsAlive).to.equal(true);
    wheel.release();
    expect(clock.keepsAlive).to.equal(false);
    clock.advance(100_000);
    expectOnTime(entry, 61_000);
  });

  it('keeps the process alive while it is held, for as long as that lasts, also when empty', () => {
    const { clock, wheel } = setUp();
    clock.block(10_000_000);
    wheel.hold();
    for (let round = 0; round < 5; round++) {
      expect(clock.keepsAlive).to.equal(true);
      clock.advance(roundMs);
    }
    wheel.release();
    expect(clock.keepsAlive).to.equal(false);
  });

  it('sets no timer while nothing is on it, and wakes rarely for what is far away', () => {
    const { clock, wheel } = setUp();
    expect(clock.timers).to.equal(0);
    let wakes = 0;
    const set = clock.setTimer.bind(clock);
    clock.setTimer = (callback, delayMs) => {
      wakes++;
      return set(callback, delayMs);
    };
    const entry = new Entry(clock);
    wheel.add(entry, clock.now() + 3_600_000);
    expect(clock.timers).to.equal(1);
    clock.advance(3_600_100);
    expect(entry.calls.length).to.equal(1);
    expect(wakes).to.be.below(3_600_000 / roundMs + 5);
    expect(clock.timers).to.equal(0);
    const removed = new Entry(clock);
    wheel.add(removed, clock.now() + 100);
    wheel.remove(removed);
    clock.advance(roundMs);
    expect(clock.timers).to.equal(0);
  });

  it('is one for each clock', () => {
    const clock = new VirtualClock();
    expect(wheelOf(clock)).to.equal(wheelOf(clock));
    expect(wheelOf(new VirtualClock())).to.not.equal(wheelOf(clock));
  });
});

describe('Alarm', () => {
  it('rings once for each time that it is set, unless it is cleared', () => {
    const { clock, wheel } = setUp();
    let rings = 0;
    const alarm = new Alarm(wheel, () => rings++);
    expect(alarm.isSet).to.equal(false);
    alarm.set(1_050);
    expect(alarm.isSet).to.equal(true);
    alarm.set(1_100);
    clock.advance(90);
    expect(rings).to.equal(0);
    clock.advance(20);
    expect(rings).to.equal(1);
    expect(alarm.isSet).to.equal(false);
    alarm.set(1_200);
    alarm.clear();
    clock.advance(200);
    expect(rings).to.equal(1);
    expect(wheel.size).to.equal(0);
  });
});
