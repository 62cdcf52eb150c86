import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.ts';

const tries = 300;

/** Where a program is; `sbin` is looked through too, for it is not on everybody's path. */
export function findProgram(program: string): string | undefined {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  try {
    const found = execFileSync('/bin/sh', ['-c', 'command -v "$0"', program], {
      env: { PATH: path },
    });
    return found.toString().trim();
  } catch {
    return undefined;
  }
}

/**
 * Starts sshd on a free port of 127.0.0.1, with the keys `host` and `user.pub` of the folder; what
 * it starts inherits this process's core. It is killed when this process ends.
 */
export async function startSshd(
  program: string,
  folder: string,
): Promise<{ port: number; close: () => Promise<void> }> {
  // sshd wants it when root starts it; the system's own start makes it. Another may need it, so it stays.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  const log = join(folder, 'log');
  const config = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'user.pub')}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PrintMotd no',
  ];
  writeFileSync(join(folder, 'sshd_config'), `${config.join('\n')}\n`);
  const child = spawn(program, ['-D', '-f', join(folder, 'sshd_config'), '-E', log], {
    stdio: 'ignore',
  });
  process.once('exit', () => child.kill());
  for (let tried = 0; !(await isListening(port)); tried++) {
    if (tried >= tries || child.exitCode !== null) {
      throw new Error(`sshd does not listen: ${readFileSync(log, 'utf8')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { port, close: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill();
  await exited;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  const heard = await Promise.race([
    once(socket, 'data').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return heard;
}
