import { expect } from 'chai';
import { connect, type Safety, serve } from '../../lib/index.ts';
import { seededRandom } from '../../lib/testing/index.ts';
import { Breaker, type Line } from '../support/breaker.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';

const classes: readonly Safety[] = ['read', 'idempotent', 'semi', 'once', 'mutate'];
const timeoutMs = 2_000;

describe('Promises 1 to 5 together, on a path that breaks again and again', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    it(`keeps them under random faults (seed ${seed})`, async function () {
      this.timeout(30_000);
      const random = seededRandom(seed);
      const executions = new Executions();
      const server = await serve(verbs, executions.handlers(), { listen: 'tcp://127.0.0.1:0' });
      const breaker = await Breaker.before(server.urls[0] as string);
      const ends: readonly ((line: Line) => void)[] = [
        (line) => line.fin(),
        (line) => line.reset(),
        (line) => line.stall(),
      ];
      const arm = (): void => {
        // A whole batch fits now and then; a path that never lets one through helps nobody.
        breaker.limit = 200 + Math.floor(random() * 20_000);
        const end = ends[Math.floor(random() * ends.length)] as (line: Line) => void;
        breaker.onLimit = (line) => {
          end(line);
          arm();
        };
      };
      arm();
      const client = connect(breaker.url, verbs, {
        random,
        timeoutMs,
        heartbeatMs: 20,
        heartbeatTimeoutMs: 20,
        dialTimeoutMs: 100,
        reconnectBaseMs: 2,
        reconnectCapMs: 10,
        maxAttempts: 50,
      });
      const told: Told[] = [];
      let slowest = 0;
      for (let batch = 0; batch < 150; batch++) {
        const size = 1 + Math.floor(random() * 20);
        const calls = Array.from({ length: size }, async (_, index) => {
          const safety = classes[Math.floor(random() * classes.length)] as Safety;
          const padding = 'x'.repeat(random() < 0.05 ? 2_000 : 10);
          const name = `${batch}/${index} ${padding}`;
          const start = performance.now();
          told.push(await toldOf(safety, name, client.call[safety](name)));
          slowest = Math.max(slowest, performance.now() - start);
        });
        await Promise.all(calls);
      }
      for (const one of told) expectTruth(one, executions);
      // The server lives all the while, so it can always say what became of a call: none fails, and
      // what is not a read runs once.
      for (const { name, safety, error } of told) {
        expect(error, name).to.equal(undefined);
        if (safety !== 'read') expect(executions.of(name), name).to.equal(1);
      }
      expect(breaker.lines.length).to.be.greaterThan(5);
      expect(slowest).to.be.lessThan(timeoutMs + 200);
      expect(client.pending).to.equal(0);
      await client.close();
      await breaker.close();
      await server.close();
      for (const one of told) expectTruth(one, executions);
    });
  }
});
