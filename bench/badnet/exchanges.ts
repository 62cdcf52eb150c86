import type { Way } from './contenders.ts';
import { documentOf } from './document.ts';

/** What is done. */
export interface Work {
  readonly exchanges: number;
  readonly atATime: number;
  /** After so long what is not finished is left. */
  readonly capMs: number;
}

/** What became of one exchange. */
export interface Exchange {
  readonly number: number;
  readonly startedMs: number;
  /** Missing when it was not finished. */
  readonly tookMs?: number;
  readonly outcome: 'answered' | 'failed' | 'wrong' | 'unfinished';
}

/** What became of all of them. */
export interface Course {
  readonly wallMs: number;
  readonly exchanges: readonly Exchange[];
}

/** Has documents by one way, so many at a time. */
export async function run(way: Way, { exchanges, atATime, capMs }: Work): Promise<Course> {
  const begin = performance.now();
  const all: Exchange[] = [];
  const one = async (number: number): Promise<void> => {
    const startedMs = performance.now() - begin;
    all[number] = { number, startedMs, outcome: 'unfinished' };
    let outcome: Exchange['outcome'];
    try {
      const text = await way.exchange(number);
      outcome = text === documentOf(number) ? 'answered' : 'wrong';
    } catch {
      outcome = 'failed';
    }
    all[number] = { number, startedMs, tookMs: performance.now() - begin - startedMs, outcome };
  };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < exchanges) await one(next++);
  };
  let timer: NodeJS.Timeout | undefined;
  const cap = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, capMs);
  });
  await Promise.race([Promise.all(Array.from({ length: atATime }, worker)), cap]);
  clearTimeout(timer);
  const course = { wallMs: performance.now() - begin, exchanges: [...all] };
  next = exchanges;
  way.close();
  return course;
}
