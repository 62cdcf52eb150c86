import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { floorName, type WorkloadFigures } from '../harness/figures.ts';

/** Bars on one scale for each workload: speed as a share of the floor's. */
export async function draw(all: readonly WorkloadFigures[]): Promise<string> {
  const values = all.flatMap(({ workload, figures }) =>
    figures
      .filter(({ contender }) => contender !== floorName)
      .map(({ contender, share }) => ({
        workload: workload.title,
        contender,
        share: share?.median ?? 0,
        label: (share?.median ?? 0).toFixed(2),
      })),
  );
  const order = [...new Set(values.map(({ contender }) => contender))];
  const y = { field: 'contender', type: 'nominal', sort: order, title: null } as const;
  const spec: TopLevelSpec = {
    title: 'Speed as a share of a hand-written floor without any safety (longer is better)',
    data: { values },
    facet: {
      field: 'workload',
      type: 'nominal',
      title: null,
      sort: all.map(({ workload }) => workload.title),
    },
    columns: 3,
    spec: {
      width: 220,
      height: { step: 16 },
      layer: [
        {
          mark: 'bar',
          encoding: {
            y,
            x: { field: 'share', type: 'quantitative', title: null, scale: { zero: true } },
            color: {
              condition: { test: "datum.contender === 'holdfast'", value: '#c2410c' },
              value: '#94a3b8',
            },
          },
        },
        {
          mark: { type: 'text', align: 'left', dx: 3, fontSize: 10 },
          encoding: {
            y,
            x: { field: 'share', type: 'quantitative' },
            text: { field: 'label', type: 'nominal' },
          },
        },
      ],
    },
    config: { background: 'white' },
  };
  return await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
