import { fstatSync } from 'node:fs';
import { HoldfastError } from '../errors.ts';
import { show } from '../util/check.ts';

/** Variables, of a process or for one. */
export type Environment = Record<string, string | undefined>;

/** Our own variable: it tells a successor which descriptors are what. */
export const variable = 'HOLDFAST_INHERIT';

/** Those of systemd; see sd_listen_fds(3). */
const systemdVariables = ['LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDS', 'LISTEN_FDNAMES'];

/** The first descriptor that is passed on, by systemd's custom, which is ours too. */
export const firstDescriptor = 3;

/** A socket as the environment tells of it. */
export interface GivenSocket {
  readonly fd: number;
  readonly name?: string;
  /** From a predecessor: where clients reach it, and what its listener was told. */
  readonly url?: string;
  readonly address?: string;
  readonly file?: { readonly path: string; readonly id: string };
}

/** What this process was started with. */
export interface Inheritance {
  readonly from: 'systemd' | 'predecessor';
  readonly sockets: readonly GivenSocket[];
  /** The descriptor of the connection with the predecessor. */
  readonly channel?: number;
}

/** As it is written in {@link variable}. */
interface Written {
  readonly sockets: readonly (GivenSocket & { readonly id: string })[];
  readonly channel: number;
}

/**
 * What the variables say, which are removed: a process that this one starts must not take them for
 * its own. Throws `ERR_HOLDFAST_LISTEN` when they do not fit the descriptors.
 */
export function takeInheritance(environment: Environment, pid: number): Inheritance | undefined {
  const ours = environment[variable];
  const systemds = { ...environment };
  for (const name of [variable, ...systemdVariables]) delete environment[name];
  if (ours !== undefined) return fromPredecessor(ours);
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = systemds;
  if (LISTEN_FDS === undefined || LISTEN_PID !== String(pid)) return undefined;
  return fromSystemd(LISTEN_FDS, LISTEN_FDNAMES);
}

/** The variables of this process, with what a successor must be told. */
export function environmentFor(
  environment: Environment,
  sockets: readonly GivenSocket[],
  ids: readonly string[],
  channel: number,
): Environment {
  const written: Written = {
    sockets: sockets.map((socket, index) => ({ ...socket, id: ids[index] as string })),
    channel,
  };
  const result: Environment = { ...environment, [variable]: JSON.stringify(written) };
  for (const name of systemdVariables) delete result[name];
  return result;
}

/** What tells a socket from every other one of the machine; undefined if it is none. */
export function socketId(fd: number): string | undefined {
  try {
    const stats = fstatSync(fd, { bigint: true });
    return stats.isSocket() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch {
    return undefined;
  }
}

function fromPredecessor(text: string): Inheritance {
  const { sockets, channel } = parse(text);
  const here = sockets.every(({ fd, id }) => socketId(fd) === id) && socketId(channel);
  if (!here) {
    throw inheritanceError(
      `the sockets that ${variable} names did not come through: the command of a hand-over must be the server itself, or a script that runs it with "exec", and not e.g. "npm start"`,
    );
  }
  return { from: 'predecessor', sockets: sockets.map(({ id: _id, ...socket }) => socket), channel };
}

function parse(text: string): Written {
  try {
    const written: Partial<Written> = JSON.parse(text);
    const { sockets, channel } = written;
    if (Array.isArray(sockets) && typeof channel === 'number') return { sockets, channel };
  } catch {
    // Told below.
  }
  throw inheritanceError(`${variable} is not what holdfast writes: ${show(text)}`);
}

function fromSystemd(fds: string, fdNames: string | undefined): Inheritance | undefined {
  const count = Number(fds);
  if (!/^\d{1,4}$/.test(fds)) {
    throw inheritanceError(`LISTEN_FDS must be a small number, got ${show(fds)}`);
  }
  if (count === 0) return undefined;
  const names = fdNames === undefined ? [] : fdNames.split(':');
  if (fdNames !== undefined && names.length !== count) {
    throw inheritanceError(
      `LISTEN_FDNAMES must have ${count} names, as LISTEN_FDS says, got ${show(fdNames)}`,
    );
  }
  const sockets = Array.from({ length: count }, (_, index): GivenSocket => {
    const fd = firstDescriptor + index;
    const name = names[index];
    if (socketId(fd) === undefined) {
      const called = name === undefined ? '' : ` ("${name}")`;
      throw inheritanceError(`descriptor ${fd}${called} of LISTEN_FDS=${fds} is not a socket`);
    }
    return { fd, ...(name === undefined ? {} : { name }) };
  });
  return { from: 'systemd', sockets };
}

/** An `ERR_HOLDFAST_LISTEN` error. */
export function inheritanceError(why: string): HoldfastError {
  const message = `Cannot listen on inherited sockets: ${why}`;
  return new HoldfastError('ERR_HOLDFAST_LISTEN', message, { final: true });
}
