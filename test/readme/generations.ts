import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Interface } from 'node:readline';
import { expect } from 'chai';
import { type Client, connect } from '../../lib/index.ts';
import { ended, isRunning } from '../support/processes.ts';
import type { ReaderFolder } from './reader-folder.ts';
import { snippets } from './readme.ts';

/** A server of the documents that serves, as it says on its line. */
export interface Generation {
  readonly pid: number;
  readonly url: string;
}

/** The servers that take the place of one another, by what they print. */
export class Generations {
  readonly #lines: AsyncIterator<string>;
  readonly #pids: number[] = [];

  constructor(lines: Interface) {
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** The next that serves. */
  async next(): Promise<Generation> {
    const { value } = await this.#lines.next();
    const [, pid, url = ''] = /^process (\d+) listens at (\S+)$/.exec(value) ?? [];
    expect(pid, value).to.be.a('string');
    this.#pids.push(Number(pid));
    return { pid: Number(pid), url };
  }

  /** Resolves when one server has ended, or all. */
  async ended(one?: Generation): Promise<void> {
    await Promise.all((one === undefined ? this.#pids : [one.pid]).map((pid) => ended(pid)));
  }

  /** Those that still run. */
  running(): number[] {
    return this.#pids.filter(isRunning);
  }

  /** At the end of a test that failed: nobody else ends them. */
  kill(): void {
    for (const pid of this.running()) process.kill(pid, 'SIGKILL');
  }
}

/**
 * `restart.ts` as it is, but for the place where it listens, and for the time that `add` takes: it
 * goes on when it is told to.
 */
export function moveRestart(folder: ReaderFolder, url: string): void {
  const { code = '' } = snippets().find(({ file }) => file === 'restart.ts') ?? {};
  const wait = "while (!(await import('node:fs')).existsSync('go')) await setTimeout(5);";
  const moved = code.replace('tcp://127.0.0.1:4155', url);
  const steered = moved.replace(/^ {2}await setTimeout\(1_000\);.*$/m, wait);
  expect([moved, steered]).not.to.include(code);
  expect(steered).to.include(wait);
  folder.write('restart.ts', steered);
  folder.write('notes.txt', '');
}

/** Lets the calls of `add` go on. */
export function letGo(folder: ReaderFolder): void {
  writeFileSync(join(folder.path, 'go'), '');
}

/**
 * A server of `launched.ts` that is started from now on serves, but does not say so until the news
 * may go.
 */
export function holdNews(folder: ReaderFolder): () => void {
  const { code = '' } = snippets().find(({ file }) => file === 'launched.ts') ?? {};
  const wait = "while (!existsSync('news')) await new Promise((go) => setTimeout(go, 5));";
  const held = code.replace(/^tell\(\);$/m, `${wait}\n$&`);
  expect(held).to.include(wait);
  folder.write('launched.ts', `import { existsSync } from 'node:fs';\n${held}`);
  return () => {
    folder.write('launched.ts', code);
    folder.write('news', '');
  };
}

/** A caller to whom nothing may happen. */
export class Caller {
  readonly client: Client;
  #isOver = false;
  readonly #load: Promise<void>;
  calls = 0;

  constructor(url: string) {
    this.client = connect(url);
    this.#load = this.#call();
    // Told at the end.
    this.#load.catch(() => {});
  }

  /** Adds a note; resolves when the handler runs. The answer is what is given. */
  async add(text: string): Promise<{ readonly answer: Promise<unknown> }> {
    const answer = this.client.invoke('add', text);
    answer.catch(() => {});
    while (!(await this.list()).includes(text)) await new Promise(setImmediate);
    return { answer };
  }

  async list(): Promise<readonly string[]> {
    return (await this.client.invoke('list')) as string[];
  }

  /** Rejects if any call has failed. */
  async end(): Promise<void> {
    this.#isOver = true;
    try {
      await this.#load;
    } finally {
      await this.client.close();
    }
  }

  /** Calls, one after the other, until it is over. */
  async #call(): Promise<void> {
    while (!this.#isOver) {
      await this.list();
      this.calls++;
    }
  }
}
