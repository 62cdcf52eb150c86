import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { expectFailure } from '../support/failing.ts';
import { StreamingScene } from '../support/streaming.ts';

type Source = Iterable<Buffer> | AsyncIterable<Buffer>;

const streamWindowBytes = 128 * 1024;
const count = 40;

function* large(): Generator<Buffer> {
  for (let place = 1; place <= count; place++) yield Buffer.alloc(50_000, place);
}

describe('A source that can be gone through once', () => {
  let scene: StreamingScene;

  beforeEach(async () => {
    scene = await StreamingScene.start('idempotent', { streamWindowBytes });
  });

  afterEach(() => scene.close());

  function upload(source: Source | (() => Source)): Promise<unknown> {
    return scene.client({ streamWindowBytes }).call.collect({ name: 'x' }, source as never);
  }

  const makers: Readonly<Record<string, () => Source>> = {
    'a generator': large,
    'an iterator': () => Array.from(large())[Symbol.iterator](),
    'a Node stream': () => Readable.from(large()),
    'a Web stream': () => new Blob(Array.from(large())).stream() as never,
  };
  for (const [what, make] of Object.entries(makers)) {
    for (const last of [count / 2, count]) {
      it(`is not taken for an empty one when a function gives it twice: ${what}, behind item ${last}`, async () => {
        let seen = 0;
        scene.beforeItem = async () => {
          if (++seen === last) await scene.crash();
        };
        const source = make();
        const error = await expectFailure(
          upload(() => source),
          'ERR_HOLDFAST_INPUT',
          'gave the same again',
        );
        expect(error.outcome).to.equal('unknown');
        expect(scene.executions.of('x')).to.equal(2);
        expect(scene.whole).to.deep.equal([]);
      });
    }
  }

  it('is not taken for an empty one when somebody else has had all of it: a Node stream', async () => {
    const used = Readable.from(large());
    await buffer(used);
    const error = await expectFailure(upload(used), 'ERR_HOLDFAST_INPUT', 'taken already');
    expect(error.outcome).to.equal('not-executed');
    await expectFailure(
      upload(() => used),
      'ERR_HOLDFAST_ABORTED',
      'taken already',
    );
    expect(scene.whole).to.deep.equal([]);
  });

  it('may be empty', async () => {
    expect(await upload(Readable.from([]))).to.deep.equal([]);
    expect(await upload(() => (function* (): Generator<Buffer> {})())).to.deep.equal([]);
  });
});
