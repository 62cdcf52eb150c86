import type { Channel, Listener, Listening, Medium } from '../../lib/media/medium.ts';
import { type Manners, SimChannel } from './channel.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import { type Carriage, type Ending, Stream } from './stream.ts';
import type { World } from './world.ts';

/** What the way from one client to one address does with new connections. */
export type PathState =
  | 'open'
  /** Nobody answers, and nobody says so. */
  | 'dark'
  /** A firewall says no. */
  | 'refused'
  /** The connection is made, and nobody takes it: a full backlog, no descriptors. */
  | 'not-accepted';

/** A connection, from the moment at which the server's kernel knows of it. */
export interface Connection {
  readonly number: number;
  readonly address: string;
  readonly near: SimChannel;
  readonly far: SimChannel;
}

/** How all connections behave. */
export interface NetworkSettings {
  readonly carriage: Carriage;
  readonly manners: Manners;
}

interface Taker {
  readonly process: Process;
  readonly accept: (channel: Channel) => void;
  isListening(): boolean;
}

/** Those who listen on one socket: a server, and perhaps the one that takes over from it. */
class Place {
  readonly #takers = new Map<Process, (channel: Channel) => void>();

  add(process: Process, accept: (channel: Channel) => void): void {
    this.#takers.set(process, accept);
  }

  remove(process: Process): void {
    this.#takers.delete(process);
  }

  /** Who accepts the next connection; undefined when nobody listens. */
  taker(random: Random): Taker | undefined {
    const alive = [...this.#takers].filter(([process]) => process.isAlive);
    if (alive.length === 0) return undefined;
    const [process, accept] = random.pick(alive);
    return { process, accept, isListening: () => this.#takers.get(process) === accept };
  }
}

/** Everything between clients and servers, and what goes wrong there. */
export class Network {
  readonly world: World;
  readonly connections: Set<Connection> = new Set();
  readonly #random: Random;
  readonly #settings: NetworkSettings;
  readonly #places = new Map<string, Place>();
  readonly #paths = new Map<string, PathState>();
  /** What is done to the next connection from a process. */
  readonly #onNext = new Map<Process, (connection: Connection) => void>();
  #count = 0;
  /** When each process dialled. */
  readonly dials: { readonly process: Process; readonly address: string; readonly at: number }[] =
    [];

  constructor(world: World, random: Random, settings: NetworkSettings) {
    this.world = world;
    this.#random = random;
    this.#settings = settings;
  }

  /** How a process reaches an address. */
  medium(process: Process, address: string): Medium {
    return { address, losesPackets: true, dial: (signal) => this.#dial(process, address, signal) };
  }

  /** How a process listens at an address; several may, for a socket can be shared. */
  listener(process: Process, address: string): Listener {
    return {
      address,
      listen: (accept) => {
        const place = this.#places.get(address) ?? new Place();
        this.#places.set(address, place);
        place.add(process, accept);
        const close = (): Promise<void> => {
          place.remove(process);
          return Promise.resolve();
        };
        return Promise.resolve<Listening>({ url: address, close, release: close });
      },
    };
  }

  /** A socket pair between two processes of one machine. */
  pair(near: Process, far: Process): readonly [SimChannel, SimChannel] {
    const carriage = { latencyMs: 0.05, jitterMs: 0, roomBytes: 256 * 1024, pieceBytes: 64 * 1024 };
    const { near: one, far: other } = this.#connection('hand-over', near, far, carriage);
    return [one, other];
  }

  setPath(process: Process, address: string, state: PathState): void {
    this.#paths.set(`${process.name} ${address}`, state);
  }

  openAllPaths(): void {
    this.#paths.clear();
    this.#onNext.clear();
    for (const { near, far } of this.connections) {
      near.outgoing.lighten();
      far.outgoing.lighten();
      near.slowness = undefined;
      far.slowness = undefined;
    }
  }

  onNext(process: Process, action: (connection: Connection) => void): void {
    this.#onNext.set(process, action);
  }

  /** The connections of a process that are open, newest first. */
  of(process: Process): Connection[] {
    const found: Connection[] = [];
    for (const connection of this.connections) {
      const { near, far } = connection;
      if (near.isClosed && far.isClosed) this.connections.delete(connection);
      else if (near.process === process && !near.isShut) found.unshift(connection);
    }
    return found;
  }

  /** Somebody in the network ends a connection, at both ends. */
  break({ near, far }: Connection, kind: Ending, isHasty: boolean): void {
    near.kick(kind, isHasty);
    far.kick(kind, isHasty);
  }

  #dial(process: Process, address: string, signal: AbortSignal): Promise<Channel> {
    this.dials.push({ process, address, at: this.world.now });
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      let connection: Connection | undefined;
      let isOver = false;
      const settle = (action: () => void): void => {
        if (isOver) return;
        isOver = true;
        signal.removeEventListener('abort', aborted);
        action();
      };
      const aborted = (): void =>
        settle(() => {
          connection?.near.destroy();
          reject(signal.reason);
        });
      signal.addEventListener('abort', aborted);
      const state = this.#paths.get(`${process.name} ${address}`) ?? 'open';
      if (state === 'dark') return;
      const { latencyMs, jitterMs } = this.#settings.carriage;
      const travelMs = latencyMs + jitterMs * this.#random.next() ** 3;
      const refuse = (): void => {
        process.io(() => settle(() => reject(refused(address))), travelMs);
      };
      this.world.after(travelMs, () => {
        if (isOver || !process.isAlive) return;
        const taker = this.#places.get(address)?.taker(this.#random);
        if (state === 'refused' || taker === undefined) {
          refuse();
          return;
        }
        connection = this.#connection(address, process, taker.process);
        const { near, far } = connection;
        this.connections.add(connection);
        this.#onNext.get(process)?.(connection);
        this.#onNext.delete(process);
        if (state === 'open') {
          taker.process.io(() => {
            if (far.isShut) return;
            if (taker.isListening()) taker.accept(far);
            else far.shut();
          }, travelMs);
        }
        process.io(() => settle(() => resolve(near)), travelMs);
      });
    });
  }

  #connection(
    address: string,
    nearBy: Process,
    farBy: Process,
    carriage: Carriage = this.#settings.carriage,
  ): Connection {
    const number = ++this.#count;
    const random = this.#random.fork(`connection ${number}`);
    const { manners } = this.#settings;
    const there = new Stream(this.world, random.fork('there'), carriage);
    const back = new Stream(this.world, random.fork('back'), carriage);
    const peer = (name: string) => ({ medium: 'tcp', address: name });
    const near = new SimChannel(
      nearBy,
      peer(address),
      { incoming: back, outgoing: there },
      manners,
      random.fork('near'),
    );
    const far = new SimChannel(
      farBy,
      peer(nearBy.name),
      { incoming: there, outgoing: back },
      manners,
      random.fork('far'),
    );
    near.far = far;
    far.far = near;
    this.world.log(() => `${nearBy.name} – ${farBy.name}: connection ${number}`);
    return { number, address, near, far };
  }
}

function refused(address: string): Error {
  return Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: 'ECONNREFUSED' });
}
