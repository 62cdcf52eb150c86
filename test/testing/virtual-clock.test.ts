import { expect } from 'chai';
import { VirtualClock } from '../../lib/testing/index.ts';

describe('VirtualClock', () => {
  it('calls timers in the order in which they are due, each at its instant', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name}@${clock.now()}`);
    clock.setTimer(note('late'), 30);
    clock.setTimer(note('first'), 10);
    clock.setTimer(note('second'), 10);
    clock.advance(29);
    expect(seen).to.deep.equal(['first@1010', 'second@1010']);
    clock.advance(1);
    expect(seen).to.deep.equal(['first@1010', 'second@1010', 'late@1030']);
    expect(clock.timers).to.equal(0);
  });

  it('runs the turns that a timer asks for before the next timer', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.setTimer(() => {
      seen.push('one');
      clock.nextTurn(() => {
        seen.push('turn');
        clock.nextTurn(() => seen.push('turn after'));
      });
    }, 10);
    clock.setTimer(() => seen.push('two'), 11);
    clock.advance(20);
    expect(seen).to.deep.equal(['one', 'turn', 'turn after', 'two']);
  });

  it('runs one turn at a time when the test turns the loop', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.nextTurn(() => {
      seen.push('first');
      clock.nextTurn(() => seen.push('second'));
    });
    clock.turn();
    expect(seen).to.deep.equal(['first']);
    expect(clock.waitingTurns).to.equal(1);
    clock.turn();
    expect(seen).to.deep.equal(['first', 'second']);
  });

  it('calls timers late after the loop was blocked', () => {
    const clock = new VirtualClock();
    let calledAt = 0;
    clock.setTimer(() => {
      calledAt = clock.now();
    }, 10);
    clock.block(500);
    expect(calledAt).to.equal(0);
    clock.turn();
    expect(calledAt).to.equal(1_500);
  });

  it('does not call a timer that was cancelled, even by one of the same instant', () => {
    const clock = new VirtualClock();
    let called = 0;
    const first = clock.setTimer(() => {
      called++;
      second.cancel();
    }, 10);
    const second = clock.setTimer(() => called++, 10);
    clock.advance(100);
    first.cancel();
    expect(called).to.equal(1);
  });

  it('calls what a timer sets for the time that is still to pass', () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const tick = (): void => {
      ticks++;
      clock.setTimer(tick, 10);
    };
    clock.setTimer(tick, 10);
    clock.advance(100);
    expect(ticks).to.equal(10);
    expect(clock.nextDueAt).to.equal(1_110);
  });

  it('tells whether it would keep a process alive', () => {
    const clock = new VirtualClock();
    expect(clock.keepsAlive).to.equal(false);
    const timer = clock.setTimer(() => {}, 10);
    expect(clock.keepsAlive).to.equal(true);
    timer.unref();
    expect(clock.keepsAlive).to.equal(false);
    timer.ref();
    expect(clock.keepsAlive).to.equal(true);
    timer.cancel();
    expect(clock.keepsAlive).to.equal(false);
  });

  it('refuses to run for ever', () => {
    const clock = new VirtualClock();
    const again = (): void => {
      clock.setTimer(again, 0);
    };
    again();
    expect(() => clock.advance(1)).to.throw('steps');
  });

  it('lets promises and the real loop move on between timers', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const seen: number[] = [];
    const wait = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        clock.setTimer(resolve, ms);
      });
    const chain = (async () => {
      for (let step = 0; step < 3; step++) {
        await wait(10);
        await new Promise<void>((resolve) => {
          clock.nextTurn(resolve);
        });
        seen.push(clock.now());
      }
    })();
    await clock.pass(100);
    await chain;
    expect(seen).to.deep.equal([1_010, 1_020, 1_030]);
    expect(clock.now()).to.equal(1_100);
  });
});
