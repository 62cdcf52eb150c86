import { inspect } from 'node:util';
import type { Safety } from '../../verbs/safety.ts';
import type { Step } from './application.ts';
import type { Ending, Observation } from './judge.ts';
import type { Trial } from './trial.ts';

/** A verb that is marked safer than it is, and how that shows. */
export interface VerbFinding {
  readonly verb: string;
  readonly safety: Safety;
  /** In words: what a repeat did. */
  readonly problem: string;
  /** The safest class that everything that was tried fits; `mutate` stands for `once` too. */
  readonly fits: Safety;
  /** Calls that lead to the state in which it shows. */
  readonly before: readonly Step[];
  readonly call: Step;
  /** What was called between the call and its repeat. */
  readonly between: Step | undefined;
  /** The whole story in a few lines. */
  readonly text: string;
}

/** Something about a verb that is worth a look, or why nothing could be said of it. */
export interface VerbNote {
  readonly verb: string;
  readonly text: string;
}

/** What `checkVerbs` found. */
export interface VerbReport {
  /** Verbs that are marked safer than they are, each with the smallest counterexample found. */
  readonly findings: readonly VerbFinding[];
  /** Verbs that behave as marked and should be looked at all the same. */
  readonly doubts: readonly VerbNote[];
  /** Verbs of which nothing is known, and why. */
  readonly unchecked: readonly VerbNote[];
  /** How many experiments were made. */
  readonly trials: number;
  /** All of it, for people. */
  readonly text: string;
}

/** Longest text of a value. */
const maxShown = 300;

/** A value on one line. */
export function shown(value: unknown): string {
  const text = inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY, sorted: true });
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}

/** The steps of a trial and the states that were compared. */
export function storyOf(trial: Trial, { first, repeat, actual, allowed }: Observation): string {
  const { before, call, between, way } = trial;
  const steps: (readonly [call: string, outcome: string])[] = [
    ...before.map((step) => [callText(step), ''] as const),
    [callText(call), endingText(first)],
    ...(between === undefined ? [] : [[callText(between), ''] as const]),
  ];
  if (repeat !== undefined) {
    const how = way === 'together' ? 'at the same time' : 'again';
    steps.push([`${callText(call)} ${how}`, endingText(repeat)]);
  }
  const lines = steps.map(([text, outcome], index) => `  ${index + 1}. ${text}${outcome}`);
  const states = allowed.map(({ name, state }) => `  ${name}: ${shown(state)}`);
  return [...lines, ...states, `  state that it left: ${shown(actual)}`].join('\n');
}

function callText({ verb, input }: Step): string {
  return `${verb}(${input === undefined ? '' : shown(input)})`;
}

function endingText(ending: Ending): string {
  if (!ending.isGood) return ` fails: ${messageOf(ending.error)}`;
  return ending.value === undefined ? '' : ` gives ${shown(ending.value)}`;
}

/** What went wrong, on one line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : shown(error);
}

/** The report as text. */
export function reportText(
  { findings, doubts, unchecked, trials }: Omit<VerbReport, 'text'>,
  seed: number,
): string {
  const count = findings.length;
  const head =
    count === 0
      ? `No verb was found that is marked safer than it is`
      : `${count} ${count === 1 ? 'verb is' : 'verbs are'} marked safer than ${count === 1 ? 'it is' : 'they are'}`;
  return [
    `${head} (${trials} trials, seed ${seed}).`,
    ...findings.map(({ text }) => text),
    ...notesText('Worth a look', doubts),
    ...notesText('Not checked', unchecked),
  ].join('\n\n');
}

function notesText(title: string, notes: readonly VerbNote[]): string[] {
  if (notes.length === 0) return [];
  return [[`${title}:`, ...notes.map(({ verb, text }) => `  ${verb}: ${text}`)].join('\n')];
}
