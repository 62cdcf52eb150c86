import { fstatSync, readFileSync } from 'node:fs';

/**
 * The path that a Unix socket is bound to, which only Linux tells, and only within one network
 * namespace. Undefined where it cannot be told.
 */
export function boundPath(fd: number): string | undefined {
  try {
    const { ino } = fstatSync(fd, { bigint: true });
    const sockets = readFileSync('/proc/net/unix', 'utf8');
    const fields = '\\S+: \\S+ \\S+ \\S+ \\S+ \\S+';
    return new RegExp(`^${fields} +${ino} (.+)$`, 'm').exec(sockets)?.[1];
  } catch {
    return undefined;
  }
}
