import { expect } from 'chai';
import { connect, memory, type Safety, safeties, serve } from '../../lib/index.ts';
import { FaultMedium, type Faults, randomFaults, seededRandom } from '../../lib/testing/index.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';

function planned(options: Parameters<typeof randomFaults>[0], seed = 1): Faults[] {
  const plan = randomFaults(options);
  const random = seededRandom(seed);
  return Array.from({ length: 2_000 }, (_, index) => plan({ number: index + 1, random }));
}

describe('Random faults', () => {
  it('come in the shares that were asked for', () => {
    const all = planned({ refuse: 0.1, hang: 0.1, fin: 0.2, rst: 0.2, stall: 0.2 });
    const share = (isSo: (faults: Faults) => boolean): number => all.filter(isSo).length / 2_000;
    const endsAs = (as: string) => (faults: Faults) =>
      (faults.toServer?.cut ?? faults.toClient?.cut)?.as === as;
    expect(share(({ refuse }) => refuse === true)).to.be.closeTo(0.1, 0.03);
    expect(share(({ hang }) => hang === true)).to.be.closeTo(0.1, 0.03);
    for (const as of ['fin', 'rst', 'stall']) expect(share(endsAs(as))).to.be.closeTo(0.2, 0.03);
    expect(share(({ toServer }) => toServer?.cut !== undefined)).to.be.closeTo(0.3, 0.04);
    expect(share(({ toClient }) => toClient?.cut !== undefined)).to.be.closeTo(0.3, 0.04);
  });

  it('are the same for the same seed, and others for another', () => {
    const options = { rst: 1, maxDelayMs: 10, withinBytes: 1_000 };
    expect(planned(options)).to.deep.equal(planned(options));
    expect(planned(options)).to.not.deep.equal(planned(options, 2));
  });

  it('stay within their bounds', () => {
    for (const { toServer, toClient } of planned({ rst: 1, maxDelayMs: 10, withinBytes: 50 })) {
      expect((toServer?.cut ?? toClient?.cut)?.afterBytes).to.be.within(0, 49);
      expect(toServer?.delayMs).to.be.within(0, 10);
      expect(toClient?.delayMs).to.be.within(0, 10);
    }
  });

  it('do not make a client or a server lie', async function () {
    this.timeout(20_000);
    let dials = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const executions = new Executions();
      const place = memory('chaos');
      const server = await serve(verbs, executions.handlers(), { listen: place });
      const plan = randomFaults({
        ...{ refuse: 0.1, hang: 0.02, fin: 0.3, rst: 0.3, stall: 0.2 },
        ...{ withinBytes: 2_000, maxDelayMs: 1 },
      });
      const medium = new FaultMedium(place, { plan, seed });
      const client = connect(medium, verbs, {
        ...{ heartbeatMs: 10, heartbeatTimeoutMs: 10, dialTimeoutMs: 30 },
        ...{ reconnectBaseMs: 1, reconnectCapMs: 5, timeoutMs: 2_000, retryBudget: false },
        random: seededRandom(seed),
      });
      const told: Told[] = [];
      for (let round = 0; round < 20; round++) {
        const calls = safeties.map((safety: Safety) => {
          const name = `${seed}/${round}/${safety}`;
          return toldOf(safety, name, client.call[safety](name));
        });
        told.push(...(await Promise.all(calls)));
      }
      client.destroy();
      await client.closed;
      // What is still on its way arrives now, and must not be executed a second time.
      for (const connection of medium.connections) connection.recover();
      await new Promise((resolve) => setImmediate(resolve));
      medium.destroy();
      await server.close();
      for (const one of told) expectTruth(one, executions);
      expect(told.filter(({ error }) => error === undefined)).to.have.length.above(80);
      dials += medium.dials;
    }
    expect(dials).to.be.above(30);
  });
});
