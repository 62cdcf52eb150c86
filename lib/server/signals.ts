import { constants } from 'node:os';
import {
  type Check,
  type Checks,
  milliseconds,
  ofType,
  optionError,
  resolveOptions,
  show,
} from '../util/check.ts';
import { suggestion } from '../util/nearest.ts';
import type { DrainReport, Server } from './server.ts';

/** When a server drains by itself. */
export interface DrainOnSignalsOptions {
  /** Default `SIGTERM` and `SIGINT`. */
  readonly signals?: readonly NodeJS.Signals[];
  /** How long the drain may take, in milliseconds. Default 10 s. */
  readonly timeoutMs?: number;
  /**
   * Called when the server has drained, instead of ending the process; what it throws surfaces as
   * uncaught.
   */
  readonly onDrained?: (report: DrainReport) => unknown;
}

const signalList: Check = (name, value) => {
  if (!Array.isArray(value) || value.length === 0 || !value.every(looksLikeSignal)) {
    throw optionError(
      `Option "${name}" must be a list of signals, e.g. ["SIGTERM"], got ${show(value)}`,
    );
  }
  for (const signal of value) {
    if (Object.hasOwn(constants.signals, signal)) {
      if (signal !== 'SIGKILL' && signal !== 'SIGSTOP') continue;
      throw optionError(`Signal "${signal}" cannot be handled`);
    }
    const known = Object.keys(constants.signals);
    throw optionError(`Unknown signal "${signal}"${suggestion(signal, known)}`);
  }
};

function looksLikeSignal(value: unknown): boolean {
  return typeof value === 'string' && /^SIG[A-Z0-9]+$/.test(value);
}

const checks: Checks<DrainOnSignalsOptions> = {
  signals: signalList,
  timeoutMs: milliseconds(1),
  onDrained: ofType('function'),
};

const defaults = { signals: ['SIGTERM', 'SIGINT'] as readonly NodeJS.Signals[], timeoutMs: 10_000 };

/** What is done at each signal: one listener at the process serves any number of servers. */
const handlers = new Map<NodeJS.Signals, Set<() => void>>();

/** Servers of this process that drain because of a signal. The process does not end before them. */
let draining = 0;
/** One of them wants the process to end. */
let isExiting = false;

/**
 * Drains a server when the process is told to end: the first signal drains, a second one closes it
 * at once, and a third one has its usual effect. Afterwards the process exits, with 0 unless
 * `process.exitCode` says otherwise, as soon as other servers that drain for a signal are done too;
 * with `onDrained` that is left to the program. The handlers do not keep the process alive, and are
 * gone after the drain.
 *
 * @returns takes the handlers off again
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function drainOnSignals(
  server: Pick<Server, 'drain' | 'close'>,
  options: DrainOnSignalsOptions = {},
): () => void {
  const { signals, timeoutMs, onDrained } = resolveOptions(
    'drain option',
    options,
    defaults,
    checks,
  );
  let isDraining = false;
  const handle = (): void => {
    if (isDraining) {
      off();
      void server.close();
      return;
    }
    isDraining = true;
    void drain(server, timeoutMs, onDrained).finally(off);
  };
  const off = (): void => {
    for (const signal of signals) removeHandler(signal, handle);
  };
  for (const signal of signals) addHandler(signal, handle);
  return off;
}

async function drain(
  server: Pick<Server, 'drain'>,
  timeoutMs: number,
  onDrained: ((report: DrainReport) => unknown) | undefined,
): Promise<void> {
  draining++;
  try {
    const report = await server.drain({ timeoutMs });
    if (onDrained === undefined) isExiting = true;
    else await onDrained(report);
  } finally {
    draining--;
  }
  if (draining === 0 && isExiting) process.exit();
}

function addHandler(signal: NodeJS.Signals, handler: () => void): void {
  const present = handlers.get(signal);
  if (present !== undefined) {
    present.add(handler);
    return;
  }
  handlers.set(signal, new Set([handler]));
  process.on(signal, onSignal);
}

function removeHandler(signal: NodeJS.Signals, handler: () => void): void {
  const present = handlers.get(signal);
  if (!present?.delete(handler) || present.size > 0) return;
  handlers.delete(signal);
  process.removeListener(signal, onSignal);
}

function onSignal(signal: NodeJS.Signals): void {
  for (const handler of [...(handlers.get(signal) ?? [])]) handler();
}
