import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Client, connect, type HoldfastError } from '../../lib/index.ts';
import { Breaker } from '../support/breaker.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { failureOf } from '../support/failure.ts';
import { Journal } from '../support/journal.ts';
import { type Given, type Opening, verbs } from '../support/passed-streams.ts';
import { ended } from '../support/processes.ts';
import { type SceneOrder, type SceneReport, SceneServer } from '../support/scene-server.ts';
import { upTo } from '../support/streaming.ts';

const patient: SceneOrder = { noticeMs: 50, timeoutMs: 30_000, readyTimeoutMs: 30_000 };
const hasty: SceneOrder = { ...patient, timeoutMs: 300 };

const eachMs = 10;
/** In all longer than it takes until the next process serves. */
const count = 300;
/** Never in all. */
const most = 1e6;

/** What the old process says of the streams of those that are cut. */
const allCut = [
  'mutateCollect',
  'mutateCount',
  'mutateTenfold',
  'readCollect',
  'readCount',
  'readCount',
];

const classes = ['read', 'mutate'] as const;

describe('Streams of a server that hands over to the next process', function () {
  this.timeout(60_000);
  let program: Compiled;
  let folder: string;
  let server: SceneServer;
  let breaker: Breaker;
  let client: Client<typeof verbs>;

  before(async () => {
    program = await compile('./passed-streams-main.ts');
  });

  after(() => program.remove());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    const [journal, order] = [join(folder, 'journal'), join(folder, 'order')];
    const listen = ['tcp://127.0.0.1:0'];
    server = await SceneServer.start(program.path, { listen, journal, order });
    breaker = await Breaker.before(server.urls[0] as string);
    client = connect(breaker.url, verbs, {
      retryBudget: false,
      reconnectBaseMs: 2,
      reconnectCapMs: 20,
    });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await breaker.close();
    await server.kill();
    await rm(folder, { recursive: true });
  });

  /** How many executions began, and how many have had all of their items. */
  function executions(name: string): readonly [begun: number, done: number] {
    const journal = Journal.read(join(folder, 'journal'));
    return [journal.of(name), journal.ended.of(name)];
  }

  /** Resolves when the next process serves; gives its pid. */
  async function successor(): Promise<number> {
    const old = server.pid;
    while (server.pid === old) {
      if ((await server.next()) === undefined) throw new Error('Nobody serves any more');
    }
    return server.pid;
  }

  /** What the old process says of what it has cut, when it has handed over. */
  async function cutOff(): Promise<readonly string[]> {
    let report: SceneReport | undefined;
    do report = await server.next();
    while (report?.kind !== 'handed-over' && report !== undefined);
    return report?.kind === 'handed-over' ? report.cut : [];
  }

  /** Items, one after the other. */
  async function* slowly(to: number, isOver = (): boolean => false): AsyncGenerator<number> {
    for (let item = 1; item <= to && !isOver(); item++) {
      yield item;
      await sleep(eachMs);
    }
  }

  /** Goes through a stream, and says how far it came. */
  class Following {
    readonly items: number[] = [];
    readonly pids = new Set<number>();
    error: HoldfastError | undefined;
    readonly over: Promise<void>;
    #onItem: () => void = () => {};

    constructor(stream: AsyncIterable<Given>) {
      this.over = this.#follow(stream);
    }

    async #follow(stream: AsyncIterable<Given>): Promise<void> {
      try {
        for await (const [item, pid] of stream) {
          this.items.push(item);
          this.pids.add(pid);
          this.#onItem();
        }
      } catch (error) {
        this.error = error as HoldfastError;
        this.#onItem();
      }
    }

    async reached(items: number): Promise<this> {
      while (this.items.length < items && this.error === undefined) {
        await new Promise<void>((resolve) => {
          this.#onItem = resolve;
        });
      }
      return this;
    }
  }

  it('end where they are, whole and once, while new calls go to the next one', async () => {
    const old = server.pid;
    const begun = classes.map((safety) => {
      const opening = { count, eachMs };
      return {
        safety,
        download: new Following(client.call[`${safety}Count`]({ ...opening, name: `${safety} a` })),
        upload: client.call[`${safety}Collect`]({ name: `${safety} b` }, slowly(count)),
        duplex: new Following(
          client.call[`${safety}Tenfold`]({ name: `${safety} c` }, slowly(count)),
        ),
        // One item early, and one late.
        watch: new Following(
          client.call[`${safety}Count`]({ name: `${safety} d`, count: 2, eachMs: count * eachMs }),
        ),
      };
    });
    for (const { download, duplex, watch } of begun) {
      await Promise.all([download.reached(5), duplex.reached(5), watch.reached(1)]);
    }
    server.handOver(patient);
    const next = await successor();
    while ((await client.call.pid()) !== next) await sleep(eachMs);
    for (const { safety, download, upload, duplex, watch } of begun) {
      expect(await upload).to.deep.equal({ items: upTo(count), pid: old });
      await Promise.all([download.over, duplex.over, watch.over]);
      expect(download.items).to.deep.equal(upTo(count));
      expect(duplex.items).to.deep.equal(upTo(count).map((item) => 10 * item));
      expect(watch.items).to.deep.equal([1, 2]);
      for (const { error, pids } of [download, duplex, watch]) {
        expect([error, [...pids]]).to.deep.equal([undefined, [old]]);
      }
      for (const each of ['a', 'b', 'c', 'd']) {
        expect(executions(`${safety} ${each}`), each).to.deep.equal([1, 1]);
      }
    }
    expect(await cutOff()).to.deep.equal([]);
  });

  const ways: Readonly<Record<string, (old: number) => unknown>> = {
    'its time is over': () => {},
    'the connection is lost': () => {
      for (const line of breaker.lines) line.reset();
    },
    'the old process is killed': (old) => process.kill(old, 'SIGKILL'),
  };
  for (const [how, strike] of Object.entries(ways)) {
    it(`are cut when ${how}: one goes on that can say how, and nobody is told a lie`, async () => {
      const old = server.pid;
      const opening = { count: most, eachMs };
      const resumeFrom = (input: Opening, [last]: Given): Opening => ({ ...input, from: last + 1 });
      const { call } = client;
      const going = new Following(call.readCount({ ...opening, name: 'going' }, { resumeFrom }));
      const cut = {
        reading: new Following(call.readCount({ ...opening, name: 'reading' })),
        writing: new Following(call.mutateCount({ ...opening, name: 'writing' })),
        duplex: new Following(call.mutateTenfold({ name: 'duplex' }, slowly(most))),
      };
      let isCut = false;
      const again = call.readCollect(
        { name: 'again' },
        slowly(most, () => isCut),
      );
      const upload = failureOf(call.mutateCollect({ name: 'upload' }, slowly(most)));
      for (const each of [going, ...Object.values(cut)]) await each.reached(5);
      server.handOver(how === 'its time is over' ? hasty : patient);
      const next = await successor();
      strike(old);

      while (!going.pids.has(next)) await going.reached(going.items.length + 1);
      isCut = true;
      await going.reached(going.items.length + 20);
      const { items, error, pids } = going;
      expect([error, items]).to.deep.equal([undefined, upTo(items.length)]);
      expect([...pids]).to.deep.equal([old, next]);
      const taken = await again;
      expect(taken).to.deep.equal({ items: upTo(taken.items.length), pid: next });
      for (const [name, following] of Object.entries(cut)) {
        await expectCut(name, following, old);
      }
      expect(await upload).to.include({ code: 'ERR_HOLDFAST_PARTIAL', outcome: 'unknown' });
      for (const name of ['writing', 'duplex', 'upload']) {
        expect(executions(name), name).to.deep.equal([1, 0]);
      }
      expect(await call.pid()).to.equal(next);
      if (how === 'the old process is killed') await ended(old);
      else expect([...(await cutOff())].sort()).to.deep.equal(allCut);
    });
  }

  async function expectCut(name: string, following: Following, pid: number): Promise<void> {
    await following.over;
    const { items, error, pids } = following;
    const factor = name === 'duplex' ? 10 : 1;
    expect(error, name).to.include({
      code: 'ERR_HOLDFAST_PARTIAL',
      outcome: 'unknown',
      delivered: items.length,
    });
    expect(items, name).to.deep.equal(upTo(items.length).map((item) => factor * item));
    expect(items.length, name).to.be.at.least(5);
    expect([...pids], name).to.deep.equal([pid]);
  }

  it('that need no more items are answered through the next one when the connection is lost', async () => {
    const old = server.pid;
    const uploads = classes.map((safety) =>
      client.call[`${safety}Collect`]({ name: safety, eachMs: 500 }, upTo(count)),
    );
    const beside = new Following(client.call.readCount({ name: 'beside', count: most, eachMs }));
    await beside.reached(10);
    server.handOver(patient);
    const next = await successor();
    for (const line of breaker.lines) line.reset();
    for (const [index, upload] of uploads.entries()) {
      expect(await upload).to.deep.equal({ items: upTo(count), pid: old });
      expect(executions(classes[index] as string)).to.deep.equal([1, 1]);
    }
    await beside.over;
    expect(beside.error).to.include({ code: 'ERR_HOLDFAST_PARTIAL', outcome: 'unknown' });
    expect(await client.call.pid()).to.equal(next);
    expect(await cutOff()).to.deep.equal(['readCount']);
  });
});
