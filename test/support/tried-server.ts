import { expect } from 'chai';
import { type Server, type ServerOptions, serve } from '../../lib/index.ts';
import { Bystander } from './bystander.ts';
import { settledBytes } from './memory-use.ts';
import { call, endRawPeers } from './raw-peer.ts';
import { settled } from './recorder.ts';
import { Executions, verbs } from './verbs.ts';

export const MiB: number = 1024 * 1024;

/** Inputs whose replies have a size. */
const sized = new Map([
  ['large', Buffer.alloc(100_000, 'x').toString('latin1')],
  ['huge', Buffer.alloc(16 * MiB - 100, 'x').toString('latin1')],
]);

/** A server whose limits a test tries, and what a test sees of it. */
export class TriedServer {
  readonly executions: Executions;
  /** Codes of the faults that it has told. */
  readonly faults: string[] = [];
  /** Opens the handlers of the `semi` verb, which wait; oldest first. */
  readonly gates: (() => void)[];
  readonly server: Server;
  #bystander: Bystander | undefined;
  readonly #heldBefore: number;

  private constructor(
    heldBefore: number,
    server: Server,
    executions: Executions,
    gates: (() => void)[],
  ) {
    this.server = server;
    this.executions = executions;
    this.gates = gates;
    this.#heldBefore = heldBefore;
    server.on('fault', ({ error }) => this.faults.push(error.code));
  }

  static async start(options: Omit<ServerOptions, 'listen'> = {}): Promise<TriedServer> {
    const heldBefore = await settledBytes();
    const executions = new Executions();
    const gates: (() => void)[] = [];
    const handlers = {
      ...executions.handlers(),
      read: (name: string) => sized.get(name) ?? executions.note(name),
      semi: async (name: string) => {
        executions.note(name);
        await new Promise<void>((resolve) => gates.push(resolve));
        return sized.get(name) ?? `done ${name}`;
      },
    };
    const server = await serve(verbs, handlers, { ...options, listen: 'tcp://127.0.0.1:0' });
    return new TriedServer(heldBefore, server, executions, gates);
  }

  /** The same, and somebody else calls it all the time. */
  static async withBystander(options?: Omit<ServerOptions, 'listen'>): Promise<TriedServer> {
    const tried = await TriedServer.start(options);
    tried.#bystander = await Bystander.at(tried.url);
    return tried;
  }

  get url(): string {
    return this.server.urls[0] as string;
  }

  /** Waits until connections do not come and go any more; gives how many there are. */
  async connections(): Promise<number> {
    await settled(() => this.server.connections);
    return this.server.connections;
  }

  openAll(): void {
    for (const open of this.gates.splice(0)) open();
  }

  /** Ends everything, and sees that nothing is kept but the last reply. */
  async stop(): Promise<void> {
    this.openAll();
    await endRawPeers();
    await this.#bystander?.stop();
    await this.server.close();
    const bound = 20 * MiB;
    expect((await settledBytes(this.#heldBefore + bound)) - this.#heldBefore).to.be.at.most(bound);
  }
}

/** A call of the verb that waits. */
export function slow(number: number, value: string | Uint8Array = `slow ${number}`): Buffer {
  return typeof value === 'string'
    ? call({ number, verb: 2, value })
    : call({ number, verb: 2, form: 2, bytes: value });
}
