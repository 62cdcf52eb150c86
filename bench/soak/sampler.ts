import { readdirSync } from 'node:fs';
import { wheelOf } from '../../dist/retry/timer-wheel.js';
import { systemClock } from '../../dist/util/clock.js';
import { files, Notebook } from './notebook.ts';

/** What a process holds at one moment, garbage not counted. */
export interface Sample {
  readonly role: string;
  readonly pid: number;
  /** Since the epoch. */
  readonly atMs: number;
  readonly heapBytes: number;
  /** Buffers beside the heap. */
  readonly externalBytes: number;
  readonly rssBytes: number;
  readonly descriptors: number;
  /** Entries on the process's timer wheel. */
  readonly wheel: number;
  readonly cpuMs: number;
  /** What is proper to the role: calls, sessions and the like. */
  readonly counts: Readonly<Record<string, number>>;
}

/** The flags that a sampled process needs. */
export const nodeFlags: readonly string[] = ['--expose-gc'];

/** Notes every so often what this process holds. */
export class Sampler {
  readonly #notebook: Notebook;
  readonly #role: string;
  readonly #counts: () => Record<string, number>;
  readonly #timer: NodeJS.Timeout;

  constructor(folder: string, role: string, everyMs: number, counts: () => Record<string, number>) {
    this.#notebook = new Notebook(folder, files.samples);
    this.#role = role;
    this.#counts = counts;
    this.#timer = setInterval(() => this.take(), everyMs).unref();
  }

  take(role: string = this.#role): Sample {
    // What the first collection finalizes, the second can free.
    globalThis.gc?.();
    globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const sample: Sample = {
      role,
      pid: process.pid,
      atMs: Date.now(),
      heapBytes: heapUsed,
      externalBytes: external,
      rssBytes: rss,
      // One is that of the reading itself.
      descriptors: readdirSync('/proc/self/fd').length - 1,
      wheel: wheelOf(systemClock).size,
      cpuMs: Math.round((user + system) / 1000),
      counts: this.#counts(),
    };
    this.#notebook.note(JSON.stringify(sample));
    return sample;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
