import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { type Client, connect, type Listener, type Medium, serve } from '../../lib/index.ts';
import { Authority } from './certificates.ts';
import { expectFailure } from './failing.ts';
import { Executions, verbs } from './verbs.ts';

const dayMs = 86_400_000;

/** Times of a certificate that has expired. */
export const past = {
  notBefore: new Date(Date.now() - 2 * dayMs),
  notAfter: new Date(Date.now() - dayMs),
};

/** Times of a certificate that is not valid yet. */
export const future = {
  notBefore: new Date(Date.now() + dayMs),
  notAfter: new Date(Date.now() + 2 * dayMs),
};

/** A certificate for the address that tests listen at. */
export const here = { addresses: ['127.0.0.1'] };

export const authority: Authority = new Authority();
export const stranger: Authority = new Authority('Another authority');

/** Servers and clients over TLS, which end with the test. */
export class TlsBench {
  readonly #servers: { close(): Promise<unknown> }[] = [];
  readonly #clients: { destroy(): void; readonly closed: Promise<unknown> }[] = [];

  /** A holdfast server; gives its port. */
  async start(listener: Listener | string, executions = new Executions()): Promise<number> {
    const server = await serve(verbs, executions.handlers(), { listen: listener });
    this.endWith(server);
    return Number(new URL(server.urls[0] as string).port);
  }

  /** A server that is not holdfast's; gives its port. */
  async startForeign(server: net.Server): Promise<number> {
    const sockets = new Set<net.Socket>();
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    });
    server.on('secureConnection', (socket: TLSSocket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.endWith({
      close: () => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => server.close(resolve));
      },
    });
    return (server.address() as AddressInfo).port;
  }

  open(medium: Medium | string): Client<typeof verbs> {
    const client = connect(medium, verbs, { reconnectBaseMs: 1, reconnectCapMs: 5 });
    this.#clients.push(client);
    return client;
  }

  /** A call over the medium must fail at once, for good, and must not have been executed. */
  async expectFinal(medium: Medium | string, text: string | RegExp): Promise<void> {
    const call = this.open(medium).call.mutate('x');
    const error = await expectFailure(call, 'ERR_HOLDFAST_DIAL', text);
    expect(error).to.include({ final: true, outcome: 'not-executed' });
  }

  endWith(server: { close(): Promise<unknown> }): void {
    this.#servers.push(server);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await Promise.all(this.#clients.map(({ closed }) => closed));
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

/** All that a socket receives up to its end. */
export async function textOf(socket: net.Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await new Promise((resolve, reject) => {
    socket.on('close', resolve);
    socket.on('error', reject);
  });
  return text;
}
