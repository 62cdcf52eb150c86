import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from 'holdfast/testing';
import type { Connecting } from './connecting.ts';
import { GilbertElliott, type Loss } from './gilbert-elliott.ts';
import { SegmentSender, type SenderTimes, tcpTimes } from './segment-sender.ts';
import type { Doors } from './servers.ts';

/**
 * A path that loses packets towards the client, for where the kernel's own TCP cannot be had over an
 * impaired wire: a relay in this process that sends by a small model of TCP (RFC 5681 and 6298: slow
 * start, selective acknowledgement, a retransmission timer that doubles), through one
 * Gilbert-Elliott chain. Connections are made at once by the kernel, so the loss of a SYN's answer is
 * modelled before: {@link ready}.
 */
export class LossyPath implements Connecting {
  readonly doors: Doors;
  readonly #relays: readonly Server[];
  readonly #chain: GilbertElliott;
  readonly #times: SenderTimes;
  readonly #sockets: Set<Socket>;

  private constructor(
    doors: Doors,
    relays: readonly Server[],
    chain: GilbertElliott,
    times: SenderTimes,
    sockets: Set<Socket>,
  ) {
    this.doors = doors;
    this.#relays = relays;
    this.#chain = chain;
    this.#times = times;
    this.#sockets = sockets;
  }

  static async open(
    doors: Doors,
    loss: Loss,
    seed: number,
    times: SenderTimes = tcpTimes,
  ): Promise<LossyPath> {
    const chain = new GilbertElliott(loss, seededRandom(seed));
    const sockets = new Set<Socket>();
    const open = (target: Doors['http']): Promise<Server> =>
      relay(target, sockets, (client) => new SegmentSender(client, chain, times));
    const relays = [await open(doors.http), await open(doors.holdfast)] as const;
    const [http, holdfast] = relays.map((one) => ({
      host: '127.0.0.1',
      port: (one.address() as AddressInfo).port,
    })) as [Doors['http'], Doors['holdfast']];
    return new LossyPath({ http, holdfast }, relays, chain, times, sockets);
  }

  get counts(): { readonly passed: number; readonly lost: number } {
    const { passed, lost } = this.#chain;
    return { passed, lost };
  }

  async ready(signal: AbortSignal): Promise<void> {
    for (let waitMs = this.#times.synMs; !this.#chain.passes(); waitMs *= 2) {
      await sleep(waitMs, undefined, { signal });
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#relays.map((one) => new Promise((resolve) => one.close(resolve))));
  }
}

/** Joins each connection to one to the target; what comes from there goes by a sender. */
async function relay(
  target: Doors['http'],
  sockets: Set<Socket>,
  senderTo: (client: Socket) => SegmentSender,
): Promise<Server> {
  const server = net.createServer({ noDelay: true }, (client) => {
    const far = net.connect({ ...target, noDelay: true });
    const sender = senderTo(client);
    for (const socket of [client, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk: Buffer) => far.write(chunk));
    client.on('end', () => far.end());
    client.on('close', () => {
      sender.stop();
      far.destroy();
    });
    far.on('data', (chunk: Buffer) => sender.send(chunk));
    far.on('close', () => sender.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
