import { expect } from 'chai';
import { connect, retryBudget } from '../../lib/index.ts';
import { expectFailure } from '../support/failing.ts';
import { failureOf } from '../support/failure.ts';
import { until } from '../support/road.ts';
import { all, StreamingScene, streamVerbs, upTo } from '../support/streaming.ts';

describe('A server that drains', () => {
  let scene: StreamingScene;

  afterEach(() => scene.close());

  it('waits for its streams, and cuts none', async () => {
    scene = await StreamingScene.start('mutate');
    const client = scene.client();
    let go: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    scene.beforeItem = (_, item) => (item > 3 ? gate : undefined);
    const calls = [
      all(client.call.count({ name: 'count', count: 9 })),
      client.call.collect({ name: 'collect' }, upTo(9)),
      all(client.call.tenfold({ name: 'tenfold' }, upTo(9))),
    ];
    await until(() => scene.executions.total === 3);
    const draining = scene.server.drain({ timeoutMs: 8_000 });
    await until(() => client.state !== 'ready');
    go();
    const { cut } = await draining;
    expect(cut).to.deep.equal([]);
    expect(await Promise.all(calls)).to.deep.equal([
      upTo(9),
      upTo(9),
      upTo(9).map((item) => item * 10),
    ]);
    for (const name of ['count', 'collect', 'tenfold']) {
      expect(scene.endings.get(name), name).to.deep.equal(['done']);
    }
  });

  it('waits for none that has failed, when its client has all of its items', async () => {
    scene = await StreamingScene.start('mutate');
    const client = scene.client();
    scene.beforeItem = (_, item) => {
      if (item === 4) throw new Error('no more');
    };
    const error = await failureOf(all(client.call.count({ name: 'x' })));
    expect(error).to.include({ code: 'ERR_HOLDFAST_REMOTE', delivered: 3 });
    const { cut } = await scene.server.drain({ timeoutMs: 1_000 });
    expect(cut).to.deep.equal([]);
  });

  it('says which it has cut when its time is over, and their clients how far they came', async () => {
    scene = await StreamingScene.start('mutate');
    const client = scene.client({ timeoutMs: 5_000 });
    scene.beforeItem = (_, item) => (item > 3 ? new Promise(() => {}) : undefined);
    const counting = expectFailure(
      all(client.call.count({ name: 'count', count: 9 })),
      'ERR_HOLDFAST_PARTIAL',
    );
    const collecting = expectFailure(
      client.call.collect({ name: 'collect' }, upTo(9)),
      'ERR_HOLDFAST_PARTIAL',
    );
    await until(() => scene.taken.get('collect')?.length === 3);
    const { cut } = await scene.server.drain({ timeoutMs: 50 });
    expect(cut.map(({ verb, outcome }) => [verb, outcome])).to.have.deep.members([
      ['count', 'unknown'],
      ['collect', 'unknown'],
    ]);
    await scene.serve();
    expect(await counting).to.include({ outcome: 'unknown', delivered: 3 });
    expect(await collecting).to.include({ outcome: 'unknown', sent: 9 });
    expect(scene.executions.total).to.equal(2);
  });

  it('loses no stream to a successor that goes on where items were not seen', async () => {
    scene = await StreamingScene.start('read');
    const client = scene.client({ timeoutMs: 8_000 });
    const got: number[] = [];
    // No item comes before the one before it was taken.
    scene.beforeItem = (_, item) => until(() => got.length >= item - 1);
    const resumeFrom = <Input extends object>(input: Input, last: unknown) => ({
      ...input,
      from: (last as number) + 1,
    });
    const items = client.call.count({ name: 'x', count: 30 }, { resumeFrom });
    for await (const item of items) {
      got.push(item);
      if (item !== 10) continue;
      await scene.server.drain({ timeoutMs: 1 });
      await scene.serve();
    }
    expect(got).to.deep.equal(upTo(30));
  });
});

describe('A client of several servers', () => {
  it('begins its streams at one that takes calls, and ends them where they are', async () => {
    const scenes = [await StreamingScene.start('read'), await StreamingScene.start('read')];
    const [first, second] = scenes as [StreamingScene, StreamingScene];
    const client = connect(
      scenes.map(({ url }) => url),
      streamVerbs.read,
    );
    try {
      let go: () => void = () => {};
      const gate = new Promise<void>((resolve) => {
        go = resolve;
      });
      for (const scene of scenes) scene.beforeItem = (_, item) => (item === 2 ? gate : undefined);
      const items = all(client.call.count({ name: 'before', count: 5 }));
      await until(() => first.executions.total + second.executions.total === 1);
      const [its, other] = first.executions.total === 1 ? [first, second] : [second, first];
      const draining = its.server.drain({ timeoutMs: 8_000 });
      // As soon as the client knows.
      for (let made = 0; other.executions.total === 0; made++) {
        expect(await all(client.call.count({ name: `${made}`, count: 1 }))).to.deep.equal([1]);
      }
      go();
      expect(await items).to.deep.equal(upTo(5));
      expect((await draining).cut).to.deep.equal([]);
      expect(its.executions.of('before')).to.equal(1);
    } finally {
      client.destroy();
      await client.closed;
      for (const scene of scenes) await scene.close();
    }
  });

  it('begins a stream anew at another server, and never goes on with what it left behind', async () => {
    const scenes = [await StreamingScene.start('read'), await StreamingScene.start('read')];
    const client = connect(
      scenes.map(({ medium }) => medium),
      streamVerbs.read,
      { random: () => 0, reconnectBaseMs: 1, reconnectCapMs: 1, retryBudget: retryBudget() },
    );
    try {
      const gates = scenes.map((scene, index) => {
        let go: () => void = () => {};
        const gate = new Promise<void>((resolve) => {
          go = resolve;
        });
        // The second has given fewer when it is left.
        scene.beforeItem = (_, item) => (item === 6 - 2 * index ? gate : undefined);
        return go;
      });
      const replays = { count: 0 };
      client.on('replay', () => replays.count++);
      const items = client.call.count({ name: 'x', count: 9 });
      const executions = (): number[] => scenes.map((scene) => scene.executions.of('x'));
      await until(() => executions()[0] === 1);
      await client.call.collect({ name: 'y' }, []);
      scenes[0]?.medium.last.reset();
      await until(() => executions()[1] === 1);
      scenes[1]?.medium.last.reset();
      await until(() => replays.count === 2);
      await until(() => executions()[0] === 2);
      for (const go of gates) go();
      expect(await all(items)).to.deep.equal(upTo(9));
      expect(executions()).to.deep.equal([2, 1]);
      // Nobody waits for the first one there any more.
      await until(() => scenes[0]?.aborted.length === 1);
    } finally {
      client.destroy();
      await client.closed;
      for (const scene of scenes) await scene.close();
    }
  });
});
