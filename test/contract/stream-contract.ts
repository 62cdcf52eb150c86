import { expect } from 'chai';
import {
  type Client,
  connect,
  defineVerbs,
  mutate,
  read,
  type Server,
  serve,
} from '../../lib/index.ts';
import { FaultMedium } from '../../lib/testing/index.ts';
import { seededBytes } from '../support/recorder.ts';
import { until } from '../support/road.ts';
import type { MediumSetup } from './medium-contract.ts';

const verbs = defineVerbs({
  give: read.serverStream<number, unknown>(),
  take: mutate.clientStream<void, unknown, unknown[]>(),
  back: mutate.duplex<void, number, number>(),
});

/** An item that says which it is: a number, text, nothing, and now and then 300 KB. */
function itemOf(place: number): unknown {
  if (place % 10 === 0) return seededBytes(place, 300_000);
  return [place, { place, text: 'x'.repeat(place * 10) }, undefined][place % 3];
}

function itemsUpTo(count: number): unknown[] {
  return Array.from({ length: count }, (_, index) => itemOf(index + 1));
}

/** Streams over the medium, of a whole client and server. */
export function describeStreams(setupOf: () => MediumSetup): void {
  describe('streams', () => {
    let server: Server;
    let medium: FaultMedium;
    let client: Client<typeof verbs>;
    let executions: string[];
    let closed: string[];

    beforeEach(async () => {
      const { listener, mediumFor } = setupOf();
      executions = [];
      closed = [];
      server = await serve(verbs, handlers(), { listen: listener });
      medium = new FaultMedium(mediumFor(server.urls[0] as string));
      client = connect(medium, verbs, {
        reconnectBaseMs: 5,
        reconnectCapMs: 20,
        retryBudget: { ratio: 1 },
      });
    });

    afterEach(async () => {
      client.destroy();
      await client.closed;
      await server.close();
      medium.destroy();
    });

    function handlers(): Parameters<typeof serve<typeof verbs>>[1] {
      return {
        give: async function* (count) {
          executions.push('give');
          try {
            for (let place = 1; place <= count; place++) yield itemOf(place);
          } finally {
            closed.push('give');
          }
        },
        take: async (_, { items }) => {
          executions.push('take');
          const taken: unknown[] = [];
          for await (const item of items) taken.push(item);
          return taken;
        },
        back: async function* (_, { items }) {
          executions.push('back');
          for await (const item of items) yield item * 10;
        },
      };
    }

    /** The connection is lost, and another one is there. */
    async function cut(): Promise<void> {
      await client.ready();
      const { dials } = medium;
      medium.last.reset();
      await until(() => medium.dials > dials);
    }

    it('carries items of all sizes each way, in order', async () => {
      const given: unknown[] = [];
      for await (const item of client.call.give(30)) given.push(item);
      expect(given).to.deep.equal(itemsUpTo(30));
      expect(await client.call.take(undefined, itemsUpTo(30))).to.deep.equal(itemsUpTo(30));
    });

    it('carries items both ways at the same time', async () => {
      const got: number[] = [];
      for await (const item of client.call.back(undefined, upTo(200))) got.push(item);
      expect(got).to.deep.equal(upTo(200).map((item) => item * 10));
    });

    it('closes the handler of a loop that is left', async () => {
      let left = 0;
      for await (const _ of client.call.give(1_000_000)) {
        if (++left === 5) break;
      }
      await until(() => closed.length > 0);
      expect(closed).to.deep.equal(['give']);
    });

    it('goes on at the next item when the connection is cut, both ways', async function () {
      this.timeout(20_000);
      const got: number[] = [];
      const source = async function* (): AsyncGenerator<number> {
        for (const item of upTo(60)) {
          if (item % 20 === 0) await cut();
          yield item;
        }
      };
      for await (const item of client.call.back(undefined, source())) {
        got.push(item);
        if (got.length % 15 === 0) medium.last.reset();
      }
      expect(got).to.deep.equal(upTo(60).map((item) => item * 10));
      expect(executions).to.deep.equal(['back']);
      expect(medium.dials).to.be.at.least(3);
    });
  });
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
