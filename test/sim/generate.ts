import type { Safety } from '../../lib/index.ts';
import type { Manners } from './channel.ts';
import type { Conduct, FaultKind, Plan, PlannedCall, PlannedClient, PlannedFault } from './plan.ts';
import { Random } from './random.ts';
import type { StoreMode } from './store.ts';

/** How often each fault comes in a run of a kind. */
type Weights = Readonly<Partial<Record<FaultKind, number>>>;

const cuts: Weights = { cut: 4, 'cut-at-byte': 6, 'late-hello': 1 };

const paths: Weights = {
  ...cuts,
  'half-open': 2,
  deaf: 2,
  stall: 3,
  'dark-path': 1,
  'refused-path': 1,
  'not-accepted': 1,
  'slow-reader': 1,
  'stray-bytes': 1,
};

const processes: Weights = {
  'client-blocks': 2,
  'server-blocks': 2,
  'client-leaps': 1,
  'server-leaps': 1,
  'client-dies': 1,
  'client-destroyed': 1,
  'server-dies': 3,
  'server-closes': 1,
};

const restarts: Weights = {
  drain: 3,
  'hand-over': 3,
  'hand-over-heir-dies': 1,
  'hand-over-old-dies': 1,
};

/** Runs are of several kinds: where everything goes wrong at once, much is hidden. */
const kinds = {
  everything: { ...paths, ...processes, ...restarts, 'store-fails': 2 },
  paths,
  crashes: { ...cuts, 'server-dies': 8, 'client-dies': 1, 'store-fails': 1 },
  restarts: { ...cuts, ...restarts },
  stores: { cut: 3, 'server-dies': 2, 'store-fails': 8 },
  /** These end without anybody seeing anything. */
  cuts,
  'hand-overs': { 'hand-over': 1 },
  'hand-overs with cuts': { cut: 2, 'cut-at-byte': 2, 'hand-over': 2 },
  calm: {},
} as const satisfies Readonly<Record<string, Weights>>;

export type RunKind = keyof typeof kinds;

const unseen: ReadonlySet<RunKind> = new Set<RunKind>([
  'cuts',
  'hand-overs',
  'hand-overs with cuts',
  'calm',
]);

const kindWeights: Readonly<Record<RunKind, number>> = {
  everything: 5,
  paths: 3,
  crashes: 2,
  restarts: 3,
  stores: 1,
  cuts: 2,
  'hand-overs': 1,
  'hand-overs with cuts': 2,
  calm: 1,
};

/** The kinds of runs. */
export const runKinds: readonly RunKind[] = Object.keys(kinds) as RunKind[];

/**
 * What a seed stands for.
 *
 * @param only the kind that all runs have; otherwise the seed decides
 */
export function planOf(seed: number, only?: RunKind): Plan {
  const random = new Random(seed).fork('plan');
  const kind = only ?? random.weighted(kindWeights);
  const isUnseen = unseen.has(kind);
  const servers = kind === 'everything' || random.chance(0.3) ? random.int(1, 3) : 1;
  const hasStore = kind === 'stores' || (!isUnseen && random.chance(0.5));
  const clients = Array.from({ length: random.int(1, 4) }, (_, index) =>
    clientOf(random.fork(`client ${index}`), servers, isUnseen),
  );
  const endMs = random.logBetween(5_000, 1_800_000);
  const withHandOvers = 'hand-over' in kinds[kind];
  const setting = { isUnseen, withHandOvers, hasStore, endMs, clients: clients.length, servers };
  const calls = callsOf(random.fork('calls'), setting);
  return {
    seed,
    strictness: isUnseen ? 'unseen' : 'truth',
    clients,
    servers,
    serverOptions: serverOptionsOf(random.fork('server'), isUnseen),
    hasStore,
    network: networkOf(random.fork('network')),
    calls,
    faults: faultsOf(random.fork('faults'), kinds[kind], setting, calls),
    endMs,
  };
}

interface Setting {
  readonly isUnseen: boolean;
  readonly withHandOvers: boolean;
  readonly hasStore: boolean;
  readonly endMs: number;
  readonly clients: number;
  readonly servers: number;
}

function clientOf(random: Random, servers: number, isUnseen: boolean): PlannedClient {
  const all = Array.from({ length: servers }, (_, index) => index);
  const some = random.chance(0.6) ? all : [random.pick(all)];
  const options = {
    heartbeatMs: random.pick([1_000, 5_000]),
    heartbeatTimeoutMs: random.pick([1_000, 5_000]),
    probeAfterMs: random.pick([0, 5]),
    verifyAfterMs: random.pick([0, 2_000, 15_000]),
    dialTimeoutMs: random.pick([2_000, 10_000]),
    reconnectCapMs: random.pick([1_000, 10_000]),
    eager: random.chance(0.1),
    pacing: random.chance(0.8),
  };
  const base = { servers: isUnseen ? all.slice(0, 1) : some, hasBudget: !isUnseen };
  if (isUnseen) {
    const patient = { heartbeatMs: 5_000, heartbeatTimeoutMs: 5_000, maxAttempts: 255 };
    return { ...base, options: { ...options, ...patient } };
  }
  return {
    ...base,
    hasBudget: random.chance(0.7),
    options: {
      ...options,
      maxAttempts: random.pick([1, 3, 5, 5]),
      replay: random.pick(['semi', 'semi', 'semi', 'idempotent', 'read', 'never']),
      maxReplayAgeMs: random.pick([2_000, 10_000]),
      ...(random.chance(0.2)
        ? { hedge: { afterMs: random.int(20, 500), max: random.int(1, 2) } }
        : {}),
    },
  };
}

function serverOptionsOf(random: Random, isUnseen: boolean): Plan['serverOptions'] {
  if (isUnseen) return {};
  return {
    resumeGraceMs: random.pick([0, 500, 10_000]),
    keepSessionsMs: random.pick([1_000, 60_000]),
    maxCalls: random.pick([3, 4_096, 4_096]),
    maxSessions: random.pick([2, 20_000, 20_000]),
    maxRecordedBytes: random.pick([2_000, 64 * 1024 * 1024]),
    maxRecords: random.pick([5, 100_000, 100_000]),
    handshakeTimeoutMs: random.pick([2_000, 10_000]),
    storeTimeoutMs: random.pick([500, 5_000]),
    ...(random.chance(0.25) ? { maxConcurrency: random.int(1, 4) } : {}),
  };
}

function networkOf(random: Random): Plan['network'] {
  const latencyMs = random.pick([0.1, 1, 10, 80]);
  const manners: Manners = {
    cancelled: random.pick(['failed', 'ok', 'never']),
    lateShare: random.pick([0, 0.3, 1]),
    lateMs: random.pick([0.1, 5, 100]),
    tellsClosed: random.chance(0.3),
  };
  const carriage = {
    latencyMs,
    jitterMs: latencyMs * random.pick([0, 1, 10]),
    // A narrow window on a long way would make every message late.
    roomBytes: latencyMs > 1 ? 256 * 1024 : random.pick([512, 16 * 1024, 256 * 1024]),
    pieceBytes: random.pick([5, 1_400, 64 * 1024]),
  };
  return { carriage, manners };
}

const safeties = { read: 2, idempotent: 2, semi: 2, once: 3, mutate: 4 } as const;

const conducts: Readonly<Record<Conduct, number>> = {
  'at-once': 4,
  later: 4,
  heeding: 1,
  failing: 1,
  transient: 1,
  refusing: 1,
};

const politeConducts: Readonly<Record<string, number>> = { 'at-once': 4, later: 4 };

/** Bursts of calls, with silences between them. */
function callsOf(random: Random, setting: Setting): PlannedCall[] {
  const { isUnseen, endMs } = setting;
  // Now and then so many at once that the numbers of calls come close to one another in tables.
  const isCrowded = random.chance(0.1);
  const most = random.int(10, isCrowded ? 500 : 110);
  const calls: PlannedCall[] = [];
  let at = random.between(0, 1_000);
  while (at < endMs && calls.length < most) {
    const size = Math.ceil(random.logBetween(1, isCrowded ? 250 : 30));
    const gapMs = random.pick([0, 0, 1, 20]);
    const client = random.int(0, setting.clients - 1);
    for (let index = 0; index < size && at < endMs; index++) {
      const sharer = random.chance(0.7) ? client : random.int(0, setting.clients - 1);
      calls.push(callOf(random, calls.length + 1, at, sharer, setting));
      at += gapMs * random.next() * 2;
    }
    at += random.logBetween(10, isUnseen ? endMs / 3 : endMs / 2);
  }
  return setting.hasStore ? calls.flatMap((call) => shared(random, call, setting)) : calls;
}

function callOf(
  random: Random,
  id: number,
  at: number,
  client: number,
  { isUnseen, withHandOvers }: Setting,
): PlannedCall {
  const safety = random.weighted<Safety>(safeties);
  const conduct = random.weighted<Conduct>(isUnseen ? politeConducts : conducts);
  const mostBytes = isUnseen ? 20_000 : 200_000;
  const call: PlannedCall = {
    id,
    at,
    client,
    safety,
    conduct,
    workMs: conduct === 'at-once' ? 0 : random.logBetween(1, isUnseen ? 500 : 20_000),
    inputBytes: random.chance(0.1) ? random.int(1_000, mostBytes) : random.int(0, 200),
    outputBytes: random.chance(0.1) ? random.int(1_000, mostBytes) : random.int(0, 200),
    timeoutMs: isUnseen ? 60_000 : random.pick([50, 1_000, 5_000, 30_000]),
  };
  // At another server no stream goes on.
  if (isUnseen) return withHandOvers ? call : streamed(random, call);
  return {
    ...streamed(random, call),
    ...(random.chance(0.15) ? { attemptTimeoutMs: random.int(20, 3_000) } : {}),
    ...(random.chance(0.1) ? { replay: random.pick(['never', 'read', 'semi'] as const) } : {}),
    ...(random.chance(0.05) ? { abortAfterMs: random.logBetween(0.1, 5_000) } : {}),
  };
}

/** Some calls have items. */
function streamed(random: Random, call: PlannedCall): PlannedCall {
  const { safety, conduct } = call;
  if ((safety !== 'mutate' && safety !== 'read') || !random.chance(0.3)) return call;
  const kinds = ['give', 'take', 'exchange'] as const;
  const kind = safety === 'read' ? 'give-read' : random.pick(kinds);
  return {
    ...call,
    conduct: conduct === 'refusing' ? conduct : 'later',
    stream: {
      kind,
      items: Math.floor(random.logBetween(1, 200)),
      takeMs: random.pick([0, 0, 1, 20]),
    },
  };
}

/** Some `once` calls are made by two clients under one key. */
function shared(random: Random, call: PlannedCall, { clients }: Setting): PlannedCall[] {
  if (call.safety !== 'once' || !random.chance(0.3)) return [call];
  const one = { ...call, group: call.id };
  const at = call.at + random.pick([0, 1, 500]);
  return [one, { ...one, id: call.id + 100_000, at, client: random.int(0, clients - 1) }];
}

function faultsOf(
  random: Random,
  weights: Weights,
  { endMs, clients, servers, isUnseen }: Setting,
  calls: readonly PlannedCall[],
): PlannedFault[] {
  if (Object.keys(weights).length === 0 || calls.length === 0) return [];
  const count = Math.ceil(random.logBetween(1, Math.max(2, calls.length / (isUnseen ? 6 : 2))));
  const faults: PlannedFault[] = [];
  for (let id = 1; id <= count; id++) {
    // Mostly when something is going on.
    const near = random.pick(calls);
    const isNear = random.chance(0.8);
    const at = isNear ? near.at + random.logBetween(0.1, 2_000) - 1 : random.between(0, endMs);
    faults.push({
      id,
      at: Math.max(0, at),
      kind: random.weighted<FaultKind>(weights),
      client: isNear ? near.client : random.int(0, clients - 1),
      server: random.int(0, servers - 1),
      // Nobody is away for longer than handlers are kept running for their client.
      ms: random.logBetween(1, isUnseen ? 5_000 : 30_000),
      bytes: Math.floor(random.logBetween(1, random.pick([20, 500, 100_000]))),
      isReset: random.chance(0.5),
      isHasty: random.chance(0.5),
      isTowardsServer: random.chance(0.5),
      store: random.pick<StoreMode>(['down', 'failing', 'silent', 'late']),
      noticeMs: random.pick([0, 20, 500]),
      timeoutMs: isUnseen ? 60_000 : random.pick([100, 2_000, 30_000]),
    });
  }
  return faults.sort((one, other) => one.at - other.at);
}
