import { contenderNames } from './contender.ts';
import type { Called, Compared } from './side-by-side.ts';

const widestTold = 66;

const head = ['fault', 'call', 'client', 'result', 'ran', 'ms', 'holdfast', 'told'];

/** One table: for each call of each row a line of either client. */
export function table(all: readonly Compared[]): string {
  const lines = [head, ...all.flatMap(linesOf)];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const laidOut = lines.map((line) =>
    line
      .map((cell, at) =>
        at === 4 || at === 5 ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!),
      )
      .join('  ')
      .trimEnd(),
  );
  const [first = '', ...rest] = laidOut;
  return [first, '-'.repeat(first.length), ...rest].join('\n');
}

/** The same for a page: for each call a line. */
export function markdown(all: readonly Compared[]): string {
  const lines = all.flatMap(({ fault, calls, verdict }) =>
    calls.holdfast.map((holdfast, at) => {
      const isFirst = at === 0;
      const brz = cellOf(calls.brz[at] as Called);
      return [isFirst ? fault : '', holdfast.title, brz, cellOf(holdfast), isFirst ? verdict : ''];
    }),
  );
  const titles = ['fault', 'call', 'brz', 'holdfast', 'so holdfast'];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [titles, titles.map(() => '---'), ...lines].map(line).join('\n');
}

/** `failed, ran 0, 3 ms: ConnectionReset` */
function cellOf(called: Called): string {
  const { standing, ran, answer } = called;
  const [said = ''] = toldOf(called).split(':');
  const times = ran === undefined ? '' : `, ran ${ran}`;
  return `${standing}${times}, ${answer.ms.toFixed(0)} ms${said === '' ? '' : `: ${said}`}`;
}

/** How many rows were won, tied and lost. */
export function summary(all: readonly Compared[]): string {
  const count = (verdict: Compared['verdict']): number =>
    all.filter((row) => row.verdict === verdict).length;
  return `Of ${all.length} rows holdfast wins ${count('wins')}, ties ${count('ties')}, loses ${count('loses')}`;
}

function linesOf({ fault, calls, verdict }: Compared): string[][] {
  return calls.holdfast.flatMap((_, at) =>
    contenderNames.map((name, index) => {
      const isFirst = at === 0 && index === 0;
      const called = calls[name][at] as Called;
      return [
        isFirst ? fault : '',
        index === 0 ? called.title : '',
        name,
        called.standing,
        called.ran === undefined ? '?' : String(called.ran),
        called.answer.ms.toFixed(0),
        isFirst ? verdict : '',
        toldOf(called),
      ];
    }),
  );
}

function toldOf({ answer, isRight }: Called): string {
  if (!isRight) return "another call's answer";
  if (answer.is !== 'failure') return '';
  const { told } = answer;
  return told.length > widestTold ? `${told.slice(0, widestTold - 3)}...` : told;
}
