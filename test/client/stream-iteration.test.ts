import { AsyncLocalStorage } from 'node:async_hooks';
import { expect } from 'chai';
import { connect, mutate, type Server, serve } from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { expectFailure } from '../support/failing.ts';
import { failureOf } from '../support/failure.ts';
import { until } from '../support/road.ts';
import { all, type StreamClient, StreamingScene, upTo } from '../support/streaming.ts';

describe('The items of a call', () => {
  let scene: StreamingScene;
  let client: StreamClient;

  beforeEach(async () => {
    scene = await StreamingScene.start('read');
    client = scene.client();
  });

  afterEach(() => scene.close());

  /** The iterator of a stream of three items, all of which have come, and the call has ended. */
  async function arrived(name: string, signal?: AbortSignal) {
    const items = client.call.count({ name, count: 3 }, signal === undefined ? {} : { signal });
    await until(() => client.pending === 0 && scene.executions.of(name) === 1);
    return items;
  }

  it('come in order to who asks for many at once, and then nothing', async () => {
    const items = client.call.count({ name: 'x', count: 3 })[Symbol.asyncIterator]();
    const asked = await Promise.all(Array.from({ length: 6 }, () => items.next()));
    expect(asked.map(({ value }) => value)).to.deep.equal([1, 2, 3, ...Array(3).fill(undefined)]);
    expect(asked.map(({ done }) => done)).to.deep.equal([false, false, false, true, true, true]);
  });

  it('fail for everybody who waits, when they fail', async () => {
    scene.beforeItem = (_, item) => {
      if (item === 2) throw new Error('no more');
    };
    const items = client.call.count({ name: 'x', count: 3 })[Symbol.asyncIterator]();
    const [first, ...others] = await Promise.allSettled([1, 2, 3].map(() => items.next()));
    expect(first).to.have.nested.property('value.value', 1);
    for (const other of others) {
      expect(other).to.have.nested.property('reason.code', 'ERR_HOLDFAST_REMOTE');
    }
    expect(await items.next()).to.deep.equal({ done: true, value: undefined });
  });

  it('are at their end for who waits for one while the loop is left', async () => {
    scene.beforeItem = (_, item) => (item === 2 ? new Promise(() => {}) : undefined);
    const items = client.call.count({ name: 'x', count: 3 })[Symbol.asyncIterator]();
    await items.next();
    const waiting = [items.next(), items.next()];
    await items.return?.();
    for (const next of waiting) expect(await next).to.deep.equal({ done: true, value: undefined });
    await until(() => scene.aborted.includes('x'));
    expect(client.pending).to.equal(0);
  });

  it('are given up when the body of the loop throws, and its error is the one that is seen', async () => {
    const failing = async (): Promise<void> => {
      for await (const item of client.call.count({ name: 'x', count: 1e6 })) {
        if (item === 3) throw new Error('by the body');
      }
    };
    const error = await failing().catch((thrown: unknown) => thrown);
    expect(error).to.have.property('message', 'by the body');
    await until(() => scene.aborted.includes('x'));
  });

  it('need not be looked at when they fail', async () => {
    scene.beforeItem = () => {
      throw new Error('nobody hears it');
    };
    client.call.count({ name: 'x', count: 3 });
    await until(() => scene.endings.has('x') && client.pending === 0);
  });

  it('are no more when they were cancelled, also if all of them had come', async () => {
    const items = await arrived('cancelled');
    const got: number[] = [];
    const taking = async (): Promise<void> => {
      for await (const item of items) {
        got.push(item);
        items.cancel(new Error('enough'));
      }
    };
    const error = await expectFailure(taking(), 'ERR_HOLDFAST_ABORTED', 'it was cancelled');
    expect(error).to.include({ outcome: 'executed', verb: 'count', delivered: 1 });
    expect(error.cause).to.have.property('message', 'enough');
    expect(got).to.deep.equal([1]);

    const disposed = await arrived('disposed');
    await disposed[Symbol.asyncDispose]();
    await expectFailure(all(disposed), 'ERR_HOLDFAST_ABORTED');

    const controller = new AbortController();
    const aborted = (await arrived('aborted', controller.signal))[Symbol.asyncIterator]();
    expect((await aborted.next()).value).to.equal(1);
    controller.abort(new Error('stop'));
    const failing = await failureOf(aborted.next());
    expect(failing).to.include({ code: 'ERR_HOLDFAST_ABORTED', outcome: 'executed' });
    expect(failing.cause).to.have.property('message', 'stop');
  });

  it('have ended well although they are cancelled afterwards', async () => {
    const items = await arrived('x');
    expect(await all(items)).to.deep.equal(upTo(3));
    items.cancel();
    await items[Symbol.asyncDispose]();
  });

  it('are asked for behind the last one within what the application ran', async () => {
    const storage = new AsyncLocalStorage<string>();
    await storage.run('another', () => client.ready());
    let seen: string | undefined = 'nothing';
    scene.beforeItem = (_, item) => (item === 3 ? new Promise(() => {}) : undefined);
    const got: number[] = [];
    await storage.run('its own', async () => {
      const items = client.call.count(
        { name: 'x', count: 4 },
        {
          resumeFrom: (input, last) => {
            seen = storage.getStore();
            scene.beforeItem = () => {};
            return { ...input, from: last + 1 };
          },
        },
      );
      for await (const item of items) {
        got.push(item);
        if (item === 2) await scene.crash();
      }
    });
    expect(got).to.deep.equal(upTo(4));
    expect(seen).to.equal('its own');
  });
});

describe('An upload that is called by its name', () => {
  it('has the time of any call behind its last item', async () => {
    const verbs = { upload: mutate.clientStream<void, number, number>() };
    let taken = 0;
    const server: Server = await serve(
      verbs,
      {
        upload: async (_, { items }) => {
          for await (const _item of items) taken++;
          return await new Promise<number>(() => {});
        },
      },
      { listen: 'tcp://127.0.0.1:0' },
    );
    const clock = new VirtualClock({ turns: 'real' });
    const client = connect(server.urls[0] as string, undefined, {
      clock,
      timeoutMs: 100,
      heartbeatMs: 1e6,
    });
    const failing = failureOf(all(client.stream('upload', undefined, { items: [1, 2, 3] })));
    await until(() => taken === 3);
    await clock.pass(120);
    expect((await failing).code).to.equal('ERR_HOLDFAST_DEADLINE');
    client.destroy();
    await client.closed;
    await server.close();
  });
});
