import type { CallContext } from '../server/call-context.ts';
import { pairHandlers } from '../server/handlers.ts';
import {
  type Checks,
  clockLike,
  milliseconds,
  ofType,
  optionError,
  resolveOptions,
  show,
  wholeNumber,
} from '../util/check.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { suggestion } from '../util/nearest.ts';
import { type Safety, safeties } from '../verbs/safety.ts';
import type { InputOf } from '../verbs/types.ts';
import type { Verbs } from '../verbs/verb.ts';
import { type CheckedApplication, Specimen } from './checker/application.ts';
import { waysOf } from './checker/judge.ts';
import { reportText, type VerbFinding, type VerbNote, type VerbReport } from './checker/report.ts';
import { type Counterexample, type Reach, Search } from './checker/search.ts';
import type { Setup } from './checker/trial.ts';
import type { Inputs, Material } from './checker/trials.ts';
import { seededRandom } from './seeded-random.ts';

/** What {@link checkVerbs} tries, and how. */
export interface CheckVerbsOptions<V extends Verbs> {
  /** Makes the application in its first state: it is called for every experiment. */
  readonly setup: () => CheckedApplication<V> | Promise<CheckedApplication<V>>;
  /**
   * What verbs are called with: examples, or a function that makes inputs by a seeded chance. A verb
   * that is not named is called without an input.
   */
  readonly inputs?: { readonly [Name in keyof V]?: Inputs<InputOf<V[Name]>> };
  /** So many random histories for each verb. Default 60. */
  readonly rounds?: number;
  /** Most calls before the one that is repeated. Default 3. */
  readonly maxBefore?: number;
  /** What chance begins with: equal seeds, equal experiments. Default 1. */
  readonly seed?: number;
  /** A handler that takes longer counts as failed. Default 2 s. */
  readonly timeoutMs?: number;
  /** Part of what handlers are told of a call, e.g. the `principal`. */
  readonly context?: Partial<CallContext>;
  /** By which `timeoutMs` is measured. Default: the system's. */
  readonly clock?: Clock;
}

/** What {@link CheckVerbsOptions} are without being given. */
export const checkVerbsDefaults: Readonly<{
  rounds: number;
  maxBefore: number;
  seed: number;
  timeoutMs: number;
  clock: Clock;
}> = Object.freeze({ rounds: 60, maxBefore: 3, seed: 1, timeoutMs: 2_000, clock: systemClock });

const checks: Checks<CheckVerbsOptions<Verbs>> = {
  setup: ofType('function'),
  inputs: ofType('object'),
  rounds: wholeNumber(0),
  maxBefore: wholeNumber(0, 100),
  seed: wholeNumber(0),
  timeoutMs: milliseconds(1),
  context: ofType('object'),
  clock: clockLike,
};

/**
 * Tries whether an application's verbs are as safe as they are marked: runs its own handlers, each
 * experiment in a fresh application, and compares what once, twice, a late repeat and two copies at
 * a time leave behind. It finds verbs that are marked safer than they are; what it does not find may
 * be there all the same.
 *
 * A `read` must change nothing. Behind an `idempotent` or a `semi` call that succeeded a repeat must
 * leave the state as one of the calls alone leaves it; of `idempotent` it must succeed as well. Of
 * `once` and `mutate` nothing is promised.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`, `ERR_HOLDFAST_REGISTRY`; and what `setup`, `snapshot`
 *   and `close` throw
 */
export async function checkVerbs<V extends Verbs>(
  verbs: V,
  options: CheckVerbsOptions<NoInfer<V>>,
): Promise<VerbReport> {
  const what = 'check option';
  const settings = resolveOptions(
    what,
    options,
    checkVerbsDefaults,
    checks as Checks<typeof options>,
  );
  const { setup: makeApplication, rounds, maxBefore, seed, timeoutMs, clock } = settings;
  const callSettings = { clock, timeoutMs, context: settings.context ?? {} };
  const setup: Setup = async () =>
    new Specimen(verbs, (await makeApplication()) as unknown as CheckedApplication, callSettings);
  checks.setup('setup', makeApplication);
  const inputs = inputsOf(verbs, settings.inputs ?? {});
  const writers = await writersOf(verbs, makeApplication);
  const material = { random: seededRandom(seed), inputs, writers };
  const parts = { setup, material, reach: { rounds, maxBefore } };
  const found: Found = { findings: [], doubts: [], unchecked: [], trials: 0 };
  for (const name of Object.keys(verbs)) await checkVerb(verbs, name, parts, found);
  return { ...found, text: reportText(found, seed) };
}

interface Parts {
  readonly setup: Setup;
  readonly material: Material;
  readonly reach: Reach;
}

interface Found {
  readonly findings: VerbFinding[];
  readonly doubts: VerbNote[];
  readonly unchecked: VerbNote[];
  trials: number;
}

async function checkVerb(verbs: Verbs, verb: string, parts: Parts, found: Found): Promise<void> {
  const { safety, kind } = verbs[verb] as Verbs[string];
  if (waysOf[safety].length === 0) return;
  if (kind !== 'unary') {
    found.unchecked.push({ verb, text: 'it has streams' });
    return;
  }
  const search = new Search(parts.setup, parts.material, parts.reach);
  const counterexample = await search.run(verb, safety);
  found.trials += search.trials;
  if (counterexample !== undefined) {
    const fits = await fittingClass(parts, verb, safety);
    found.findings.push(findingOf(verb, safety, fits, counterexample));
    return;
  }
  const { excuse, impression } = search;
  if (excuse !== undefined) found.unchecked.push({ verb, text: excuse });
  else if (impression.doubt !== undefined) found.doubts.push({ verb, text: impression.doubt });
}

/** The safest of the stricter classes that a verb keeps. */
async function fittingClass(parts: Parts, verb: string, marked: Safety): Promise<Safety> {
  for (const safety of safeties.slice(safeties.indexOf(marked) + 1)) {
    if (waysOf[safety].length === 0) break;
    const search = new Search(parts.setup, parts.material, parts.reach);
    if ((await search.run(verb, safety)) === undefined) return safety;
  }
  return 'mutate';
}

function findingOf(
  verb: string,
  safety: Safety,
  fits: Safety,
  { trial, problem, story }: Counterexample,
): VerbFinding {
  const classes = fits === 'mutate' ? '`mutate`, or `once`' : `\`${fits}\``;
  const text = `${verb} is marked \`${safety}\`, but ${problem}. It fits ${classes}.\n${story}`;
  const { before, call, between } = trial;
  return { verb, safety, problem, fits, before, call, between, text };
}

/** Verbs of which calls can be made, with their inputs. */
function inputsOf(
  verbs: Verbs,
  given: Readonly<Record<string, unknown>>,
): Map<string, Inputs<unknown>> {
  for (const [name, inputs] of Object.entries(given)) {
    if (!Object.hasOwn(verbs, name)) {
      throw optionError(`Inputs of "${name}" have no verb${suggestion(name, Object.keys(verbs))}`);
    }
    if (inputs === undefined || typeof inputs === 'function') continue;
    if (!Array.isArray(inputs) || inputs.length === 0) {
      throw optionError(`Inputs of "${name}" must be examples or a function, got ${show(inputs)}`);
    }
  }
  return new Map(
    Object.keys(verbs).map((name) => [name, (given[name] ?? [undefined]) as Inputs<unknown>]),
  );
}

/** Verbs that may change the state, and that can be called outside of a server. */
async function writersOf<V extends Verbs>(
  verbs: V,
  makeApplication: CheckVerbsOptions<V>['setup'],
): Promise<string[]> {
  const application = await makeApplication();
  try {
    const served = pairHandlers(verbs, application.handlers);
    return served
      .filter(({ verb, store }) => verb.kind === 'unary' && store === undefined)
      .filter(({ verb }) => verb.safety !== 'read')
      .map(({ name }) => name);
  } finally {
    await application.close?.();
  }
}
