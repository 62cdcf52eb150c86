import { floorName, type WorkloadFigures } from '../harness/figures.ts';
import { layOut, ratio, tables, withSpread } from '../harness/report.ts';
import type { MediumName } from '../place.ts';

/** The figures of one medium. */
export interface MediumFigures {
  readonly medium: MediumName;
  readonly workloads: readonly WorkloadFigures[];
}

/** One table for each workload, with all contenders of all media. */
export function mediaTables(all: readonly MediumFigures[]): string {
  const workloads = all[0]?.workloads.map(({ workload }) => workload) ?? [];
  const joined = workloads.map((workload, at) => ({
    workload,
    figures: all.flatMap(({ medium, workloads: own }) =>
      (own[at]?.figures ?? []).map((figures) => ({
        ...figures,
        contender: `${medium}, ${figures.contender}`,
      })),
    ),
  }));
  return tables(joined);
}

/** One table of all: a column for each medium, a row for each workload, the shares of the floor. */
export function shareTable(all: readonly MediumFigures[]): string {
  const head = ['share of floor', ...all.map(({ medium }) => medium)];
  const workloads = all[0]?.workloads ?? [];
  const rows = workloads.map(({ workload }, at) => [
    workload.title,
    ...all.map(({ workloads: own }) => {
      const compared = own[at]?.figures.find(({ contender }) => contender !== floorName);
      return withSpread(compared?.share, ratio);
    }),
  ]);
  return layOut([head, ...rows]);
}
