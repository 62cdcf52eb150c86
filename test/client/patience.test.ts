import { expect } from 'chai';
import { Patience, roomFor } from '../../lib/client/patience.ts';

describe('Patience', () => {
  const afterMs = 200;
  let patience: Patience;

  beforeEach(() => {
    patience = new Patience(afterMs);
  });

  it('waits a second for an answer on a path of which nothing is known', () => {
    expect(patience.connectMs(0)).to.equal(1_000);
    expect(patience.pongMs(0)).to.equal(1_000);
  });

  it('waits for four round trips, and not less than it was told', () => {
    patience.connected(10);
    patience.ponged(10);
    expect([patience.connectMs(0), patience.pongMs(0)]).to.deep.equal([200, 200]);
    for (let trip = 0; trip < 16; trip++) {
      patience.connected(300);
      patience.ponged(300);
    }
    expect([patience.connectMs(0), patience.pongMs(0)]).to.deep.equal([1_200, 1_200]);
  });

  it('goes by the least of the last few round trips: losses hold the others up', () => {
    patience.ponged(30);
    for (let trip = 0; trip < 15; trip++) patience.ponged(5_000);
    expect(patience.pongMs(0)).to.equal(200);
    patience.ponged(5_000);
    expect(patience.pongMs(0)).to.equal(20_000);
  });

  it('waits for less where packets are known to be lost, but for four round trips', () => {
    for (const tookMs of [5, 40]) {
      patience = new Patience(afterMs);
      patience.connected(tookMs);
      patience.greeted(tookMs);
      patience.ponged(tookMs);
      patience.connectLost(0);
      const waits = [patience.connectMs(0), patience.helloMs(0), patience.pongMs(0)];
      expect(waits).to.deep.equal(tookMs === 5 ? [50, 100, 100] : [160, 160, 160]);
      expect([patience.connectMs(10_000), patience.pongMs(10_000)]).to.deep.equal([200, 200]);
    }
  });

  it('waits longer and longer for connects that are not answered, up to a bound', () => {
    patience.connected(10);
    const waits: number[] = [];
    for (let lost = 0; lost < 80; lost++) {
      patience.connectLost(0);
      if (lost % 8 === 0) waits.push(patience.connectMs(0));
    }
    expect(waits.slice(0, 10)).to.deep.equal([
      50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 8_000, 8_000,
    ]);
    patience.connected(10);
    expect(patience.connectMs(0)).to.equal(50);
  });

  it('takes a path for lossy for ten seconds after a connect that was not answered', () => {
    expect(patience.isLossy(0)).to.equal(false);
    patience.connectLost(1_000);
    expect(patience.isLossy(10_999)).to.equal(true);
    expect(patience.isLossy(11_000)).to.equal(false);
  });

  it('knows a server that answers a hello as fast as ever, which is not slow', () => {
    patience.greeted(10);
    expect([40, 41].map((tookMs) => patience.isOutrun(tookMs))).to.deep.equal([true, false]);
    patience = new Patience(afterMs);
    patience.greeted(1);
    expect([25, 26].map((tookMs) => patience.isOutrun(tookMs))).to.deep.equal([true, false]);
  });

  it('leaves a silent link at once where packets are lost, and late where a server may be slow', () => {
    patience.ponged(10);
    expect(patience.leaveMs(0)).to.equal(1_600);
    patience.connectLost(0);
    expect(patience.leaveMs(0)).to.equal(0);
  });

  it('does not say hello again to a server that it does not know, unless packets are lost', () => {
    expect(patience.helloMs(0)).to.equal(Number.POSITIVE_INFINITY);
    patience.connectLost(0);
    expect(patience.helloMs(0)).to.equal(1_000);
  });

  it('doubles its wait with every hello that a slow server does not answer', () => {
    patience.greeted(10);
    const waits: number[] = [];
    for (let lost = 0; lost < 4; lost++) {
      waits.push(patience.helloMs(0));
      patience.helloLost();
    }
    expect(waits).to.deep.equal([1_600, 3_200, 6_400, 8_000]);
    expect(patience.leaveMs(0)).to.equal(8_000);
    patience.greeted(10);
    expect(patience.helloMs(0)).to.equal(1_600);
  });

  it('doubles it only with every fourth where packets are lost', () => {
    patience.greeted(10);
    patience.connectLost(0);
    const waits: number[] = [];
    for (let lost = 0; lost < 9; lost++) {
      waits.push(patience.helloMs(0));
      patience.helloLost();
    }
    expect(waits).to.deep.equal([100, 100, 100, 100, 200, 200, 200, 200, 400]);
  });

  it('gives time for what authentication takes', () => {
    patience.greeted(2_000);
    patience.connectLost(0);
    expect(patience.helloMs(0)).to.equal(8_000);
  });
});

describe('The connections that a client may have', () => {
  it('are one that is used, and of the others half fresh and half left', () => {
    expect(roomFor({})).to.deep.equal({ fresh: 2, left: 2 });
    expect(roomFor({ maxConnections: 2 })).to.deep.equal({ fresh: 1, left: 0 });
    expect(roomFor({ maxConnections: 3 })).to.deep.equal({ fresh: 1, left: 1 });
    expect(roomFor({ maxConnections: 8 })).to.deep.equal({ fresh: 4, left: 3 });
    expect(roomFor(false)).to.deep.equal({ fresh: 1, left: 0 });
  });
});
