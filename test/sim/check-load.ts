import { budgetDefaults } from '../../lib/retry/budget.ts';
import type { Findings } from './checker.ts';
import type { SimClient } from './client.ts';

type Found = (promise: string, what: string) => void;

const { ratio, minPerSecond, reserve, ttlMs } = budgetDefaults;

const ambiguous: ReadonlySet<string> = new Set(['handed-over', 'forgotten', 'done']);

/** What is sent again although it may have run is bounded, but for one lost link in a while. */
export function checkBudget({ plan, attempts, calls, process }: SimClient, found: Found): void {
  if (!plan.hasBudget || attempts.length === 0) return;
  const costly = attempts.filter(
    ({ evidence, decision }) => decision === 'send-again' && ambiguous.has(evidence),
  );
  // Of the links that were lost the one with the most replays in each stretch of time is free.
  const byLink = new Map<string, { at: number; count: number }>();
  for (const { link, at } of costly) {
    const known = byLink.get(link) ?? { at, count: 0 };
    byLink.set(link, { at: known.at, count: known.count + 1 });
  }
  const forgiven = new Map<number, number>();
  for (const { at, count } of byLink.values()) {
    const stretch = Math.floor(at / ttlMs);
    forgiven.set(stretch, Math.max(forgiven.get(stretch) ?? 0, count));
  }
  const free = [...forgiven.values()].reduce((sum, count) => sum + count, 0);
  const first = (attempts[0] as { at: number }).at;
  const seconds = ((attempts.at(-1) as { at: number }).at - first) / 1_000;
  const allowed = ratio * calls + reserve + minPerSecond * seconds + 1;
  if (costly.length - free > allowed) {
    found(
      'retries cannot become a storm',
      `${process.name} sent ${costly.length} calls again, ${free} of them free, and might ${allowed}`,
    );
  }
}

/** Dials are spread by chance: no two clients wait for the same time. */
export function checkReconnects({ clients }: Findings, found: Found): void {
  const delays = clients.flatMap(({ reconnects }) =>
    reconnects.map(({ delayMs }) => delayMs).filter((delayMs) => delayMs > 0),
  );
  const repeated = delays.length - new Set(delays).size;
  if (delays.length >= 4 && repeated > delays.length / 4) {
    found('reconnects are spread', `${repeated} of ${delays.length} delays are alike`);
  }
}
