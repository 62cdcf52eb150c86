import type { Outcome, PhaseName } from './phases.ts';

/** Every second attempt fails; of some hundred attempts the share is within this, surely. */
const nearHalf = { least: 0.4, most: 0.6 };

/** What does not add up; nothing when the demonstration shows what it claims. */
export function problemsOf(outcomes: Readonly<Record<PhaseName, Outcome>>): string[] {
  const { bare, budgeted, retried, timed } = outcomes;
  const claims: readonly (readonly [claim: string, holds: boolean])[] = [
    ...Object.entries(outcomes).flatMap(([name, outcome]) => countsOf(name, outcome)),
    ['without retries callers see what the server does', isHalf(bare.client.effectiveSuccess)],
    ['without retries no call is sent again', bare.client.total.replays === 0],
    ['the default budget lets more calls succeed', isBetter(budgeted, bare)],
    ['and it bounds what is added', isWithinBudget(budgeted)],
    ['and it is counted where it was empty', budgeted.client.total.budgetRefusals > 0],
    ['with retries no call fails', retried.failures === 0],
    ['with retries effective success is 100 %', retried.client.effectiveSuccess === 1],
    ['with retries actual success is near 50 %', isHalf(retried.client.actualSuccess)],
    ['every attempt reached the handler', retried.client.total.attempts === retried.runs],
    ['the server counts the same attempts', retried.server.total.attempts === retried.runs],
    [
      'what is not the first attempt of a call is a replay',
      retried.client.total.replays === retried.runs - retried.calls,
    ],
    ['a time-out costs success', timed.failures > 0],
    ['with it more calls succeed than without retries', isBetter(timed, bare)],
    ['a time-out shortens the tail', p99(timed) < p99(retried)],
  ];
  return claims.filter(([, holds]) => !holds).map(([claim]) => claim);
}

/** The figures are those of the application. */
function countsOf(name: string, outcome: Outcome): (readonly [string, boolean])[] {
  const { calls, failures, client } = outcome;
  return [
    [`${name}: there were calls`, calls > 0],
    [`${name}: every call is counted`, client.total.calls === calls],
    [`${name}: every failure is counted`, client.total.failures === failures],
  ];
}

function isHalf(share: number | undefined): boolean {
  return share !== undefined && share >= nearHalf.least && share <= nearHalf.most;
}

function isBetter(one: Outcome, other: Outcome): boolean {
  return one.failures / one.calls < other.failures / other.calls;
}

/** A fifth, and one in each 10 s that have begun. */
function isWithinBudget({ calls, runs }: Outcome): boolean {
  return runs - calls <= 0.2 * calls + 1;
}

function p99({ client }: Outcome): number {
  return client.p99Ms ?? Number.NaN;
}
