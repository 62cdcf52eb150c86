import { Readable } from 'node:stream';
import { expect } from 'chai';
import type { HoldfastError } from '../../lib/index.ts';
import { expectFailure } from '../support/failing.ts';
import { failureOf } from '../support/failure.ts';
import { until } from '../support/road.ts';
import { all, StreamingScene, streamClasses, upTo } from '../support/streaming.ts';

/** Gives the numbers up to `count`, and tells when the last one was taken and the source closed. */
class Source {
  pulled = 0;
  isClosed = false;
  readonly #count: number;
  readonly #beforeItem: (item: number) => unknown;

  constructor(count: number, beforeItem: (item: number) => unknown = () => {}) {
    this.#count = count;
    this.#beforeItem = beforeItem;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    try {
      for (let item = 1; item <= this.#count; item++) {
        await this.#beforeItem(item);
        this.pulled = item;
        yield item;
      }
    } finally {
      this.isClosed = true;
    }
  }
}

/** Does it once. */
function once(action: () => unknown): () => unknown {
  let isDone = false;
  return () => {
    if (isDone) return undefined;
    isDone = true;
    return action();
  };
}

describe('When the server process is gone, a stream', () => {
  let scene: StreamingScene;

  afterEach(() => scene.close());

  it('of items that were not seen yet is called again by class', async () => {
    for (const safety of streamClasses) {
      scene = await StreamingScene.start(safety);
      const crash = once(() => scene.crash());
      scene.beforeItem = async () => {
        await crash();
      };
      const client = scene.client();
      const got = all(client.call.count({ name: 'x', count: 9 }));
      if (safety === 'mutate') {
        // Nothing has gone by it, but it may have run.
        const error = await expectFailure(got, 'ERR_HOLDFAST_LOST');
        expect(error).to.include({ outcome: 'unknown', delivered: 0 });
        expect(scene.executions.of('x')).to.equal(1);
      } else {
        expect(await got).to.deep.equal(upTo(9));
        expect(scene.executions.of('x')).to.equal(2);
      }
      await scene.close();
    }
  });

  it('goes on behind the last item if it says how', async () => {
    scene = await StreamingScene.start('read');
    const client = scene.client({ retryBudget: false });
    const asked: (readonly [last: unknown, delivered: number])[] = [];
    const got: number[] = [];
    // No item comes before the one before it was taken.
    scene.beforeItem = (_, item) => until(() => got.length >= item - 1);
    const items = client.call.count(
      { name: 'x', count: 30 },
      {
        resumeFrom: (input, lastItem, delivered) => {
          asked.push([lastItem, delivered]);
          return { ...input, from: lastItem + 1 };
        },
      },
    );
    for await (const item of items) {
      got.push(item);
      if (item % 4 === 0) await scene.crash();
    }
    expect(got).to.deep.equal(upTo(30));
    // More often than a call is attempted: each time it has got further.
    expect(asked.length).to.equal(7);
    for (const [last, delivered] of asked) expect(last).to.equal(delivered);
  });

  it('otherwise fails behind what has come, and says how much that is', async () => {
    for (const safety of streamClasses) {
      scene = await StreamingScene.start(safety);
      scene.beforeItem = (_, item) => (item === 8 ? new Promise(() => {}) : undefined);
      const client = scene.client();
      const got: number[] = [];
      let error: unknown;
      try {
        for await (const item of client.call.count({ name: 'x', count: 30 })) {
          got.push(item);
          if (item === 3) await scene.crash();
        }
      } catch (thrown) {
        error = thrown;
      }
      expect(error, String(error)).to.include({
        code: 'ERR_HOLDFAST_PARTIAL',
        outcome: 'unknown',
        delivered: got.length,
        verb: 'count',
      });
      expect(got).to.deep.equal(upTo(got.length));
      expect(got.length).to.be.within(3, 7);
      expect(scene.executions.of('x')).to.equal(1);
      await scene.close();
    }
  });

  it('fails when what should say how it goes on fails', async () => {
    scene = await StreamingScene.start('read');
    const client = scene.client();
    const cause = new Error('no cursor');
    const items = client.call.count(
      { name: 'x', count: 30 },
      {
        resumeFrom: () => {
          throw cause;
        },
      },
    );
    scene.beforeItem = (_, item) => (item === 8 ? new Promise(() => {}) : undefined);
    const failing = async (): Promise<void> => {
      for await (const item of items) if (item === 3) await scene.crash();
    };
    const error = await expectFailure(failing(), 'ERR_HOLDFAST_PARTIAL', 'no cursor');
    expect(error.outcome).to.equal('unknown');
  });

  it('of items that were all sent and are still here is sent again by class', async () => {
    for (const safety of streamClasses) {
      scene = await StreamingScene.start(safety);
      const crash = once(() => scene.crash());
      scene.beforeItem = async (_, item) => {
        if (item === 5) await crash();
      };
      const client = scene.client();
      const source = new Source(9);
      const sent = client.call.collect({ name: 'x' }, source);
      if (safety === 'mutate') {
        const error = await expectFailure(sent, 'ERR_HOLDFAST_PARTIAL');
        expect(error.outcome).to.equal('unknown');
        expect(error.sent).to.equal(source.pulled);
        expect(scene.executions.of('x')).to.equal(1);
      } else {
        expect(await sent).to.deep.equal(upTo(9));
        expect(scene.executions.of('x')).to.equal(2);
      }
      await scene.close();
    }
  });

  describe('whose items are not all here any more', () => {
    const count = 40;
    const large = Array.from({ length: count }, (_, index) => Buffer.alloc(50_000, index));

    /** Uploads 2 MB through windows of 128 KiB; the server goes when it has taken half of it. */
    async function upload(
      safety: 'idempotent' | 'mutate',
      source: Iterable<Buffer> | AsyncIterable<Buffer> | (() => Iterable<Buffer>),
    ): Promise<number[]> {
      scene = await StreamingScene.start(safety, { streamWindowBytes: 128 * 1024 });
      const crash = once(() => scene.crash());
      scene.beforeItem = async (_, item) => {
        const bytes = item as unknown as Buffer;
        if (bytes[0] === count / 2) await crash();
      };
      const client = scene.client({ streamWindowBytes: 128 * 1024 });
      const taken = await client.call.collect({ name: 'x' }, source as never);
      return (taken as unknown as Buffer[]).map(([first]) => first as number);
    }

    it('is sent again by class if its source can be opened again', async () => {
      let opened = 0;
      const factory = (): Iterable<Buffer> => {
        opened++;
        return large;
      };
      const taken = await upload('idempotent', factory);
      expect(taken).to.deep.equal(large.map(([first]) => first as number));
      expect(opened).to.equal(2);
      expect(scene.executions.of('x')).to.equal(2);
    });

    it('is not, if its class forbids it, although its source could', async () => {
      const error = await expectFailure(
        upload('mutate', () => large),
        'ERR_HOLDFAST_PARTIAL',
      );
      expect(error.outcome).to.equal('unknown');
      expect(scene.executions.of('x')).to.equal(1);
    });

    it('is never taken for an empty one, or for one that begins in the midst', async () => {
      for (const source of [large[Symbol.iterator](), Readable.from(large)]) {
        const error = await expectFailure(upload('idempotent', source), 'ERR_HOLDFAST_PARTIAL');
        expect(error.outcome).to.equal('unknown');
        expect(error.message).to.contain('its input was consumed');
        expect(error.acknowledged).to.be.within(1, count - 1);
        expect(error.sent).to.be.within((error.acknowledged as number) + 1, count);
        expect(scene.executions.of('x')).to.equal(1);
        await scene.close();
      }
    });
  });

  it('that was refused has not touched its source, and is sent again', async () => {
    scene = await StreamingScene.start('mutate', { maxConcurrency: 1, maxQueue: 0 });
    const client = scene.client();
    let go: () => void = () => {};
    scene.beforeItem = (name) =>
      name === 'first' ? new Promise<void>((resolve) => (go = resolve)) : undefined;
    const first = all(client.call.count({ name: 'first', count: 1 }));
    await until(() => scene.executions.of('first') === 1);
    const source = new Source(9);
    let refusals = 0;
    const second = client.call.collect({ name: 'second' }, source, {
      onAttempt: ({ evidence }) => {
        if (evidence !== 'refused') return;
        refusals++;
        expect(source.pulled).to.equal(0);
        go();
      },
    });
    expect(await first).to.deep.equal([1]);
    expect(await second).to.deep.equal(upTo(9));
    expect(refusals).to.be.at.least(1);
  });
});

describe('A stream that its sender gives up', () => {
  let scene: StreamingScene;

  afterEach(() => scene.close());

  it('never ends normally at the server: its source throws', async () => {
    scene = await StreamingScene.start('mutate');
    const client = scene.client();
    for (let at = 1; at <= 5; at++) {
      const name = `at ${at}`;
      const broken = new Error(`broken ${at}`);
      const source = new Source(9, (item) => {
        if (item === at) throw broken;
      });
      const error = await expectFailure(
        client.call.collect({ name }, source),
        'ERR_HOLDFAST_ABORTED',
        `broken ${at}`,
      );
      expect(error.cause).to.equal(broken);
      expect(error.outcome).to.equal('unknown');
      expect(error.sent).to.equal(at - 1);
      expect(await scene.ended(name)).to.equal('aborted');
      expect(source.isClosed).to.equal(true);
    }
  });

  it('never ends normally at the server: an item cannot be sent', async () => {
    scene = await StreamingScene.start('mutate');
    const client = scene.client();
    const source = [1, 2, () => {}] as never;
    const error = await expectFailure(
      client.call.collect({ name: 'x' }, source),
      'ERR_HOLDFAST_ENCODE',
    );
    expect(error.outcome).to.equal('unknown');
    expect(await scene.ended('x')).to.equal('aborted');
  });

  it('never ends normally at the server: it is cancelled, or its client is gone', async () => {
    scene = await StreamingScene.start('mutate', { resumeGraceMs: 0 });
    for (const how of ['abort', 'destroy'] as const) {
      const client = scene.client();
      const controller = new AbortController();
      const source = new Source(9, (item) => (item === 4 ? new Promise(() => {}) : undefined));
      const sent = failureOf(
        client.call.collect({ name: how }, source, { signal: controller.signal }),
      );
      await until(() => scene.taken.get(how)?.length === 3);
      if (how === 'abort') controller.abort(new Error('enough'));
      else client.destroy();
      const { code, outcome } = await sent;
      expect([code, outcome]).to.deep.equal([
        how === 'abort' ? 'ERR_HOLDFAST_ABORTED' : 'ERR_HOLDFAST_CLOSED',
        'unknown',
      ]);
      expect(await scene.ended(how)).to.equal('aborted');
      expect(scene.aborted).to.include(how);
    }
  });

  it('never ends normally at the server: all was sent, but the handler had not taken it', async () => {
    scene = await StreamingScene.start('mutate');
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    scene.beforeItem = (_, item) => (item === 3 ? held : undefined);
    const client = scene.client();
    const controller = new AbortController();
    const { signal } = controller;
    const failing = failureOf(client.call.collect({ name: 'x' }, upTo(9), { signal }));
    await until(() => scene.taken.get('x')?.length === 2);
    // Behind its answer the server has the end too.
    await client.call.collect({ name: 'y' }, []);
    controller.abort();
    expect(await failing).to.include({ code: 'ERR_HOLDFAST_ABORTED', outcome: 'unknown' });
    await until(() => scene.aborted.includes('x'));
    goOn();
    await scene.ended('x');
    expect(scene.whole).to.deep.equal(['y']);
  });
});

describe('A stream that its receiver gives up', () => {
  let scene: StreamingScene;

  afterEach(() => scene.close());

  it('is told to its handler: the loop is left, it is cancelled, disposed of, aborted', async () => {
    scene = await StreamingScene.start('read');
    scene.beforeItem = (_, item) => (item === 5 ? new Promise(() => {}) : undefined);
    const client = scene.client();
    const controller = new AbortController();
    const items = (name: string) =>
      client.call.count({ name, count: 1e6 }, { signal: controller.signal });

    for await (const item of items('left')) if (item === 3) break;

    const cancelled = items('cancelled');
    const failing = failureOf(all(cancelled));
    await until(() => scene.executions.of('cancelled') === 1);
    cancelled.cancel(new Error('enough'));
    expect((await failing).code).to.equal('ERR_HOLDFAST_ABORTED');
    expect((await failing).cause).to.have.property('message', 'enough');

    const disposed = items('disposed');
    await until(() => scene.executions.of('disposed') === 1);
    await disposed[Symbol.asyncDispose]();

    const aborting = failureOf(all(items('aborted')));
    await until(() => scene.executions.of('aborted') === 1);
    controller.abort();
    expect((await aborting).code).to.equal('ERR_HOLDFAST_ABORTED');

    for (const name of ['left', 'cancelled', 'disposed', 'aborted']) {
      await until(() => scene.aborted.includes(name));
    }
    expect(client.pending).to.equal(0);
  });

  it('closes its source, when the handler has enough', async () => {
    scene = await StreamingScene.start('mutate');
    const client = scene.client();
    scene.beforeItem = (_, item) => {
      if (item === 3) throw new Error('enough');
    };
    const source = new Source(1_000_000);
    const error = await failureOf(client.call.collect({ name: 'x' }, source));
    expect(error).to.include({ code: 'ERR_HOLDFAST_REMOTE', outcome: 'executed' });
    await until(() => source.isClosed);
    expect(source.pulled).to.be.below(1_000_000);
  });
});

describe('A handler that fails in the midst of its items', () => {
  let scene: StreamingScene;

  afterEach(() => scene.close());

  it('fails the stream behind them, and is not called again once one was seen', async () => {
    scene = await StreamingScene.start('read');
    scene.beforeItem = (_, item) => {
      if (item === 4) throw new Error('no more');
    };
    const got: number[] = [];
    const failing = async (): Promise<void> => {
      for await (const item of scene.client().call.count({ name: 'x', count: 9 })) got.push(item);
    };
    const error: HoldfastError = await expectFailure(failing(), 'ERR_HOLDFAST_REMOTE');
    expect(error).to.include({ outcome: 'executed', delivered: 3 });
    expect(got).to.deep.equal([1, 2, 3]);
    expect(scene.executions.of('x')).to.equal(1);
  });
});
