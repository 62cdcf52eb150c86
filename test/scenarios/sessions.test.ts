import { expect } from 'chai';
import {
  type Client,
  connect,
  retryBudget,
  type Safety,
  type Server,
  serve,
  tcp,
} from '../../lib/index.ts';
import { FaultMedium } from '../../lib/testing/index.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';

const batch: readonly Safety[] = ['mutate', 'read', 'once', 'idempotent', 'semi', 'mutate'];

/** Makes the batch in one turn, so that its calls leave in one write. */
function callAll(client: Client<typeof verbs>, round: string): Promise<Told[]> {
  return Promise.all(
    batch.map((safety, index) => {
      const name = `${round}/${index}`;
      return toldOf(safety, name, client.call[safety](name));
    }),
  );
}

describe('While the server lives, a lost connection costs no call', () => {
  let executions: Executions;
  let server: Server;
  let medium: FaultMedium;

  async function start(isSlow: boolean): Promise<void> {
    executions = new Executions();
    const note = (name: string): string | Promise<string> => {
      const output = executions.note(name);
      return isSlow ? new Promise((resolve) => setImmediate(() => resolve(output))) : output;
    };
    const handlers = { read: note, idempotent: note, semi: note, once: note, mutate: note };
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    const { hostname, port } = new URL(server.urls[0] as string);
    medium = new FaultMedium(tcp({ host: hostname, port: Number(port) }));
  }

  afterEach(async () => {
    await server.close();
  });

  /** Runs the batch with channels that hear only so many bytes each, in turn, and break; every call must succeed, and run no more than once. */
  async function run(round: string, limits: readonly number[]): Promise<void> {
    const cuts = limits.map((afterBytes) => ({ toClient: { cut: { afterBytes } } }));
    medium.next(...cuts);
    const client = connect(medium, verbs, {
      random: () => 0,
      reconnectBaseMs: 1,
      reconnectCapMs: 1,
      // One for each client, as if each were a process of its own.
      retryBudget: retryBudget(),
    });
    const told = await callAll(client, round);
    await client.close();
    for (const one of told) {
      expect(one.error, `${round}: ${one.name}`).to.equal(undefined);
      expectTruth(one, executions);
      if (one.safety !== 'read') expect(executions.of(one.name), one.name).to.equal(1);
    }
  }

  /** Bytes of the server's hello, and of all that the batch brings. */
  async function measure(): Promise<{ helloBytes: number; allBytes: number }> {
    const client = connect(medium, verbs, { random: () => 0 });
    await client.ready();
    const helloBytes = medium.last.passed('toClient');
    await callAll(client, 'all');
    const allBytes = medium.last.passed('toClient');
    await client.close();
    return { helloBytes, allBytes };
  }

  for (const isSlow of [false, true]) {
    const kind = isSlow ? 'take a while' : 'answer at once';

    it(`at any byte of the answers of handlers that ${kind}`, async function () {
      this.timeout(60_000);
      await start(isSlow);
      const { helloBytes, allBytes } = await measure();
      expect(allBytes).to.be.greaterThan(helloBytes + 100);
      for (let limit = helloBytes; limit < allBytes; limit++) await run(`${limit}`, [limit]);
    });

    it(`also when the next one breaks in the middle of its hello or the answers that follow, with handlers that ${kind}`, async function () {
      this.timeout(60_000);
      await start(isSlow);
      const { helloBytes, allBytes } = await measure();
      const firsts = [helloBytes, helloBytes + 1, Math.floor((helloBytes + allBytes) / 2)];
      for (const first of firsts) {
        for (let second = 1; second < allBytes + 10; second += 3) {
          await run(`${first} ${second}`, [first, second, allBytes - (second % 50)]);
        }
      }
    });
  }
});
