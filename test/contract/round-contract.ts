import { expect } from 'chai';
import {
  type Client,
  connect,
  defineVerbs,
  read,
  type Safety,
  type Server,
  safeties,
  serve,
} from '../../lib/index.ts';
import { seededBytes } from '../support/recorder.ts';
import { expectTruth, type Told, toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';
import type { MediumSetup } from './medium-contract.ts';

const echo = defineVerbs({ echo: read<Uint8Array, Uint8Array>() });

/** Quick to come back, so that a restarted server is found soon. */
const quick = { reconnectBaseMs: 5, reconnectCapMs: 20 };

/** A whole client and server over the medium. */
export function describeRound(setupOf: () => MediumSetup): void {
  describe('client and server', () => {
    let servers: Server[];
    let clients: { destroy(): void; readonly closed: Promise<unknown> }[];

    beforeEach(() => {
      servers = [];
      clients = [];
    });

    afterEach(async () => {
      for (const client of clients) client.destroy();
      await Promise.all(clients.map(({ closed }) => closed));
      await Promise.all(servers.map((server) => server.close()));
    });

    async function start(executions: Executions, url?: string): Promise<string> {
      const { listener, listenerAt } = setupOf();
      const listen = url === undefined ? listener : listenerAt(url);
      const server = await serve(verbs, executions.handlers(), { listen });
      servers.push(server);
      return server.urls[0] as string;
    }

    function open(url: string): Client<typeof verbs> {
      // Three losses within a moment, on links that have not answered much, are more than a fifth.
      const options = { ...quick, retryBudget: { ratio: 1 } };
      const client = connect(setupOf().mediumFor(url), verbs, options);
      clients.push(client);
      return client;
    }

    it('carries calls of each class', async () => {
      const executions = new Executions();
      const client = open(await start(executions));
      for (const safety of safeties) {
        expect(await client.call[safety](safety)).to.equal(`done ${safety}`);
        expect(executions.of(safety)).to.equal(1);
      }
      await client.close();
    });

    it('carries 7 MB of input and 7 MB of output at the same time, in both forms', async () => {
      const { listener, mediumFor } = setupOf();
      const server = await serve(echo, { echo: (bytes) => bytes }, { listen: listener });
      servers.push(server);
      const client = connect(mediumFor(server.urls[0] as string), echo);
      clients.push(client);
      const inputs = [1, 2].map((seed) => seededBytes(seed, 7_000_000));
      const text = seededBytes(3, 5_250_000).toString('base64');
      const outputs = await Promise.all([
        ...inputs.map((input) => client.call.echo(input)),
        client.invoke('echo', { text, inside: [inputs[0]] }),
      ]);
      for (const [index, input] of inputs.entries()) {
        expect(input.equals(outputs[index] as Uint8Array)).to.equal(true);
      }
      const last = outputs[2] as { text: string; inside: Uint8Array[] };
      expect(last.text === text).to.equal(true);
      expect(inputs[0]?.equals(last.inside[0] as Uint8Array)).to.equal(true);
    });

    it('carries many calls at once, each with its own reply', async () => {
      const executions = new Executions();
      const client = open(await start(executions));
      const calls = Array.from({ length: 2_000 }, (_, index) => {
        const safety = safeties[index % safeties.length] as Safety;
        return toldOf(safety, `call ${index}`, client.call[safety](`call ${index}`));
      });
      for (const told of await Promise.all(calls)) {
        expect(told.value).to.equal(`done ${told.name}`);
        expect(executions.of(told.name)).to.equal(1);
      }
    });

    it('finds a server that was killed and comes again at the same address', async function () {
      this.timeout(20_000);
      const executions = new Executions();
      const url = await start(executions);
      const client = open(url);
      await client.ready();
      for (let round = 0; round < 3; round++) {
        // One half is on its way when the server dies, the other half is made while it is gone.
        const calls = callAll(client, `${round} before`);
        const lost = new Promise((resolve) => client.once('state', resolve));
        await servers.pop()?.close();
        await lost;
        calls.push(...callAll(client, `${round} after`));
        expect(client.pending).to.be.at.least(20);
        await start(executions, url);
        const told = await Promise.all(calls);
        for (const one of told) {
          expectTruth(one, executions);
          const mustWork = one.name.includes('after') || !['mutate', 'once'].includes(one.safety);
          if (mustWork) expect(one.error, one.name).to.equal(undefined);
        }
      }
      expect(servers).to.have.length(1);
    });

    function callAll(client: Client<typeof verbs>, round: string): Promise<Told>[] {
      return Array.from({ length: 20 }, (_, index) => {
        const safety = safeties[index % safeties.length] as Safety;
        const name = `${round} ${index}`;
        return toldOf(safety, name, client.call[safety](name));
      });
    }
  });
}
