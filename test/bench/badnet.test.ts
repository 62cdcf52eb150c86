import { expect } from 'chai';
import { slowMedium } from '../../bench/badnet/connecting.ts';
import { documentOf } from '../../bench/badnet/document.ts';
import { run } from '../../bench/badnet/exchanges.ts';
import { GilbertElliott, meanLoss, noLoss } from '../../bench/badnet/gilbert-elliott.ts';
import { LossyPath } from '../../bench/badnet/lossy-path.ts';
import { exchangesCsv, figuresOf, samplesCsv, table } from '../../bench/badnet/report.ts';
import type { Sample } from '../../bench/badnet/sample.ts';
import { connect, defineVerbs, mutate, read, serve, tcp } from '../../lib/index.ts';
import { seededRandom } from '../../lib/testing/index.ts';

const loss = { p: 0.5, r: 0.2 };
/** As the experiment has them, of the sources and not of the built package. */
const verbs = defineVerbs({
  take: mutate<{ readonly number: number }, string>(),
  look: read<{ readonly number: number }, string>(),
});
const work = { exchanges: 12, atATime: 6, capMs: 20_000 };

describe('The bad-network experiment', () => {
  it('loses as many packets as the model says, in bursts, and the same ones for the same seed', () => {
    const packets = 50_000;
    const losses = (seed: number): boolean[] => {
      const chain = new GilbertElliott(loss, seededRandom(seed));
      return Array.from({ length: packets }, () => !chain.passes());
    };
    const lost = losses(1);
    const share = lost.filter(Boolean).length / packets;
    expect(share).to.be.closeTo(meanLoss(loss), 0.02);
    const bursts = lost.filter((isLost, at) => isLost && !lost[at - 1]).length;
    expect((share * packets) / bursts).to.be.closeTo(1 / loss.r, 0.25);
    expect(losses(1)).to.deep.equal(lost);
    expect(losses(2)).not.to.deep.equal(lost);
  });

  it('loses nothing where it should not', () => {
    const chain = new GilbertElliott(noLoss, Math.random);
    for (let packet = 0; packet < 1_000; packet++) expect(chain.passes()).to.equal(true);
    expect({ passed: chain.passed, lost: chain.lost }).to.deep.equal({ passed: 1_000, lost: 0 });
  });

  it('has documents of 7 kB of JSON', () => {
    for (const number of [0, 7, 99]) {
      expect(documentOf(number)).to.have.length(7_000);
      expect(JSON.parse(documentOf(number))).to.include({ document: number });
    }
  });

  /** How often each exchange was executed; every one must be answered. */
  async function executionsOf(verb: 'take' | 'look'): Promise<readonly number[]> {
    const executions = new Array<number>(work.exchanges).fill(0);
    const give = ({ number }: { readonly number: number }): string => {
      executions[number] = (executions[number] ?? 0) + 1;
      return documentOf(number);
    };
    const handlers = { take: give, look: give };
    const server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    const door = { host: '127.0.0.1', port: Number(new URL(server.urls[0] as string).port) };
    // Ten times as fast as the real thing.
    const times = { synMs: 100, retransmitMs: 20 };
    const path = await LossyPath.open({ http: door, holdfast: door }, loss, 1, times);
    const medium = slowMedium(tcp(path.doors.holdfast), path);
    const client = connect(medium, verbs, { stall: { afterMs: 20 } });
    const way = {
      exchange: (number: number) => client.call[verb]({ number }),
      close: () => client.destroy(),
    };
    const { exchanges } = await run(way, work);
    await client.closed;
    await path.close();
    await server.close();
    expect(exchanges.map(({ outcome }) => outcome)).to.deep.equal(
      Array.from({ length: work.exchanges }, () => 'answered'),
    );
    const { passed, lost } = path.counts;
    expect(lost / (passed + lost)).to.be.greaterThan(0.5);
    return executions;
  }

  it('is passed by holdfast: every exchange is answered, and executed once', async function () {
    this.timeout(30_000);
    for (const executions of await executionsOf('take')) expect(executions).to.equal(1);
  });

  it('is passed by reads too: every one is answered, and executed twice at the most', async function () {
    this.timeout(30_000);
    for (const executions of await executionsOf('look')) expect(executions).to.be.within(1, 2);
  });

  it('leaves what is not finished in time', async () => {
    const way = { exchange: () => new Promise<string>(() => {}), close: () => {} };
    const { exchanges } = await run(way, { exchanges: 5, atATime: 2, capMs: 10 });
    expect(exchanges.map(({ outcome }) => outcome)).to.deep.equal(['unfinished', 'unfinished']);
  });

  it('tells answers from failures and from wrong answers', async () => {
    const way = {
      exchange: async (number: number) => {
        if (number === 1) throw new Error('lost');
        return documentOf(number === 2 ? 0 : number);
      },
      close: () => {},
    };
    const { exchanges } = await run(way, { exchanges: 3, atATime: 1, capMs: 5_000 });
    expect(exchanges.map(({ outcome }) => outcome)).to.deep.equal(['answered', 'failed', 'wrong']);
  });

  it('reports what became of the exchanges, how long they took, and how often they ran', () => {
    const sample: Sample = {
      contender: 'retry',
      seed: 3,
      wallMs: 5_000,
      exchanges: [
        { number: 0, startedMs: 0, tookMs: 1_000, outcome: 'answered' },
        { number: 1, startedMs: 0, tookMs: 3_000, outcome: 'answered' },
        { number: 2, startedMs: 10, tookMs: 4_000, outcome: 'failed' },
        { number: 3, startedMs: 20, outcome: 'unfinished' },
      ],
      executions: 7,
      passed: 30,
      lost: 70,
    };
    const figures = figuresOf(sample);
    expect(figures).to.deep.equal({
      contender: 'retry',
      seed: 3,
      answered: 2,
      failed: 1,
      unfinished: 1,
      wallS: 5,
      p50S: 3,
      p95S: 3,
      maxS: 3,
      executions: 7,
      lossPercent: 70,
    });
    expect(table([figures, { ...figures, answered: 4 }])).to.match(/^retry +2 4 +1 1 /m);
    expect(samplesCsv([figures]).split('\n')[1]).to.equal('retry,3,2,1,1,5,3,3,3,7,70');
    expect(exchangesCsv([sample]).split('\n').at(-2)).to.equal('retry,3,3,20,,unfinished');
  });
});
