import type { Route } from 'holdfast';
import { type Outcome, type PhaseName, phases } from './phases.ts';

const titles = [
  'CLIENT',
  'EFFECTIVE_SUCCESS',
  'EFFECTIVE_RPS',
  'ACTUAL_SUCCESS',
  'ACTUAL_RPS',
  'LATENCY_P50',
  'LATENCY_P95',
  'LATENCY_P99',
];

/** The table of `linkerd routes -o wide`, with a row for each way to call. */
export function report(outcomes: Readonly<Record<PhaseName, Outcome>>): string {
  const rows = Object.entries(outcomes).map(([name, { client }]) => [
    phases[name as PhaseName].name,
    ...cellsOf(client),
  ]);
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [titles, ...rows]
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('   '),
    )
    .join('\n');
}

/** What effective success costs, in words. */
export function price({ budgeted, retried }: Readonly<Record<PhaseName, Outcome>>): string {
  const took = (retried.client.total.replays / retried.calls).toFixed(2);
  const spent = (budgeted.client.total.replays / budgeted.calls).toFixed(2);
  const [all, some] = [retried, budgeted].map(({ client }) => percent(client.effectiveSuccess));
  return [
    `${all} took ${took} replays for each call: what fails half of the time must be tried twice on average.`,
    `The default budget bears 0.2 (${spent} were made), and so ${some}; a server whose verb bears more publishes that.`,
  ].join('\n');
}

function cellsOf(route: Route): string[] {
  return [
    percent(route.effectiveSuccess),
    route.effectiveRate.toFixed(1),
    percent(route.actualSuccess),
    route.actualRate.toFixed(1),
    ...[route.p50Ms, route.p95Ms, route.p99Ms].map((ms) => `${Math.round(ms ?? 0)}ms`),
  ];
}

function percent(share: number | undefined): string {
  return share === undefined ? '-' : `${(share * 100).toFixed(2)}%`;
}
