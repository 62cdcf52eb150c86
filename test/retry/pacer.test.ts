import { expect } from 'chai';
import { Pacer } from '../../lib/retry/pacer.ts';

/** Sends `rate` calls a second for `ms`, as far as the pacer lets it; the time at the end. */
function send(pacer: Pacer, from: number, ms: number, rate: number): { now: number; sent: number } {
  let sent = 0;
  let now = from;
  for (let index = 1; index <= (ms * rate) / 1_000; index++) {
    now = from + (index * 1_000) / rate;
    if (pacer.waitMs(now, 1) > 0) continue;
    pacer.onSent(now);
    sent++;
  }
  return { now: from + ms, sent };
}

/** A pacer that was on its way at 100 calls a second when the server complained. */
function complained(): { pacer: Pacer; now: number } {
  const pacer = new Pacer();
  const { now } = send(pacer, 0, 5_000, 100);
  expect(pacer.onOverload(now, now - 1)).to.equal(true);
  return { pacer, now };
}

describe('Pacer', () => {
  it('is off until the server complains', () => {
    const pacer = new Pacer();
    expect(send(pacer, 0, 1_000, 5_000).sent).to.equal(5_000);
    expect([pacer.isOn, pacer.rate, pacer.waitMs(1_000, 1e6)]).to.deep.equal([
      false,
      Number.POSITIVE_INFINITY,
      0,
    ]);
  });

  it('goes on at 0.7 of what it sent', () => {
    const { pacer, now } = complained();
    expect(pacer.isOn).to.equal(true);
    expect(pacer.rate).to.be.closeTo(70, 1);
    expect(send(pacer, now, 10_000, 1_000).sent).to.be.within(690, 710);
  });

  it('is lowered once by all the complaints about what was sent before', () => {
    const { pacer, now } = complained();
    for (let index = 0; index < 64; index++) {
      expect(pacer.onOverload(now + index, now - 1)).to.equal(false);
    }
    expect(pacer.rate).to.be.closeTo(70, 1);
    const later = send(pacer, now, 5_000, 1_000).now;
    expect(pacer.onOverload(later, later - 10)).to.equal(true);
    expect(pacer.rate).to.be.closeTo(49, 2);
  });

  it('follows CUBIC: back to the old rate after cbrt(W * 0.3 / 0.4), slowly round it, then beyond', () => {
    const { pacer, now } = complained();
    const plateauMs = Math.cbrt((100 * 0.3) / 0.4) * 1_000;
    const rates: number[] = [];
    for (let at = now; at <= now + 2 * plateauMs + 1; at += plateauMs / 10) {
      pacer.onAnswer(at, 1);
      rates.push(pacer.rate);
      send(pacer, at, plateauMs / 10, 1_000);
    }
    expect(rates[0]).to.be.closeTo(70, 1);
    for (const [index, rate] of rates.entries()) {
      const cubic = 0.4 * ((index * plateauMs) / 10_000 - plateauMs / 1_000) ** 3 + 100;
      expect(rate, `step ${index}`).to.be.closeTo(cubic, 2);
    }
    expect((rates[20] as number) - (rates[10] as number)).to.be.closeTo(30, 3);
  });

  it('does not raise the rate beyond twice what is sent', () => {
    const { pacer, now } = complained();
    send(pacer, now, 5_000, 2);
    pacer.onAnswer(now + 9_000, 1);
    expect(pacer.rate).to.be.at.most(75);
  });

  it('keeps half a call a second, whatever happens', () => {
    const pacer = new Pacer();
    let now = 0;
    for (let index = 0; index < 100; index++) {
      now += 5_000;
      pacer.onSent(now);
      pacer.onOverload(now + 1, now);
    }
    expect(pacer.rate).to.equal(0.5);
    expect(send(pacer, now, 60_000, 100).sent).to.be.within(29, 31);
  });

  it('makes up for a tenth of a second at most', () => {
    const { pacer, now } = complained();
    let sent = 0;
    for (const at = now + 60_000; pacer.waitMs(at, 1) === 0; sent++) pacer.onSent(at);
    expect(sent).to.be.within(6, 7);
  });

  it('tells when the n-th that waits has its turn', () => {
    const { pacer, now } = complained();
    for (const place of [1, 2, 70, 700]) {
      expect(pacer.waitMs(now, place), `${place}`).to.be.closeTo((place * 1_000) / 70, place / 3);
    }
  });

  it('goes off once twice the old rate would be allowed and nothing waits', () => {
    const { pacer, now } = complained();
    const offMs = (Math.cbrt((100 * 0.3) / 0.4) + Math.cbrt(100 / 0.4)) * 1_000;
    pacer.onAnswer(now + offMs - 100, 0);
    expect(pacer.isOn).to.equal(true);
    pacer.onAnswer(now + offMs + 100, 5);
    expect(pacer.isOn).to.equal(true);
    pacer.onAnswer(now + offMs + 100, 0);
    expect(pacer.isOn).to.equal(false);
    expect(send(pacer, now + offMs + 200, 1_000, 1_000).sent).to.equal(1_000);
  });

  it('measures a burst that is refused within its first half second', () => {
    const pacer = new Pacer();
    for (let index = 0; index < 100; index++) pacer.onSent(0);
    pacer.onOverload(20, 0);
    expect(pacer.rate).to.be.closeTo(140, 0.1);
  });
});
