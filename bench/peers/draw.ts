import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { floorName, type WorkloadFigures } from '../harness/figures.ts';

/** A card of its own on pages of any colour. */
const config = {
  background: 'white',
  padding: 12,
  font: 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif',
  title: { fontSize: 14, anchor: 'start', offset: 12 },
  header: { labelFontSize: 12, labelFontWeight: 'bold' },
  axis: { labelFontSize: 11, domain: false, ticks: false, gridOpacity: 0.5 },
  view: { stroke: null },
} as const;

/** Bars for each workload: speed as a share of the floor's, which a line stands for. */
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
  const y = {
    field: 'contender',
    type: 'nominal',
    sort: order,
    title: null,
    axis: { labelLimit: 200 },
  } as const;
  const spec: TopLevelSpec = {
    title:
      'Speed as a share of the dashed line: client and server by hand, without any safety (longer is better)',
    data: { values },
    facet: {
      field: 'workload',
      type: 'nominal',
      title: null,
      sort: all.map(({ workload }) => workload.title),
    },
    columns: 3,
    bounds: 'flush',
    spacing: { column: 50, row: 60 },
    // The share of the fastest is not the same everywhere.
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 220,
      height: { step: 17 },
      layer: [
        {
          mark: { type: 'rule', color: '#334155', strokeDash: [4, 3] },
          encoding: { x: { datum: 1, type: 'quantitative' } },
        },
        {
          mark: 'bar',
          encoding: {
            y,
            x: { field: 'share', type: 'quantitative', title: null, axis: { tickCount: 5 } },
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
    config,
  };
  return await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
