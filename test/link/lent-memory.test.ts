import { expect } from 'chai';
import { Outbox } from '../../lib/link/outbox.ts';
import { ScriptedChannel } from '../support/scripted-channel.ts';

describe('Outbox with memory that is lent', () => {
  const slab = Buffer.alloc(1_000, 'slab');
  let channel: ScriptedChannel;
  let outbox: Outbox;
  /** How many ranges were given back, each time. */
  let returned: number[];
  const lender = {
    giveBack(buffer: Uint8Array, count: number): void {
      expect(buffer).to.equal(slab);
      returned.push(count);
    },
  };

  beforeEach(() => {
    channel = new ScriptedChannel(true);
    outbox = new Outbox(channel, false, () => {});
    returned = [];
  });

  function lend(count: number): void {
    for (let at = 0; at < count; at++) outbox.pushLent(slab, at * 10, at * 10 + 10, lender);
  }

  it('gives it back as soon as the system has it', () => {
    lend(3);
    expect(returned).to.deep.equal([]);
    outbox.flush();
    expect(channel.bytes.length).to.equal(30);
    expect(returned).to.deep.equal([3]);
    outbox.flush();
    expect(returned).to.deep.equal([3]);
  });

  it('gives it back later when the system takes it later', () => {
    channel.isThrough = false;
    lend(2);
    outbox.flush();
    lend(1);
    outbox.flush();
    expect(returned).to.deep.equal([]);
    channel.take();
    expect(returned).to.deep.equal([]);
    channel.isThrough = true;
    channel.take();
    expect(returned).to.deep.equal([3]);
  });

  it('keeps it while a part of what was pushed waits', () => {
    channel.isThrough = false;
    lend(1);
    outbox.flush();
    outbox.pushAll(Buffer.alloc(10));
    channel.dead = true;
    channel.isThrough = true;
    outbox.flush();
    expect(returned).to.deep.equal([]);
  });

  it('asks nothing back of memory from which nothing is lent any more', () => {
    channel.isThrough = false;
    outbox.pushLent(Buffer.alloc(10), 0, 10, lender);
    lend(2);
    channel.isThrough = true;
    outbox.flush();
    expect(returned).to.deep.equal([2]);
  });
});
