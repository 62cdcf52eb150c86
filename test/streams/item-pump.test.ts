import { Readable } from 'node:stream';
import { expect } from 'chai';
import { ItemPump } from '../../lib/streams/item-pump.ts';
import { type ItemIterable, isItemIterable } from '../../lib/streams/item-source.ts';

/** A sender that wants so many items, and notes them. */
class Wanting {
  wanted: number;
  readonly items: unknown[] = [];
  readonly pump: ItemPump;
  readonly ended: Promise<unknown>;
  opened = 0;
  /** What goes on when the event loop has turned. */
  readonly turns: (() => void)[] = [];

  constructor(source: ItemIterable<unknown>, wanted = Number.POSITIVE_INFINITY) {
    this.wanted = wanted;
    let pump: ItemPump | undefined;
    this.ended = new Promise((resolve) => {
      pump = new ItemPump(
        () => {
          this.opened++;
          return source;
        },
        this,
        {
          onPushed: () => {},
          onEnd: (value) => resolve(['end', value]),
          onError: (error) => resolve(['error', (error as Error).message]),
          nextTurn: (callback) => this.turns.push(callback),
        },
      );
    });
    this.pump = pump as unknown as ItemPump;
  }

  get wantsMore(): boolean {
    return this.items.length < this.wanted;
  }

  push(item: unknown): void {
    if (item === 'bad') throw new Error('it cannot be sent');
    this.items.push(item);
  }
}

async function* counting(closed: string[] = []): AsyncGenerator<number> {
  try {
    for (let number = 1; ; number++) yield number;
  } finally {
    closed.push('closed');
  }
}

describe('what takes items from their source', () => {
  it('does not touch the source before the sender wants something', () => {
    const wanting = new Wanting([1], 0);
    wanting.pump.pull();
    expect([wanting.opened, wanting.pump.isUntouched]).to.deep.equal([0, true]);
    wanting.wanted = 1;
    wanting.pump.pull();
    expect([wanting.opened, wanting.pump.isUntouched]).to.deep.equal([1, false]);
  });

  it('takes no more than the sender wants, and goes on when it wants more', () => {
    const wanting = new Wanting([1, 2, 3, 4], 2);
    wanting.pump.pull();
    wanting.pump.pull();
    expect(wanting.items).to.deep.equal([1, 2]);
    wanting.wanted = 9;
    wanting.pump.pull();
    expect(wanting.items).to.deep.equal([1, 2, 3, 4]);
  });

  const sources: Readonly<Record<string, () => ItemIterable<unknown>>> = {
    'an array': () => ['a', 'b'],
    'a set': () => new Set(['a', 'b']),
    'an array of promises': () => [Promise.resolve('a'), 'b'],
    'a generator': function* () {
      yield 'a';
      yield 'b';
    },
    'an asynchronous generator': async function* () {
      yield 'a';
      await Promise.resolve();
      yield 'b';
    },
    'a Node stream': () => Readable.from(['a', 'b']),
    'a Web stream': () => new Blob(['ab']).stream().pipeThrough(split()),
  };
  for (const [name, make] of Object.entries(sources)) {
    it(`takes items from ${name}`, async () => {
      const source = make();
      expect(isItemIterable(source)).to.equal(true);
      const wanting = new Wanting(source);
      wanting.pump.pull();
      expect(await wanting.ended).to.deep.equal(['end', undefined]);
      expect(wanting.items).to.deep.equal(['a', 'b']);
    });
  }

  it('takes text, bytes and things that cannot be iterated for no source', () => {
    for (const value of ['ab', Buffer.from('ab'), new Float64Array(2), {}, 7, null, undefined]) {
      expect(isItemIterable(value)).to.equal(false);
    }
  });

  for (const [name, source] of [
    ['at once', Array.from({ length: 1_500 }, (_, index) => index)],
    ['in time', counting()],
  ] as const) {
    it(`lets the event loop turn behind many items that come ${name}`, async () => {
      const wanting = new Wanting(source, 1_500);
      const { items, pump, turns } = wanting;
      pump.pull();
      for (const taken of [512, 1_024]) {
        while (turns.length === 0) await Promise.resolve();
        // What else asks it to go on does not hurry it.
        pump.pull();
        expect([items.length, turns.length]).to.deep.equal([taken, 1]);
        turns.shift()?.();
      }
      while (items.length < 1_500) await Promise.resolve();
      expect(turns).to.deep.equal([]);
    });
  }

  it('takes nothing more behind such a turn when nobody wants the rest', async () => {
    const wanting = new Wanting(Array.from({ length: 1_500 }, (_, index) => index));
    wanting.pump.pull();
    await wanting.pump.stop(undefined);
    wanting.turns.shift()?.();
    expect(wanting.items.length).to.equal(512);
  });

  it('tells what a generator returned', async () => {
    const wanting = new Wanting(
      (async function* () {
        yield 1;
        return 'last';
      })(),
    );
    wanting.pump.pull();
    expect(await wanting.ended).to.deep.equal(['end', 'last']);
  });

  it('tells that the source failed, at once or later, or cannot be opened', async () => {
    const failing: readonly ItemIterable<unknown>[] = [
      (function* () {
        yield 1;
        throw new Error('broken');
      })(),
      (async function* () {
        yield 1;
        throw new Error('broken');
      })(),
      [Promise.reject(new Error('broken'))],
      {
        [Symbol.iterator]: () => {
          throw new Error('broken');
        },
      },
    ];
    for (const source of failing) {
      const wanting = new Wanting(source);
      wanting.pump.pull();
      expect(await wanting.ended).to.deep.equal(['error', 'broken']);
    }
  });

  it('closes a source that gives something that cannot be sent', async () => {
    const closed: string[] = [];
    const wanting = new Wanting(
      (function* () {
        try {
          yield 'bad';
        } finally {
          closed.push('closed');
        }
      })(),
    );
    wanting.pump.pull();
    expect(await wanting.ended).to.deep.equal(['error', 'it cannot be sent']);
    expect(closed).to.deep.equal(['closed']);
  });

  it('closes the source when nobody wants the rest', async () => {
    const closed: string[] = [];
    const wanting = new Wanting(counting(closed), 3);
    wanting.pump.pull();
    while (wanting.items.length < 3) await Promise.resolve();
    const stopped = wanting.pump.stop(new Error('enough'));
    wanting.wanted = 9;
    wanting.pump.pull();
    await stopped;
    expect([wanting.items, closed]).to.deep.equal([[1, 2, 3], ['closed']]);
  });

  it('closes a Node stream and a Web stream that give nothing', async () => {
    const silent = new Readable({ read: () => {} });
    const gone = new Promise((resolve) => silent.on('error', resolve));
    const node = new Wanting(silent);
    node.pump.pull();
    void node.pump.stop(new Error('enough'));
    expect(((await gone) as Error).message).to.equal('enough');
    let cancelled: unknown;
    const web = new Wanting(
      new ReadableStream({
        cancel: (reason) => {
          cancelled = reason;
        },
      }),
    );
    web.pump.pull();
    await web.pump.stop('enough');
    expect(cancelled).to.equal('enough');
  });
});

/** Bytes as single letters. */
function split(): TransformStream<Uint8Array, string> {
  return new TransformStream({
    transform: (chunk, controller) => {
      for (const letter of Buffer.from(chunk).toString()) controller.enqueue(letter);
    },
  });
}
