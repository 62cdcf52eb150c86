import { expect } from 'chai';
import { type Client, connect, read, type StandardSchema } from '../../lib/index.ts';
import { until } from '../support/road.ts';
import { anything } from '../support/schemas.ts';
import { all, type Opening, StreamingScene, upTo } from '../support/streaming.ts';

/** What the application gets for an item. */
interface Seen {
  readonly at: number;
}

const input = anything as StandardSchema<Opening>;

function verbsWith(items: StandardSchema<number, Seen>) {
  return { count: read.serverStream({ input, items }) };
}

type Verbs = ReturnType<typeof verbsWith>;

describe('A stream whose items are looked at for a while, and whose server process goes', () => {
  let scene: StreamingScene;
  let client: Client<Verbs>;
  /** Awaited before an item is good. */
  let look: (item: number) => unknown;
  /** Items whose look has begun, and what `resumeFrom` was asked. */
  let looked: number[];
  let asked: (readonly [last: unknown, delivered: number])[];

  beforeEach(async () => {
    look = () => {};
    looked = [];
    asked = [];
    scene = await StreamingScene.start('read');
    const validate = async (value: unknown) => {
      looked.push(value as number);
      await look(value as number);
      return { value: { at: value as number } };
    };
    const verbs = verbsWith({ '~standard': { version: 1, vendor: 'test', validate } });
    client = connect(scene.medium, verbs, {
      random: () => 0,
      reconnectBaseMs: 1,
      reconnectCapMs: 1,
      retryBudget: false,
    });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await scene.close();
  });

  function counted(count: number): AsyncIterable<Seen> {
    return client.call.count(
      { name: 'x', count },
      {
        resumeFrom: (opening, last, delivered) => {
          asked.push([last, delivered]);
          return { ...opening, from: last.at + 1 };
        },
      },
    );
  }

  /** Has the first look at an item last until the stream was opened again elsewhere. */
  function goesDuringTheLookAt(held: number): void {
    let isOver = false;
    scene.beforeItem = (_, item) => (item > held && !isOver ? new Promise(() => {}) : undefined);
    look = async (item) => {
      if (item !== held || isOver) return;
      isOver = true;
      await scene.crash();
      await until(() => scene.executions.of('x') === 2);
    };
  }

  const seen = (count: number): Seen[] => upTo(count).map((at) => ({ at }));

  it('goes on behind the last item that was given, as it was given', async () => {
    goesDuringTheLookAt(3);
    expect(await all(counted(9))).to.deep.equal(seen(9));
    expect(asked).to.deep.equal([[{ at: 2 }, 2]]);
    expect(looked).to.deep.equal([1, 2, 3, ...upTo(9).slice(2)]);
  });

  it('begins again when the first one was being looked at', async () => {
    goesDuringTheLookAt(1);
    expect(await all(counted(4))).to.deep.equal(seen(4));
    expect(asked).to.deep.equal([]);
    expect(looked).to.deep.equal([1, ...upTo(4)]);
  });

  it('gives each item once, in order, to who asks for many at once', async () => {
    goesDuringTheLookAt(2);
    const items = counted(6)[Symbol.asyncIterator]();
    const results = await Promise.all(Array.from({ length: 7 }, () => items.next()));
    expect(results.map(({ value }) => value)).to.deep.equal([...seen(6), undefined]);
    expect(asked).to.deep.equal([[{ at: 1 }, 1]]);
  });
});
