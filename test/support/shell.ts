import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { ServerChannel } from 'ssh2';
import { isAlive, isRunning } from './processes.ts';

/** A word for `/bin/sh`. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The file in which programs leave their numbers, newest last. */
export class PidFile {
  readonly #path: string;
  #stopped: number | undefined;

  constructor(path: string) {
    this.#path = path;
    writeFileSync(path, '');
  }

  /** Sends the newest of them a signal. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.#newest(), signal);
  }

  /** Stops the newest of them; it is killed at the latest by {@link end}. */
  stop(): void {
    this.#stopped = this.#newest();
    process.kill(this.#stopped, 'SIGSTOP');
  }

  /** Nobody else ends what is stopped at the far end of an SSH connection. */
  end(): void {
    if (this.#stopped !== undefined && isAlive(this.#stopped)) {
      process.kill(this.#stopped, 'SIGKILL');
    }
  }

  /** Those that still run. */
  running(): number[] {
    return this.#all().filter(isRunning);
  }

  #newest(): number {
    return this.#all().at(-1) as number;
  }

  #all(): number[] {
    const words = readFileSync(this.#path, 'utf8').trim().split('\n');
    return words.filter((word) => word !== '').map(Number);
  }

  /** A program and its arguments that leave the number of the one that is given. */
  noting(words: readonly string[]): readonly [program: string, ...args: string[]] {
    return ['/bin/sh', '-c', 'echo $$ >> "$0" && exec "$@"', this.#path, ...words];
  }
}

/** Runs a command of an SSH server by a shell, as a real one does; the channel is its stdin and stdout. */
export function runInShell(channel: ServerChannel, line: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', line]);
  child.stdin.on('error', () => {});
  channel.pipe(child.stdin);
  child.stdout.on('data', (chunk: Buffer) => {
    if (channel.writable) channel.write(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (channel.writable) channel.stderr.write(chunk);
  });
  channel.on('close', () => {
    child.stdin.destroy();
    child.stdout.destroy();
  });
  child.on('close', (code, signal) => {
    if (!channel.writable) return;
    if (signal === null) channel.exit(code ?? 0);
    else channel.exit(signal, false, '');
    channel.end();
  });
  return child;
}
