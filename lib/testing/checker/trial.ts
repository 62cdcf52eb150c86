import { isDeepStrictEqual } from 'node:util';
import type { Specimen, Step } from './application.ts';
import type { Ending, Observation, Way } from './judge.ts';

/** One experiment: a call, in a state that other calls have led to, and its repeat. */
export interface Trial {
  readonly way: Way;
  /** What was called before, one after the other. */
  readonly before: readonly Step[];
  readonly call: Step;
  /** With `later`: what is called before the repeat. */
  readonly between: Step | undefined;
  /** With `together`: how many turns later the repeat begins. */
  readonly turns: number;
}

/** Makes an application in its first state. */
export type Setup = () => Promise<Specimen>;

/** Carries a trial out. Every run is on an application of its own. */
export function observe(setup: Setup, trial: Trial): Promise<Observation> {
  return ways[trial.way](setup, trial);
}

const ways: Readonly<Record<Way, (setup: Setup, trial: Trial) => Promise<Observation>>> = {
  alone: (setup, trial) =>
    within(setup, trial.before, async (specimen) => {
      const before = await specimen.snapshot();
      const first = await specimen.call(trial.call);
      const actual = await specimen.snapshot();
      const allowed = [{ name: 'state before it', state: before }];
      return { way: 'alone', first, repeat: undefined, actual, allowed };
    }),

  again: (setup, trial) =>
    within(setup, trial.before, async (specimen) => {
      const first = await specimen.call(trial.call);
      const once = await specimen.snapshot();
      const repeat = await specimen.call(trial.call, true);
      const actual = await specimen.snapshot();
      const allowed = [{ name: 'state after the first', state: once }];
      return { way: 'again', first, repeat, actual, allowed };
    }),

  later: async (setup, trial) => {
    const between = trial.between as Step;
    const seen = await within(setup, trial.before, async (specimen) => {
      const first = await specimen.call(trial.call);
      await specimen.call(between);
      const inOrder = await specimen.snapshot();
      const repeat = await specimen.call(trial.call, true);
      return { first, repeat, inOrder, actual: await specimen.snapshot() };
    });
    const { inOrder, ...rest } = seen;
    const allowed = [{ name: 'state before the repeat', state: inOrder }];
    if (!isDeepStrictEqual(inOrder, rest.actual)) {
      const state = await stateAfter(setup, [...trial.before, between, trial.call]);
      allowed.push({ name: 'state after the two in the other order', state });
    }
    return { way: 'later', ...rest, allowed };
  },

  together: async (setup, trial) => {
    const alone = await within(setup, trial.before, async (specimen) => {
      const first = await specimen.call(trial.call);
      return { first, state: await specimen.snapshot() };
    });
    const both = await within(setup, trial.before, async (specimen) => {
      const [, repeat] = await Promise.all([
        specimen.call(trial.call),
        afterTurns(trial.turns, () => specimen.call(trial.call, true)),
      ]);
      return { repeat, actual: await specimen.snapshot() };
    });
    const allowed = [{ name: 'state after one', state: alone.state }];
    return { way: 'together', first: alone.first, ...both, allowed };
  },
};

/** True when the same calls leave the same state each time, so that runs can be compared. */
export async function isRepeatable(
  setup: Setup,
  { before, call, between }: Trial,
): Promise<boolean> {
  const steps = [...before, ...(between === undefined ? [] : [between]), call];
  const once = await stateAfter(setup, steps);
  return isDeepStrictEqual(once, await stateAfter(setup, steps));
}

function stateAfter(setup: Setup, steps: readonly Step[]): Promise<unknown> {
  return within(setup, steps, (specimen) => specimen.snapshot());
}

async function within<Result>(
  setup: Setup,
  before: readonly Step[],
  run: (specimen: Specimen) => Promise<Result>,
): Promise<Result> {
  const specimen = await setup();
  try {
    for (const step of before) await specimen.call(step);
    return await run(specimen);
  } finally {
    await specimen.close();
  }
}

async function afterTurns(turns: number, run: () => Promise<Ending>): Promise<Ending> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  return run();
}
