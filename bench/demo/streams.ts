import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, isHoldfastError } from 'holdfast';
import type { Gate } from './gate.ts';
import { type SourceFile, sha256 } from './tree.ts';
import { type fileStore, journalPath, type WatchedLine } from './verbs.ts';

/** An upload is made of so many chunks, with a pause between them: faults come in its midst. */
const chunksPerFile = 60;
const chunkBytes = 8 * 1024;
const pauseMs = 20;

/** How often a call with streams is made anew by hand. */
const maxTries = 5;

/** What the client does by streams, all the while: it uploads files, and watches the journal. */
export class Streaming {
  readonly files: SourceFile[] = [];
  /** Checksums of what was read back, by path. */
  readonly readBack: Map<string, string> = new Map();
  /** Checksums of the journal's lines, in the order in which the watch gave them. */
  readonly watched: string[] = [];
  readonly failures: string[] = [];
  /** Calls that had to be made anew by hand. */
  madeAnew = 0;
  #isOver = false;
  readonly #client: Client<typeof fileStore>;
  readonly #gate: Gate;
  readonly #over = new AbortController();

  constructor(client: Client<typeof fileStore>, gate: Gate) {
    this.#client = client;
    this.#gate = gate;
  }

  /** Goes on until {@link stop}. */
  async run(): Promise<void> {
    await Promise.all([this.#uploadAll(), this.#watch()]);
    // What was written since the watch ended.
    await this.#tried(async () => {
      for await (const line of this.#lines(false)) this.#see(line);
    }, 'the last watch');
  }

  /** No more uploads, and no more watching. */
  stop(): void {
    this.#isOver = true;
    this.#over.abort();
  }

  async #uploadAll(): Promise<void> {
    while (!this.#isOver) {
      const bytes = randomBytes(chunksPerFile * chunkBytes);
      const path = `uploads/${this.files.length + 1}.bin`;
      this.files.push({ path, bytes, sha256: sha256(bytes) });
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          yield bytes.subarray(at, at + chunkBytes);
          await delay(pauseMs);
        }
      };
      await this.#tried(async () => {
        const { call } = this.#client;
        await this.#gate.pass(() => call.upload({ path }, chunks));
        this.readBack.set(path, sha256(await this.#gate.pass(() => call.get({ path }))));
      }, path);
    }
  }

  /** A server that ends sends its watchers away; they go on at the next one. */
  async #watch(): Promise<void> {
    while (!this.#isOver) {
      await this.#tried(async () => {
        for await (const line of this.#lines(true)) {
          this.#see(line);
          if (this.#isOver) break;
        }
      }, 'the watch');
    }
  }

  #lines(follows: boolean): AsyncIterable<WatchedLine> {
    const from = this.watched.length + 1;
    const options = follows ? { signal: this.#over.signal } : {};
    return this.#client.call.watch({ path: journalPath, from, follows }, options);
  }

  #see({ at, sha256: checksum }: WatchedLine): void {
    const expected = this.watched.length + 1;
    if (at !== expected) this.failures.push(`the watch gave line ${at} instead of ${expected}`);
    this.watched.push(checksum);
  }

  /** Both are harmless to repeat, and both begin where they were. */
  async #tried(work: () => Promise<void>, what: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await work();
        return;
      } catch (error) {
        if (this.#over.signal.aborted && isHoldfastError(error) && what === 'the watch') return;
        if (tries === maxTries || !isHoldfastError(error)) {
          this.failures.push(`${what}: ${(error as Error).message}`);
          return;
        }
        this.madeAnew++;
      }
    }
  }
}
