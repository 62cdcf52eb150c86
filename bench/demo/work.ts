import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, isHoldfastError } from 'holdfast';
import { Gate } from './gate.ts';
import { largeBytes } from './schedule.ts';
import { type SourceFile, sha256 } from './tree.ts';
import { type fileStore, type JournalLine, journalPath } from './verbs.ts';

/** An application does something else between two calls, for up to so long. */
export const maxPauseMs = 40;

/** How often a line is sent anew after the outcome "not-executed". */
const maxLineTries = 3;

/** What the client does: it stores files, notes each in the journal, and reads each back. */
export class Work {
  readonly gate: Gate = new Gate();
  readonly acknowledged: Set<string> = new Set();
  readonly unknown: Set<string> = new Set();
  readonly notExecuted: Set<string> = new Set();
  readonly failures: string[] = [];
  /** Checksums of what was read back, by path. */
  readonly readBack: Map<string, string> = new Map();
  /** Files beside the source tree. */
  readonly largeFiles: SourceFile[] = [];
  /** Locks that a repeated call found taken, by ourselves. */
  ownLocks = 0;
  filesDone = 0;
  #linesSent = 0;
  readonly #client: Client<typeof fileStore>;
  readonly #owner: string;
  readonly #random: () => number;
  readonly #onAnswer: () => void;
  readonly #onFileDone: () => void;

  constructor(
    client: Client<typeof fileStore>,
    owner: string,
    random: () => number,
    on: { readonly answer: () => void; readonly fileDone: () => void },
  ) {
    this.#client = client;
    this.#owner = owner;
    this.#random = random;
    this.#onAnswer = on.answer;
    this.#onFileDone = on.fileDone;
  }

  /** Takes the journal's lock: without it nobody may append. */
  async begin(): Promise<void> {
    await this.#lock(journalPath);
  }

  /** Stores all files, so many at a time. */
  async storeAll(files: readonly SourceFile[], lanes: number): Promise<void> {
    const rest = files.values();
    const lane = async (): Promise<void> => {
      for (const file of rest) {
        await this.#store(file);
        this.filesDone++;
        this.#onFileDone();
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** Makes one call of many megabytes. */
  async large(verb: 'put' | 'append'): Promise<void> {
    if (verb === 'append') {
      const padding = randomBytes(largeBytes / 2).toString('hex');
      await this.#append('a long line', sha256(Buffer.from(padding)), padding);
      return;
    }
    const bytes = randomBytes(largeBytes);
    const path = `large/${this.largeFiles.length + 1}.bin`;
    const file = { path, bytes, sha256: sha256(bytes) };
    this.largeFiles.push(file);
    await this.#store(file);
  }

  /** Somebody else tries to take the journal's lock: true when that is refused. */
  async isClosedToOthers(): Promise<boolean> {
    try {
      await this.#client.call.lock({ path: journalPath, owner: 'somebody else' });
      return false;
    } catch (error) {
      return this.#isLockedByUs(error);
    }
  }

  async #store({ path, bytes, sha256: checksum }: SourceFile): Promise<void> {
    const owner = this.#owner;
    const { call } = this.#client;
    try {
      await this.#lock(path);
      await this.#answered(() => call.put({ path, owner, bytes }));
      await this.#append(path, checksum);
      const stored = await this.#answered(() => call.get({ path }));
      this.readBack.set(path, sha256(stored));
    } catch (error) {
      this.failures.push(`${path}: ${(error as Error).message}`);
    }
  }

  /** A repeated lock may find the lock taken by the first: then it is ours. */
  async #lock(path: string): Promise<void> {
    try {
      await this.#answered(() => this.#client.call.lock({ path, owner: this.#owner }));
    } catch (error) {
      if (!this.#isLockedByUs(error)) throw error;
      this.ownLocks++;
    }
  }

  #isLockedByUs(error: unknown): boolean {
    if (!isHoldfastError(error) || error.remote?.code !== 'LOCKED') return false;
    return (error.remote.data as { owner?: unknown }).owner === this.#owner;
  }

  /** Appends a line. What may have run is never sent again, what did not run is sent anew. */
  async #append(path: string, checksum: string, padding = ''): Promise<void> {
    const owner = this.#owner;
    for (let tries = 1; tries <= maxLineTries; tries++) {
      const id = `${++this.#linesSent} ${path}`;
      const line: JournalLine = { id, path, sha256: checksum, padding };
      const input = { path: journalPath, owner, line: JSON.stringify(line) };
      try {
        await this.#answered(() => this.#client.call.append(input));
        this.acknowledged.add(id);
        return;
      } catch (error) {
        if (!isHoldfastError(error) || error.outcome === 'executed') throw error;
        if (error.outcome === 'unknown') {
          this.unknown.add(id);
          return;
        }
        this.notExecuted.add(id);
      }
    }
    throw new Error(`its line could not be sent in ${maxLineTries} tries`);
  }

  async #answered<T>(call: () => Promise<T>): Promise<T> {
    await delay(this.#random() * maxPauseMs);
    const answer = await this.gate.pass(call);
    this.#onAnswer();
    return answer;
  }
}
