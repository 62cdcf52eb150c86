import { expect } from 'chai';
import {
  type Client,
  connect,
  type Medium,
  type Safety,
  type Server,
  serve,
  tcp,
} from '../../lib/index.ts';
import { writeBytes } from '../../lib/link/outbox.ts';
import { FaultMedium } from '../../lib/testing/index.ts';
import { Breaker, type Line } from '../support/breaker.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';

const batch: readonly Safety[] = [
  'mutate',
  'read',
  'once',
  'mutate',
  'idempotent',
  'semi',
  'read',
  'mutate',
];

/** Makes the batch in one turn, so that its calls leave in one write. */
function callAll(client: Client<typeof verbs>, round: string): Promise<Told[]> {
  return Promise.all(
    batch.map((safety, index) => {
      const name = `${round}/${index}`;
      return toldOf(safety, name, client.call[safety](name));
    }),
  );
}

/** Thousands of clients, each of which loses most of what it ever sent, would share one budget. */
const options = { random: () => 0, retryBudget: false } as const;

describe('Promises 2, 3 and 4: a connection that dies at any byte', () => {
  let executions: Executions;
  let server: Server;
  const everything: Told[] = [];

  /** Holds what was told against the record, now and at the end. */
  function check(told: readonly Told[]): void {
    for (const one of told) expectTruth(one, executions);
    everything.push(...told);
  }

  beforeEach(async () => {
    executions = new Executions();
    server = await serve(verbs, executions.handlers(), { listen: 'tcp://127.0.0.1:0' });
  });

  afterEach(async () => {
    await server.close();
    // Once more when nothing can run any more: a zombie would have run by now.
    for (const one of everything) expectTruth(one, executions);
    everything.length = 0;
  });

  /** Runs the batch over a link that is up, with a cut that `arm` prepares after the hello. */
  async function run(target: string | Medium, round: string, arm: () => void): Promise<Told[]> {
    arm();
    const client = connect(target, verbs, options);
    await client.ready();
    const told = await callAll(client, round);
    client.destroy();
    await client.closed;
    return told;
  }

  for (const end of ['reset', 'fin'] as const) {
    it(`tells the truth when the path ends with ${end} at every offset of a batch`, async function () {
      this.timeout(60_000);
      const breaker = await Breaker.before(server.urls[0] as string);
      const { helloBytes, allBytes } = await measure(breaker);
      breaker.onLimit = (line) => line[end]();
      for (let limit = helloBytes; limit <= allBytes; limit++) {
        const told = await run(breaker.url, `${end} ${limit}`, () => {
          breaker.limit = limit;
          // Only the first connection breaks; the next one lives.
          breaker.onLimit = (line) => {
            breaker.limit = Number.POSITIVE_INFINITY;
            line[end]();
          };
        });
        check(told);
        expectRepeatablesSucceed(told);
      }
      await breaker.close();
    });
  }

  /** How many bytes the hello has, and the hello and the batch together. */
  async function measure(breaker: Breaker): Promise<{ helloBytes: number; allBytes: number }> {
    const client = connect(breaker.url, verbs);
    await client.ready();
    const helloBytes = breaker.last.passed;
    await callAll(client, 'reset 1000');
    const allBytes = breaker.last.passed;
    await client.close();
    return { helloBytes, allBytes };
  }

  for (const report of ['failed', 'ok', 'never'] as const) {
    it(`sends again what was certainly not taken when the write reports "${report}"`, async function () {
      this.timeout(60_000);
      const medium = new FaultMedium(tcp({ port: portOf(server) }));
      const whole = await run(medium, `${report} 0000`, () => {});
      const batchBytes = medium.last.passed('toServer');
      expect(whole.every(({ error }) => error === undefined)).to.equal(true);
      for (let limit = 1; limit <= batchBytes; limit++) {
        const told = await run(medium, `${report} ${String(limit).padStart(4, '0')}`, () => {
          medium.next({ toServer: { cut: { afterBytes: limit, report } } });
        });
        check(told);
        expectRepeatablesSucceed(told);
        // The batch leaves in one write, so its failure proves the last call incomplete.
        const isProven = report === 'failed' && limit < batchBytes;
        if (isProven) expect(told.at(-1)?.error, `last call, cut at ${limit}`).to.equal(undefined);
      }
    });

    it(`sends a long call again that was cut before its last part when the write reports "${report}"`, async function () {
      this.timeout(60_000);
      const medium = new FaultMedium(tcp({ port: portOf(server) }));
      const padding = 'x'.repeat(longBytes);
      for (let limit = 1_000; limit < 3 * longBytes - writeBytes; limit += 10_007) {
        medium.next({ toServer: { cut: { afterBytes: limit, report } } });
        const client = connect(medium, verbs, options);
        const told = await Promise.all(
          [0, 1, 2].map((index) => {
            const name = `${report} ${limit}/${index} ${padding}`;
            return toldOf('mutate', name, client.call.mutate(name));
          }),
        );
        client.destroy();
        await client.closed;
        check(told);
        expect(told.at(-1)?.error, `last call, cut at ${limit}`).to.equal(undefined);
      }
    });
  }

  it('sends long calls again that the kernel did not take when the path is reset', async function () {
    this.timeout(60_000);
    const breaker = await Breaker.before(server.urls[0] as string);
    // The kernel takes 10 MB at most beyond what is read, so the last call is never taken whole.
    const padding = 'x'.repeat(8_000_000);
    for (let limit = 1_000; limit < 12_000_000; limit += 1_777_777) {
      breaker.limit = limit;
      breaker.onLimit = async (line) => {
        breaker.limit = Number.POSITIVE_INFINITY;
        await untilStuck(line);
        line.reset();
      };
      const client = connect(breaker.url, verbs, options);
      const told = await Promise.all(
        [0, 1, 2, 3].map((index) => {
          const name = `reset ${limit}/${index} ${padding}`;
          return toldOf('mutate', name, client.call.mutate(name));
        }),
      );
      client.destroy();
      await client.closed;
      check(told);
      expect(told.at(-1)?.error, `last call, cut at ${limit}`).to.equal(undefined);
    }
    await breaker.close();
  });
});

const longBytes = 200_000;

function portOf(server: Server): number {
  return Number(new URL(server.urls[0] as string).port);
}

/** Resolves when the client's kernel takes nothing more, because nobody reads. */
async function untilStuck(line: Line): Promise<void> {
  let seen = -1;
  for (let quiet = 0; quiet < 200; quiet++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (line.client.bytesRead !== seen) quiet = 0;
    seen = line.client.bytesRead;
  }
}

/** Calls that may be repeated succeed whatever happens to the first connection. */
function expectRepeatablesSucceed(told: readonly Told[]): void {
  for (const { safety, name, error } of told) {
    if (safety !== 'mutate') expect(error, name).to.equal(undefined);
  }
}
