import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const triesToConnect = 100;
const betweenTriesMs = 50;
/** Ticks of the kernel's clock in a second, as /proc counts processor time. */
const ticksPerSecond = 100;

/** A server that is a program of its own, as Redis is. */
export class Program {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it and waits until it listens on `port` of 127.0.0.1. */
  static async start(file: string, args: readonly string[], port: number): Promise<Program> {
    const child = spawn(file, args, { stdio: 'ignore' });
    await once(child, 'spawn');
    const program = new Program(child);
    for (let tries = 0; tries < triesToConnect; tries++) {
      if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}`);
      if (await isListening(port)) return program;
      await wait(betweenTriesMs);
    }
    await program.stop();
    throw new Error(`${file} does not listen on port ${port}`);
  }

  /** Processor time so far, user and system; Linux alone tells it. */
  cpuUs(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
  }

  /** Resident memory, in bytes. */
  rssBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
