import { expect } from 'chai';
import {
  type Circumstances,
  type Decision,
  decide,
  decideNotApplied,
} from '../../lib/client/replay.ts';
import type { Evidence } from '../../lib/errors.ts';
import type { ReplaySetting, Safety } from '../../lib/verbs/safety.ts';

const evidences: readonly Evidence[] = [
  'untouched',
  'incomplete',
  'refused',
  'never',
  'running',
  'done',
  'forgotten',
  'handed-over',
];
const classes: readonly Safety[] = ['read', 'idempotent', 'semi', 'once', 'mutate'];
const settings: readonly ReplaySetting[] = ['never', 'read', 'idempotent', 'semi'];
const flags = [
  'mayHaveRun',
  'isTooOld',
  'hasAttemptsLeft',
  'isFinalRefusal',
  'isBusy',
  'isInputConsumed',
  'isReplySeen',
  'canReconcile',
] as const;

/** Nothing is taken; it is free again before the deadline; at it; after it. */
const leases = [
  { leaseLeftMs: 0, timeLeftMs: 0 },
  { leaseLeftMs: 0, timeLeftMs: 100 },
  { leaseLeftMs: 99, timeLeftMs: 100 },
  { leaseLeftMs: 100, timeLeftMs: 100 },
  { leaseLeftMs: 101, timeLeftMs: 100 },
] as const;

/** Every combination there is, also those that cannot come about. */
function* everything(): Iterable<Circumstances> {
  for (const evidence of evidences) {
    for (const safety of classes) {
      for (const setting of settings) {
        for (let bits = 0; bits < 2 ** flags.length; bits++) {
          const chosen = flags.map((flag, index) => [flag, (bits & (1 << index)) !== 0]);
          for (const lease of leases) {
            const facts = { evidence, safety, setting, ...lease, ...Object.fromEntries(chosen) };
            yield facts as Circumstances;
          }
        }
      }
    }
  }
}

/** DESIGN section 5: these say that the attempt did not run. */
const proofs: ReadonlySet<Evidence> = new Set(['untouched', 'incomplete', 'refused', 'never']);

/** Section 4, as a table: under which settings a class is sent again after it may have run. */
const repeatable: Readonly<Record<Safety, readonly ReplaySetting[]>> = {
  read: ['read', 'idempotent', 'semi'],
  idempotent: ['idempotent', 'semi'],
  semi: ['semi'],
  // It carries a key, so that the server executes it at most once: only `never` forbids it.
  once: ['read', 'idempotent', 'semi'],
  mutate: [],
};

/** A copy may have run: this attempt without a proof, or an earlier one. */
function mayHaveRun({ evidence, mayHaveRun: earlier }: Circumstances): boolean {
  return earlier || !proofs.has(evidence);
}

/** What forbids that anything is sent again, whatever was proven. */
function isForbidden(facts: Circumstances): boolean {
  return (
    facts.setting === 'never' ||
    facts.isInputConsumed ||
    facts.isReplySeen ||
    (facts.evidence === 'refused' && facts.isFinalRefusal)
  );
}

/** What section 4 says of repeating what may have run. */
function mayRepeat({
  safety,
  setting,
  evidence,
  isTooOld,
  hasAttemptsLeft,
  leaseLeftMs,
  timeLeftMs,
}: Circumstances): boolean {
  const hasForgottenKey = safety === 'once' && evidence === 'forgotten';
  const isLate = safety === 'idempotent' && isTooOld;
  const fits = leaseLeftMs === 0 || leaseLeftMs < timeLeftMs;
  const isBarred = hasForgottenKey || isLate || !hasAttemptsLeft;
  return repeatable[safety].includes(setting) && !isBarred && fits;
}

/** DESIGN section 7: what was not executed because of a loss, or of a server that goes, is free. */
function costsOf({ evidence, isBusy }: Circumstances): boolean {
  return !proofs.has(evidence) || isBusy;
}

type Expected = Pick<Decision, 'action' | 'outcome' | 'costs'> & { readonly waitMs?: number };

/** The decision, from the words of DESIGN sections 4 and 5. */
function expectedOf(facts: Circumstances): Expected {
  if (facts.evidence === 'done') return { action: 'deliver', outcome: 'executed', costs: false };
  if (facts.evidence === 'running') return { action: 'attach', outcome: 'unknown', costs: false };
  const outcome = mayHaveRun(facts) || facts.isReplySeen ? 'unknown' : 'not-executed';
  if (!isForbidden(facts) && (!mayHaveRun(facts) || mayRepeat(facts))) {
    const waitMs = mayHaveRun(facts) ? facts.leaseLeftMs : 0;
    return { action: 'send-again', outcome, costs: costsOf(facts), waitMs };
  }
  const action = outcome === 'unknown' && facts.canReconcile ? 'ask' : 'fail';
  return { action, outcome, costs: false };
}

/** Only a refusal can be a final one, or one of a server that is busy. */
function isPossible({ evidence, isFinalRefusal, isBusy }: Circumstances): boolean {
  return evidence === 'refused' || !(isFinalRefusal || isBusy);
}

/** Runs a check on every combination that satisfies `which`; there must be some. */
function forAll(
  which: (facts: Circumstances) => boolean,
  check: (decision: Decision, facts: Circumstances) => boolean,
): void {
  let count = 0;
  for (const facts of everything()) {
    if (!which(facts)) continue;
    count++;
    const decision = decide(facts);
    if (!check(decision, facts)) {
      expect.fail(`${JSON.stringify(facts)} gives ${JSON.stringify(decision)}`);
    }
  }
  expect(count).to.be.above(0);
}

const always = (): boolean => true;

describe('decide', () => {
  for (const evidence of evidences) {
    for (const safety of classes) {
      it(`decides as DESIGN says: ${evidence}, ${safety}`, () => {
        forAll(
          (facts) => facts.evidence === evidence && facts.safety === safety && isPossible(facts),
          ({ action, outcome, costs, waitMs }, facts) => {
            const expected = expectedOf(facts);
            return (
              action === expected.action &&
              outcome === expected.outcome &&
              costs === expected.costs &&
              waitMs === (expected.waitMs ?? 0)
            );
          },
        );
      });
    }
  }

  it('never sends a "mutate" call again that may have run', () => {
    forAll(
      (facts) => facts.safety === 'mutate' && mayHaveRun(facts),
      ({ action }) => action !== 'send-again',
    );
  });

  it('never says "not-executed" of a call of which something may have run', () => {
    forAll(
      (facts) => mayHaveRun(facts) || facts.isReplySeen,
      ({ action, outcome }) => action === 'send-again' || outcome !== 'not-executed',
    );
    forAll(mayHaveRun, ({ outcome }) => outcome !== 'not-executed');
  });

  it('never says "unknown" of a call that provably never ran', () => {
    forAll(
      (facts) => !mayHaveRun(facts) && !facts.isReplySeen,
      ({ outcome }) => outcome === 'not-executed',
    );
  });

  it('says "executed" only of what the server has recorded', () => {
    forAll(always, ({ outcome }, { evidence }) => outcome !== 'executed' || evidence === 'done');
  });

  it('says "unknown" of a reply that broke off, of which the application has seen a part', () => {
    forAll(
      ({ isReplySeen, evidence }) => isReplySeen && evidence !== 'done' && evidence !== 'running',
      ({ action, outcome }) => action !== 'send-again' && outcome === 'unknown',
    );
  });

  it('never sends anything again when replay is "never", what was proven unsent included', () => {
    forAll(
      ({ setting }) => setting === 'never',
      ({ action }) => action !== 'send-again',
    );
  });

  it('never sends again what was consumed, seen in part, or refused for good', () => {
    forAll(
      ({ isInputConsumed, isReplySeen, isFinalRefusal, evidence }) =>
        isInputConsumed || isReplySeen || (isFinalRefusal && evidence === 'refused'),
      ({ action }) => action !== 'send-again',
    );
  });

  it('sends again what provably never ran, whatever its class, age and number of attempts', () => {
    forAll(
      (facts) => !mayHaveRun(facts) && !isForbidden(facts) && isPossible(facts),
      ({ action, costs }, { isBusy }) => action === 'send-again' && costs === isBusy,
    );
  });

  it('never sends again what may have run without an attempt that is left', () => {
    forAll(
      (facts) => mayHaveRun(facts) && !facts.hasAttemptsLeft,
      ({ action }) => action !== 'send-again',
    );
  });

  it('never repeats an "idempotent" call that is too old', () => {
    forAll(
      (facts) => facts.safety === 'idempotent' && facts.isTooOld && mayHaveRun(facts),
      ({ action }) => action !== 'send-again',
    );
  });

  it('never sends a "once" call again whose key the server has forgotten', () => {
    forAll(
      ({ safety, evidence }) => safety === 'once' && evidence === 'forgotten',
      ({ action }) => action !== 'send-again',
    );
  });

  it('asks the application exactly when it can tell and nobody else can', () => {
    forAll(
      (facts) => !facts.canReconcile,
      ({ action }) => action !== 'ask',
    );
    forAll(
      (facts) => facts.canReconcile,
      ({ action, outcome }) => action !== 'fail' || outcome !== 'unknown',
    );
  });

  it('lets the budget bear what may have run or was refused for now and is sent again, and nothing else', () => {
    forAll(
      isPossible,
      ({ action, costs }, facts) => costs === (action === 'send-again' && costsOf(facts)),
    );
  });

  it('is stricter with a stricter setting', () => {
    forAll(
      ({ setting }) => setting !== 'semi',
      ({ action }, facts) => {
        const looser = settings[settings.indexOf(facts.setting) + 1] as ReplaySetting;
        return (
          action !== 'send-again' || decide({ ...facts, setting: looser }).action === 'send-again'
        );
      },
    );
  });

  it('permits a "read" whatever it permits another class', () => {
    forAll(
      always,
      ({ action }, facts) =>
        action !== 'send-again' || decide({ ...facts, safety: 'read' }).action === 'send-again',
    );
  });

  it('lets a proof and a missing objection never make things worse', () => {
    forAll(
      ({ evidence }) => evidence === 'handed-over',
      ({ action }, facts) =>
        action !== 'send-again' ||
        [...proofs].every(
          (evidence) =>
            decide({ ...facts, evidence, isFinalRefusal: false }).action === 'send-again',
        ),
    );
  });

  it('waits for a lease only before it repeats what may have run, and never past the deadline', () => {
    forAll(
      ({ leaseLeftMs }) => leaseLeftMs > 0,
      ({ action, waitMs }, facts) =>
        action === 'send-again' && mayHaveRun(facts)
          ? waitMs === facts.leaseLeftMs && waitMs < facts.timeLeftMs
          : waitMs === 0,
    );
    forAll(
      (facts) => !mayHaveRun(facts),
      ({ waitMs }) => waitMs === 0,
    );
  });

  it('says why, in words', () => {
    forAll(always, ({ why }) => /^[a-z"].{10,}[^.]$/.test(why));
  });
});

/** What becomes of a call of which the application says that it was not applied. */
function expectedOfNotApplied(facts: Circumstances): Decision['action'] {
  const { isFinalRefusal, isInputConsumed, isReplySeen, hasAttemptsLeft, setting } = facts;
  const isBarred = isFinalRefusal || isInputConsumed || isReplySeen || !hasAttemptsLeft;
  return isBarred || setting === 'never' ? 'fail' : 'send-again';
}

describe('decideNotApplied', () => {
  for (const safety of classes) {
    it(`sends a "${safety}" call again at once, unless something else forbids it`, () => {
      forAll(
        (facts) => facts.safety === safety,
        (_decision, facts) => {
          const { action, outcome, costs, waitMs } = decideNotApplied(facts);
          const known = facts.isReplySeen ? 'unknown' : 'not-executed';
          const isSo = action === expectedOfNotApplied(facts) && outcome === known;
          return isSo && !costs && waitMs === 0;
        },
      );
    });
  }
});
