import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '../../lib/testing/index.ts';
import { Corpus } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { Crash, nextInput, tryInput } from './fuzz.ts';
import { maxInputBytes } from './mutate.ts';
import { targets } from './targets.ts';

/** What a worker is told to do. */
export interface Job {
  readonly target: string;
  readonly seed: number;
  readonly ms: number;
  /** Two numbers, how many inputs were tried and the length of the one at hand, then its bytes. */
  readonly view: SharedArrayBuffer;
}

/** Bytes of {@link Job.view}. */
export const viewBytes: number = 8 + maxInputBytes;

/** What a worker tells at its end. */
export interface News {
  readonly inputs: number;
  readonly parts: number;
  readonly kept: number;
  readonly crash: string | undefined;
}

/** Coverage is read after so many inputs. */
const batchSize = 512;

/** So much more memory than at the beginning is too much. */
const maxGrownBytes = 300 * 1024 * 1024;

function run(job: Job): News {
  const target = targets.find(({ name }) => name === job.target);
  if (target === undefined) throw new Error(`There is no target "${job.target}"`);
  const random = seededRandom(job.seed);
  const corpus = new Corpus(target.name);
  const counts = new Int32Array(job.view, 0, 2);
  const bytes = Buffer.from(job.view, 8);
  const attempt = (input: Buffer): void => {
    counts[1] = input.copy(bytes);
    counts[0] = (counts[0] as number) + 1;
    tryInput(target, input);
  };
  const coverage = new Coverage();
  const kept: Buffer[] = [];
  /** Keeps those of the inputs that reach something new. Reading the coverage is what takes time. */
  const select = (inputs: readonly Buffer[]): void => {
    for (const input of inputs) attempt(input);
    const news = coverage.news();
    const [first] = inputs;
    if (news.length === 0 || first === undefined) return;
    if (inputs.length === 1) {
      kept.push(first);
      coverage.learn(news);
    } else {
      const half = Math.ceil(inputs.length / 2);
      select(inputs.slice(0, half));
      select(inputs.slice(half));
    }
  };
  const until = performance.now() + job.ms;
  const { rss } = process.memoryUsage();
  let crash: string | undefined;
  try {
    for (const input of [...corpus.inputs, ...target.seeds]) select([input]);
    while (performance.now() < until) {
      const pool = [...kept, ...target.seeds];
      const batch = Array.from({ length: batchSize }, () => nextInput(target, pool, random));
      select(batch);
      if (process.memoryUsage().rss - rss > maxGrownBytes)
        throw new Error('It takes too much memory');
    }
    corpus.keep(kept);
  } catch (error) {
    crash = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (error instanceof Crash) {
      crash = `${error.message}\n${(error.cause as Error | undefined)?.stack}`;
      corpus.addFound(error.input);
    }
  }
  const parts = coverage.size;
  coverage.close();
  return { inputs: counts[0] as number, parts, kept: kept.length, crash };
}

if (parentPort !== null) parentPort.postMessage(run(workerData as Job));
