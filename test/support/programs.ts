import { execFileSync } from 'node:child_process';

/** Debian's package for each program that the system tests use. */
const packages: Readonly<Record<string, string>> = {
  brz: 'brz',
  haproxy: 'haproxy',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  ip: 'iproute2',
  nft: 'nftables',
  ps: 'procps',
  socat: 'socat',
  'redis-server': 'redis-server',
  'systemd-analyze': 'systemd',
  'systemd-notify': 'systemd',
  'systemd-socket-activate': 'systemd',
};

/** Where a program is; `sbin` is looked through too, for it is not on everybody's path. */
export function find(program: string): string | undefined {
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
 * Call it in a `before` hook. When programs are missing, the tests are skipped with a line that
 * says how to install them; with `CI` set they fail.
 */
export function needPrograms(context: Mocha.Context, ...programs: readonly string[]): void {
  const missing = programs.filter((program) => find(program) === undefined);
  if (missing.length === 0) return;
  const wanted = [...new Set(missing.map((program) => packages[program] ?? program))].join(' ');
  lacks(context, `Missing: ${missing.join(', ')}. Install with: apt-get install ${wanted}`);
}

/** The same for what only root may do. */
export function needRoot(context: Mocha.Context): void {
  if (process.getuid?.() !== 0) lacks(context, 'Missing: the rights of root. Run it with: sudo');
}

function lacks(context: Mocha.Context, message: string): void {
  if (process.env['CI'] !== undefined) throw new Error(message);
  console.log(message);
  context.skip();
}
