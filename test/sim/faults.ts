import type { SimClient } from './client.ts';
import type { Connection, Network, PathState } from './network.ts';
import type { FaultKind, PlannedFault } from './plan.ts';
import type { ServerPlace } from './server.ts';
import type { SimStore } from './store.ts';

/** What faults are done to. */
export interface FaultyWorld {
  readonly network: Network;
  readonly store: SimStore | undefined;
  clientAt(index: number): SimClient;
  serverAt(index: number): ServerPlace;
  /** The application of this client starts again. */
  replaceClient(index: number): void;
}

type Deed = (world: FaultyWorld, fault: PlannedFault) => void;

/** Makes something go wrong. */
export function commit(world: FaultyWorld, fault: PlannedFault): void {
  deeds[fault.kind](world, fault);
}

const deeds: Readonly<Record<FaultKind, Deed>> = {
  cut: onConnection((connection, { network }, { isReset, isHasty }) => {
    network.break(connection, isReset ? 'rst' : 'fin', isHasty);
  }),
  'cut-at-byte': (world, fault) => {
    const cutLater = (connection: Connection): void => {
      const { near, far } = connection;
      const { isTowardsServer, isReset, bytes } = fault;
      const stream = isTowardsServer ? near.outgoing : far.outgoing;
      stream.breakAfter(bytes, () => {
        world.network.break(connection, isReset ? 'rst' : 'fin', false);
      });
    };
    const { process } = world.clientAt(fault.client);
    const [newest] = world.network.of(process);
    if (newest === undefined || fault.isHasty) world.network.onNext(process, cutLater);
    else cutLater(newest);
  },
  'half-open': onConnection(({ near, far }, { network }, { ms }) => {
    near.outgoing.darken();
    far.outgoing.darken();
    network.world.after(ms, () => {
      near.outgoing.lighten();
      far.outgoing.lighten();
    });
  }),
  deaf: onConnection(({ near, far }, { network }, { ms, isTowardsServer }) => {
    const stream = isTowardsServer ? near.outgoing : far.outgoing;
    stream.darken();
    network.world.after(ms, () => stream.lighten());
  }),
  stall: onConnection(({ near, far }, _, { ms, isTowardsServer, isHasty }) => {
    if (isTowardsServer || isHasty) near.outgoing.delay(ms);
    if (!isTowardsServer || isHasty) far.outgoing.delay(ms);
  }),
  'late-hello': (world, { client, ms }) => {
    world.network.onNext(world.clientAt(client).process, ({ near }) => near.outgoing.delay(ms));
  },
  'dark-path': onPath('dark'),
  'refused-path': onPath('refused'),
  'not-accepted': onPath('not-accepted'),
  'slow-reader': onConnection(({ near, far }, { network }, { bytes, ms, isTowardsServer }) => {
    const reader = isTowardsServer ? far : near;
    reader.slowness = { bytes: Math.max(16, bytes), pauseMs: Math.min(Math.max(1, ms / 10), 50) };
    network.world.after(ms, () => {
      reader.slowness = undefined;
    });
  }),
  'stray-bytes': onConnection(({ near, far }, _, { bytes, isTowardsServer }) => {
    // Between messages; within one nobody could tell them from the rest of it.
    const reader = isTowardsServer ? far : near;
    if (reader.isIdle)
      reader.inject(Buffer.from('*** the system is going down ***').subarray(0, bytes));
  }),
  'client-blocks': (world, { client, ms }) => world.clientAt(client).process.block(ms),
  'server-blocks': (world, { server, ms }) => {
    for (const { process } of world.serverAt(server).instances) process.block(ms);
  },
  'client-leaps': (world, { client, ms }) => world.clientAt(client).process.leap(ms),
  'server-leaps': (world, { server, ms }) => world.serverAt(server).current?.process.leap(ms),
  'client-dies': (world, { client }) => {
    world.clientAt(client).process.kill();
    world.replaceClient(client);
  },
  'client-destroyed': (world, { client }) => {
    const { process, client: one } = world.clientAt(client);
    process.io(() => one.destroy(new Error('the application ends it')));
    world.replaceClient(client);
  },
  'server-dies': (world, { server, ms }) => world.serverAt(server).die(ms),
  'server-closes': (world, { server, ms }) => world.serverAt(server).close(ms),
  drain: (world, fault) => world.serverAt(fault.server).drain(fault, fault.ms),
  'hand-over': handOver,
  'hand-over-heir-dies': handOver,
  'hand-over-old-dies': handOver,
  'store-fails': ({ store, network }, fault) => {
    if (store === undefined) return;
    store.mode = fault.store;
    network.world.after(fault.ms, () => {
      store.mode = 'well';
    });
  },
};

function handOver(world: FaultyWorld, fault: PlannedFault): void {
  world.serverAt(fault.server).handOver(fault);
}

/** Of the client's newest connection. */
function onConnection(
  deed: (connection: Connection, world: FaultyWorld, fault: PlannedFault) => void,
): Deed {
  return (world, fault) => {
    const [newest] = world.network.of(world.clientAt(fault.client).process);
    if (newest !== undefined) deed(newest, world, fault);
  };
}

function onPath(state: PathState): Deed {
  return (world, { client, server, ms }) => {
    const { network } = world;
    const { process } = world.clientAt(client);
    const { address } = world.serverAt(server);
    network.setPath(process, address, state);
    network.world.after(ms, () => network.setPath(process, address, 'open'));
  };
}
