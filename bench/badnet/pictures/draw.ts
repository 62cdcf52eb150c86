import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** What is drawn of a sample. */
interface DrawnSample {
  readonly contender: string;
  readonly seed: number;
  readonly exchanges: readonly {
    readonly number: number;
    readonly startedMs: number;
    readonly tookMs?: number;
    readonly outcome: string;
  }[];
  readonly wallMs: number;
  readonly executions: number;
}

const outcomes = ['answered', 'gave up', 'unfinished'];
const colours = ['#0f766e', '#c2410c', '#94a3b8'];
const color = {
  field: 'outcome',
  type: 'nominal',
  title: null,
  scale: { domain: outcomes, range: colours },
} as const;

/** Time of each exchange, and what became of them in each sample. */
export async function draw(
  samples: readonly DrawnSample[],
  order: readonly string[],
): Promise<Record<string, string>> {
  const values = samples.flatMap(({ contender, seed, exchanges, wallMs }) =>
    exchanges.map(({ number, startedMs, tookMs, outcome }) => ({
      contender,
      sample: `seed ${seed}`,
      exchange: number + 1,
      seconds: (tookMs ?? wallMs - startedMs) / 1000,
      outcome: outcome === 'answered' || outcome === 'unfinished' ? outcome : 'gave up',
    })),
  );
  const executions = samples.map((sample) => ({
    contender: sample.contender,
    sample: `seed ${sample.seed}`,
    label: `${sample.executions} executions`,
  }));
  const first = values[0]?.sample;
  const here = order.filter((name) => samples.some(({ contender }) => contender === name));
  return {
    // One sample, so that the points can be told from each other.
    'time-per-exchange.svg': await svg(
      times(
        values.filter(({ sample }) => sample === first),
        here,
      ),
    ),
    'success-per-sample.svg': await svg(successes(values, executions, here)),
  };
}

function times(values: object[], order: readonly string[]): TopLevelSpec {
  return {
    title: '100 exchanges of 7 kB, ten at a time, 71 % of the packets lost in bursts: time of each',
    data: { values },
    facet: { field: 'contender', type: 'nominal', title: null, sort: [...order] },
    columns: 3,
    spec: {
      width: 240,
      height: 150,
      mark: { type: 'point', filled: true, size: 14, opacity: 0.7 },
      encoding: {
        x: { field: 'exchange', type: 'quantitative', title: 'exchange' },
        y: { field: 'seconds', type: 'quantitative', title: 'seconds' },
        color,
      },
    },
    config: { background: 'white' },
  };
}

function successes(values: object[], executions: object[], order: readonly string[]): TopLevelSpec {
  const y = { field: 'sample', type: 'nominal', title: null } as const;
  return {
    title: 'What became of 100 exchanges, and how often the server executed one',
    data: { values },
    facet: {
      row: {
        field: 'contender',
        type: 'nominal',
        title: null,
        sort: [...order],
        header: { labelAngle: 0, labelAlign: 'left' },
      },
    },
    spec: {
      width: 420,
      height: { step: 16 },
      layer: [
        {
          mark: 'bar',
          encoding: {
            y,
            x: { aggregate: 'count', type: 'quantitative', title: null },
            color,
            order: { field: 'outcome', sort: 'ascending' },
          },
        },
        {
          data: { values: executions },
          mark: { type: 'text', align: 'left', dx: 4, fontSize: 10 },
          encoding: { y, x: { datum: 100 }, text: { field: 'label', type: 'nominal' } },
        },
      ],
    },
    config: { background: 'white' },
  };
}

async function svg(spec: TopLevelSpec): Promise<string> {
  return await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
