import { expect } from 'chai';
import { Arrival } from '../../lib/link/arrival.ts';

describe('What comes in', () => {
  const everyMs = 100;
  let now: number;
  let isWhole: boolean;
  let signs: number[];
  let arrival: Arrival;

  beforeEach(() => {
    now = 5_000;
    isWhole = true;
    signs = [];
    const messages = {
      get atBoundary(): boolean {
        return isWhole;
      },
      receive: (chunk: Buffer) => {
        isWhole = chunk.toString().endsWith('.');
      },
    };
    arrival = new Arrival(messages, everyMs, () => signs.push(now));
  });

  function comes(text: string, afterMs: number): void {
    now += afterMs;
    arrival.receive(Buffer.from(text), now);
  }

  it('is told of now and then while a message takes long to come', () => {
    comes('a', 1_000);
    for (let part = 0; part < 9; part++) comes('b', 30);
    // Behind 120 ms each, for something comes each 30 ms.
    expect(signs).to.deep.equal([6_120, 6_240]);
  });

  it('is not told of when messages are short, however long there was nothing before', () => {
    for (let message = 0; message < 9; message++) comes('short.', 1_000);
    expect(signs).to.deep.equal([]);
  });

  it('is not told of when a long message comes quickly', () => {
    comes('a', 1_000);
    for (let part = 0; part < 9; part++) comes('b', 5);
    comes('end.', 200);
    expect(signs).to.deep.equal([]);
  });

  it('need not be told of to who hears something else', () => {
    comes('a', 1_000);
    for (let part = 0; part < 9; part++) {
      comes('b', 60);
      arrival.answered(now);
    }
    expect(signs).to.deep.equal([]);
    comes('b', 100);
    expect(signs).to.have.length(1);
  });
});
