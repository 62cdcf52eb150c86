import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { ChildStop } from '../media/child.ts';
import type { Channel, Listening, ListeningSocket } from '../media/medium.ts';
import { SocketChannel } from '../media/socket-channel.ts';
import { optionError, show } from '../util/check.ts';
import {
  environmentFor,
  firstDescriptor,
  type GivenSocket,
  socketId,
  variable,
} from './environment.ts';

/** What is started, and what it is given. */
export interface SuccessorOptions {
  /** The program and its arguments; no shell has a part in it. */
  readonly command: readonly string[];
  /** What listens. Those that have no socket (memory, stdio) are left out. */
  readonly listenings: readonly Listening[];
  readonly cwd?: string | undefined;
  /** Default: the variables of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Between the signal that asks it to end and the one that it cannot ignore. Default 5 s. */
  readonly killAfterMs?: number;
}

/**
 * A process that was started with our listening sockets. It takes connections as soon as it wants
 * to, while this process does so too. It does not keep this process alive, and outlives it.
 */
export interface Successor {
  readonly process: ChildProcess;
  /** The connection with it; who gets it must start it in the same turn. */
  readonly channel: Channel;
  /** Resolves when it has ended, with how, e.g. `exit code 1` or `signal SIGKILL`. */
  readonly ended: Promise<string>;
  /** Ends it: it is asked to, and made to when it does not in time. Resolves when it has ended. */
  stop(): Promise<void>;
}

/**
 * Starts a successor. Its descriptors 0 to 2 are ours, then come the sockets, then the connection.
 * Rejects with `ERR_HOLDFAST_OPTION`, or with Node's own error, e.g. `ENOENT`.
 */
export async function spawnSuccessor({
  command,
  listenings,
  cwd,
  env = process.env,
  killAfterMs = 5_000,
}: SuccessorOptions): Promise<Successor> {
  const [program, ...args] = checkedCommand(command);
  const given: GivenSocket[] = [];
  const fds: number[] = [];
  for (const { url, socket } of listenings) {
    if (socket === undefined) continue;
    fds.push(socket.fd);
    given.push(asGiven(socket, firstDescriptor + given.length, url));
  }
  if (fds.length === 0) throw optionError('There is no listening socket to hand over');
  const channelFd = firstDescriptor + fds.length;
  const child = spawn(program, args, {
    cwd,
    env: environmentFor(env, given, fds.map(idOf), channelFd),
    stdio: ['inherit', 'inherit', 'inherit', ...fds, 'pipe'],
    windowsHide: true,
  });
  await once(child, 'spawn');
  // A signal that does not get through must not end this process.
  child.on('error', () => {});
  return asSuccessor(child, child.stdio[channelFd] as Socket, killAfterMs);
}

function asSuccessor(child: ChildProcess, socket: Socket, killAfterMs: number): Successor {
  child.unref();
  const ended = new Promise<string>((resolve) => {
    child.on('exit', (code, signal) => {
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
  const stopper = new ChildStop(child, killAfterMs);
  return {
    process: child,
    channel: new SocketChannel(socket, { medium: 'hand-over', address: 'successor' }),
    ended,
    stop: async () => {
      child.ref();
      stopper.within(0);
      await ended;
    },
  };
}

function checkedCommand(command: readonly string[]): readonly [string, ...string[]] {
  const isList =
    Array.isArray(command) && command.every((part) => typeof part === 'string' && !/\0/.test(part));
  if (!isList || command[0] === undefined || command[0] === '') {
    throw optionError(
      `Command of a successor must be a list of a program and its arguments, got ${show(command)}`,
    );
  }
  return command as unknown as readonly [string, ...string[]];
}

function asGiven({ address, name, file }: ListeningSocket, fd: number, url: string): GivenSocket {
  return {
    fd,
    url,
    address,
    ...(name === undefined ? {} : { name }),
    ...(file === undefined ? {} : { file: { path: file.path, id: file.id } }),
  };
}

function idOf(fd: number): string {
  const id = socketId(fd);
  if (id === undefined) throw new Error(`Descriptor ${fd} for ${variable} is not a socket`);
  return id;
}
