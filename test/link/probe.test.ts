import { expect } from 'chai';
import { Probe } from '../../lib/link/probe.ts';
import { VirtualClock } from '../../lib/testing/index.ts';

interface Made {
  readonly clock: VirtualClock;
  readonly probe: Probe;
  /** Bytes come in. */
  hear(bytes: number): void;
  /** How often the probe was through. */
  readonly quiet: () => number;
}

function setUp(): Made {
  const clock = new VirtualClock();
  let heard = 0;
  let quiet = 0;
  const probe = new Probe(
    clock,
    () => heard,
    () => {
      quiet++;
    },
  );
  return {
    clock,
    probe,
    hear: (bytes) => {
      heard += bytes;
    },
    quiet: () => quiet,
  };
}

describe('Probe', () => {
  it('is through after two turns that brought nothing', () => {
    const { clock, probe, quiet } = setUp();
    probe.start();
    expect(probe.running).to.equal(true);
    clock.turn();
    expect(quiet()).to.equal(0);
    clock.turn();
    expect(quiet()).to.equal(1);
    expect(probe.running).to.equal(false);
    expect(clock.waitingTurns).to.equal(0);
  });

  it('needs two quiet turns in a row', () => {
    const { clock, probe, hear, quiet } = setUp();
    probe.start();
    clock.turn();
    hear(1);
    clock.turn();
    clock.turn();
    expect(quiet()).to.equal(0);
    hear(10);
    clock.turn();
    clock.turn();
    expect(quiet()).to.equal(0);
    clock.turn();
    expect(quiet()).to.equal(1);
  });

  it('does not count what came in before it began', () => {
    const { clock, probe, hear, quiet } = setUp();
    hear(1_000);
    probe.start();
    clock.turn();
    clock.turn();
    expect(quiet()).to.equal(1);
  });

  it('is through after 50 turns, however much comes in', () => {
    const { clock, probe, hear, quiet } = setUp();
    probe.start();
    let turns = 0;
    while (quiet() === 0 && turns < 1_000) {
      hear(1);
      clock.turn();
      turns++;
    }
    expect(turns).to.equal(50);
  });

  it('tells nobody once it is stopped', () => {
    const { clock, probe, quiet } = setUp();
    probe.start();
    clock.turn();
    probe.stop();
    expect(probe.running).to.equal(false);
    clock.advance(100);
    expect(quiet()).to.equal(0);
    expect(clock.waitingTurns).to.equal(0);
  });

  it('runs once although it is started twice, and can run again', () => {
    const { clock, probe, quiet } = setUp();
    probe.start();
    probe.start();
    expect(clock.waitingTurns).to.equal(1);
    clock.advance(0);
    expect(quiet()).to.equal(1);
    probe.start();
    clock.advance(0);
    expect(quiet()).to.equal(2);
  });

  it('takes no time but turns', () => {
    const { clock, probe, quiet } = setUp();
    const before = clock.now();
    probe.start();
    clock.advance(0);
    expect(quiet()).to.equal(1);
    expect(clock.now()).to.equal(before);
    expect(clock.timers).to.equal(0);
  });
});
