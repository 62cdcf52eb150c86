import { expect } from 'chai';
import { PongLimit } from '../../lib/client/pong-limit.ts';

describe('The limit of answers to pings', () => {
  it('is reached by a server that pings and takes nothing', () => {
    const limit = new PongLimit();
    for (let ping = 0; ping < 1_000; ping++) limit.count('a link', 50);
    expect(() => limit.count('a link', 50)).to.throw('a link pings faster than it reads');
  });

  it('is never reached while something leaves, however long what is in front of them', () => {
    const limit = new PongLimit();
    for (let ping = 0; ping < 100_000; ping++) limit.count('a link', Math.floor(ping / 100));
  });
});
