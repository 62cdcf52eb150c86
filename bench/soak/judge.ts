import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { files } from './notebook.ts';

/** Verbs whose handlers run at most once for each call. */
const unrepeatable: ReadonlySet<string> = new Set(['once', 'mutate', 'upload', 'chat']);

/** What came of the calls, by the clients' word and the servers'. */
export interface Judgement {
  readonly calls: number;
  readonly executions: number;
  readonly byVerb: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly codes: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

function linesOf(folder: string, name: string): string[] {
  try {
    return readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** Holds what the clients were told beside what the servers have noted. */
export function judge(folder: string): Judgement {
  const violations = linesOf(folder, files.violations);
  const executions = new Map<string, number>();
  for (const line of linesOf(folder, files.ledger)) {
    executions.set(line, (executions.get(line) ?? 0) + 1);
  }
  for (const [call, times] of executions) {
    const [verb = ''] = call.split(' ');
    if (times > 1 && unrepeatable.has(verb)) violations.push(`${call} ran ${times} times`);
  }
  const byVerb: Record<string, Record<string, number>> = {};
  const codes: Record<string, number> = {};
  const outcomes = linesOf(folder, files.outcomes);
  for (const line of outcomes) {
    const [verb = '', id, outcome = '', code = ''] = line.split(' ');
    const times = executions.get(`${verb} ${id}`) ?? 0;
    const wrong = wrongOf(outcome, times);
    if (wrong !== undefined) violations.push(`${line}: ${wrong}`);
    byVerb[verb] = { ...byVerb[verb], [outcome]: (byVerb[verb]?.[outcome] ?? 0) + 1 };
    const key = `${outcome} ${code}`;
    codes[key] = (codes[key] ?? 0) + 1;
  }
  const all = [...executions.values()].reduce((sum, times) => sum + times, 0);
  return { calls: outcomes.length, executions: all, byVerb, codes, violations };
}

function wrongOf(outcome: string, times: number): string | undefined {
  if (outcome === 'not-executed' && times > 0) return `but it ran ${times} times`;
  if ((outcome === 'ok' || outcome === 'executed') && times === 0) return 'but it never ran';
  return undefined;
}
