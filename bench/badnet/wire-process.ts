/**
 * The impaired wire: packets go from one of two TUN devices to the other, or are lost. Its last
 * arguments are the devices' descriptors, the client's first.
 */
import { read, writeSync } from 'node:fs';
import { seededRandom } from 'holdfast/testing';
import { obey } from '../harness/orders.ts';
import { GilbertElliott, type Loss, noLoss } from './gilbert-elliott.ts';

export type WireOrder =
  | { readonly do: 'impair'; readonly seed: number; readonly up: Loss; readonly down: Loss }
  | { readonly do: 'counts' };

/** Packets of one direction. */
export interface Counts {
  readonly passed: number;
  readonly lost: number;
}

const largestPacket = 65_536;

/** One way through the wire. */
class Direction {
  chain = new GilbertElliott(noLoss, () => 0);
  readonly #from: number;
  readonly #to: number;
  readonly #packet = Buffer.alloc(largestPacket);

  constructor(from: number, to: number) {
    this.#from = from;
    this.#to = to;
    this.#next();
  }

  get counts(): Counts {
    const { passed, lost } = this.chain;
    return { passed, lost };
  }

  #next(): void {
    read(this.#from, this.#packet, 0, largestPacket, null, (error, length) => {
      if (error) throw error;
      // What a kernel says on IPv6 for itself must not move the chain.
      const isIPv4 = (this.#packet[0] ?? 0) >> 4 === 4;
      if (isIPv4 && this.chain.passes()) writeSync(this.#to, this.#packet, 0, length);
      this.#next();
    });
  }
}

const [client = -1, server = -1] = process.argv.slice(-2).map(Number);
const up = new Direction(client, server);
const down = new Direction(server, client);

// Reads that wait for packets would keep it from exiting in order.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

await obey(async (order: WireOrder | { readonly do: 'close' }) => {
  switch (order.do) {
    case 'impair':
      up.chain = new GilbertElliott(order.up, seededRandom(2 * order.seed));
      down.chain = new GilbertElliott(order.down, seededRandom(2 * order.seed + 1));
      return undefined;
    case 'counts':
      return { up: up.counts, down: down.counts };
    case 'close':
      return undefined;
  }
});
