import { isHoldfastError } from '../../lib/index.ts';
import { checkBudget, checkReconnects } from './check-load.ts';
import type { SimClient, Told } from './client.ts';
import type { Network } from './network.ts';
import type { Plan } from './plan.ts';
import type { Process } from './process.ts';
import type { ServerRecord } from './record.ts';
import { isMarked, type SimOutput } from './verbs.ts';

/** A promise that was broken. */
export interface Violation {
  /** Which one: what stays the same while a run is made smaller. */
  readonly promise: string;
  readonly what: string;
}

/** Everything that is known when a run is over. */
export interface Findings {
  readonly plan: Plan;
  readonly told: readonly Told[];
  readonly clients: readonly SimClient[];
  readonly record: ServerRecord;
  readonly dials: Network['dials'];
  readonly complaints: readonly string[];
}

/** The wheel's tick and its turns; nothing is called due later than this on a loop that turns. */
const slackMs = 10;

/** Holds a run against the promises. */
export function judge(findings: Findings): Violation[] {
  const violations: Violation[] = [];
  const found = (promise: string, what: string): void => {
    violations.push({ promise, what });
  };
  for (const told of findings.told) judgeCall(told, findings, found);
  for (const complaint of findings.complaints) found('nothing is left behind or lost', complaint);
  for (const client of findings.clients) checkBudget(client, found);
  checkReconnects(findings, found);
  return violations;
}

type Found = (promise: string, what: string) => void;

function judgeCall(told: Told, { plan, record }: Findings, found: Found): void {
  const { call, process } = told;
  const name = `${call.safety} ${call.id} of ${process.name}`;
  checkTime(told, name, found);
  const runs = record.of(call.group ?? call.id).length;
  if ((call.safety === 'mutate' || call.safety === 'once') && runs > 1) {
    found('nothing is executed twice', `${name} ran ${runs} times`);
  }
  if (told.settledAt === undefined) return;
  if (told.error === undefined) checkReply(told, name, runs, found);
  else checkError(told, name, runs, found);
  if (plan.strictness !== 'unseen') return;
  if (told.error !== undefined) {
    found('nobody sees a lost connection or a restart', `${name} fails: ${String(told.error)}`);
  } else if (call.safety !== 'read' && runs > 1) {
    found('a server that lives executes once', `${name} ran ${runs} times`);
  }
}

function checkTime({ call, process, madeAt, settledAt }: Told, name: string, found: Found): void {
  // What has come is taken first, at the application's own pace.
  const { items = 0, takeMs = 0 } = call.stream ?? {};
  const paceMs = takeMs === 0 ? 0 : items * (takeMs + 1) + gapsSince(process, madeAt);
  const dueAt = afterGaps(process, madeAt + call.timeoutMs) + paceMs;
  if (settledAt === undefined) {
    if (process.isAlive && process.now() > dueAt + slackMs) {
      found('every call settles', `${name} never settled`);
    }
  } else if (settledAt > dueAt + slackMs) {
    found('every call settles in time', `${name} settled ${settledAt - dueAt} ms late`);
  }
}

function gapsSince({ gaps }: Process, since: number): number {
  return gaps.reduce((sum, { from, to }) => (to > since ? sum + to - from : sum), 0);
}

/** What is due while the process is blocked happens afterwards. */
function afterGaps(process: Process, dueAt: number): number {
  let at = dueAt;
  for (const { from, to } of process.gaps) if (from <= at + slackMs && to > at) at = to;
  return at;
}

function checkReply({ call, value }: Told, name: string, runs: number, found: Found): void {
  const { id, bytes } = value as SimOutput;
  const wanted = call.group ?? call.id;
  if (id !== wanted || !isMarked(bytes, wanted + 1, call.outputBytes)) {
    found('a reply reaches only its own call', `${name} got what belongs to call ${id}`);
  }
  if (runs === 0) found('the outcome is true', `${name} has a reply and never ran`);
}

function checkError({ call, error, client }: Told, name: string, runs: number, found: Found): void {
  if (!isHoldfastError(error)) {
    found('every failure says what is known', `${name} failed with ${String(error)}`);
    return;
  }
  const { outcome, code } = error;
  if (outcome === 'not-executed' && runs > 0 && call.group === undefined) {
    found('the outcome is true', `${name} ran ${runs} times, and is told "not-executed": ${error}`);
  }
  if (outcome === 'executed' && runs === 0) {
    found('the outcome is true', `${name} never ran, and is told "executed": ${error}`);
  }
  const mayReplay = (call.replay ?? client.plan.options.replay) !== 'never';
  if (outcome === 'not-executed' && code === 'ERR_HOLDFAST_LOST' && mayReplay) {
    found('what never ran does not fail with its connection', `${name}: ${error.message}`);
  }
}
