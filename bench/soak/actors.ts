import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { descendants, isThere } from './processes.ts';
import { nodeFlags } from './sampler.ts';
import type { ServerName } from './scene.ts';

const pollMs = 100;
/** A process that does not do by then what it was told hangs. */
const patienceMs = 120_000;

function start(script: string, args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, [...nodeFlags, path, ...args], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > giveUpAt) throw new Error(`${what}: not within ${patienceMs} ms`);
    await delay(pollMs);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

/** A server, whichever process it is at the moment. */
export class ServerActor {
  readonly name: ServerName;
  readonly #folder: string;
  #pid = 0;

  constructor(folder: string, name: ServerName) {
    this.#folder = folder;
    this.name = name;
  }

  async start(): Promise<void> {
    start('./server.js', [this.#folder, this.name]);
    await this.#new();
  }

  kill(): Promise<void> {
    return this.#gone('SIGKILL');
  }

  drain(): Promise<void> {
    return this.#gone('SIGTERM');
  }

  /** Resolves when the old process has ended. */
  async handOver(): Promise<void> {
    const old = this.#pid;
    this.#signal('SIGHUP');
    await this.#new();
    await until(`the old ${this.name} ends`, () => !isThere(old));
  }

  async stopFor(ms: number): Promise<void> {
    this.#signal('SIGSTOP');
    await delay(ms);
    this.#signal('SIGCONT');
  }

  async #gone(how: NodeJS.Signals): Promise<void> {
    this.#signal(how);
    await until(`${this.name} ends by ${how}`, () => !isThere(this.#pid));
  }

  #signal(name: NodeJS.Signals): void {
    if (!isThere(this.#pid)) throw new Error(`${this.name} ${this.#pid} has ended by itself`);
    process.kill(this.#pid, name);
  }

  /** Waits for a process that has written who it is. */
  async #new(): Promise<void> {
    const old = this.#pid;
    await until(`a new ${this.name} serves`, () => {
      try {
        const file = join(this.#folder, `${this.name}.pid`);
        this.#pid = Number(readFileSync(file, 'utf8')) || old;
      } catch {
        // None has written yet.
      }
      return this.#pid !== old;
    });
  }
}

/** A process with clients. */
export class ClientActor {
  readonly #folder: string;
  readonly #role: string;
  readonly #seed: number;
  #starts = 0;
  #child: ChildProcess;

  constructor(folder: string, role: string, seed: number) {
    this.#folder = folder;
    this.#role = role;
    this.#seed = seed;
    this.#child = this.#start();
  }

  async restart(): Promise<void> {
    await this.#gone('SIGKILL');
    this.#child = this.#start();
  }

  /** Lets everything settle. */
  end(): Promise<void> {
    return this.#gone('SIGTERM');
  }

  kill(): Promise<void> {
    return this.#gone('SIGKILL');
  }

  async stopFor(ms: number): Promise<void> {
    this.#child.kill('SIGSTOP');
    await delay(ms);
    this.#child.kill('SIGCONT');
  }

  #start(): ChildProcess {
    const seed = this.#seed + 1_000 * this.#starts++;
    return start('./client.js', [this.#folder, this.#role, String(seed)]);
  }

  async #gone(how: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    child.kill(how);
    await until(
      `${this.#role} ends by ${how}`,
      () => child.exitCode !== null || child.signalCode !== null,
    );
  }
}

/** Kills one of the programs that carry connections; tells which. */
export function killCarrier(random: () => number): string | undefined {
  const carriers = descendants(process.pid).filter(({ command }) =>
    /cli\/main\.js bridge|soak\/program\.js|^ssh .*-F|^sshd: .*notty/.test(command),
  );
  const one = carriers[Math.floor(random() * carriers.length)];
  if (one === undefined) return undefined;
  signal(one.pid, 'SIGKILL');
  return one.command.slice(0, 60);
}
