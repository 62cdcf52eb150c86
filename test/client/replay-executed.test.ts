import { expect } from 'chai';
import {
  type Circumstances,
  type Decision,
  decide,
  decideExecuted,
  override,
} from '../../lib/client/replay.ts';
import type { Evidence } from '../../lib/errors.ts';
import { replaySettings, type Safety, safeties } from '../../lib/verbs/safety.ts';

const flags = ['isTooOld', 'hasAttemptsLeft', 'isInputConsumed', 'isReplySeen'] as const;
const more = ['mayHaveRun', 'isFinalRefusal', 'canReconcile'] as const;
const evidences: readonly Evidence[] = ['untouched', 'refused', 'forgotten', 'handed-over'];

/** Every combination of what matters here. */
function* everything(
  evidence: Evidence,
  names: readonly (keyof Circumstances)[] = flags,
): Iterable<Circumstances> {
  for (const safety of safeties) {
    for (const setting of replaySettings) {
      for (const leaseLeftMs of [0, 99, 100]) {
        for (let bits = 0; bits < 2 ** names.length; bits++) {
          const chosen = names.map((name, index) => [name, (bits & (1 << index)) !== 0]);
          const rest = { mayHaveRun: true, isFinalRefusal: false, canReconcile: true };
          const facts = { evidence, safety, setting, leaseLeftMs, timeLeftMs: 100, ...rest };
          yield { ...facts, ...Object.fromEntries(chosen) } as Circumstances;
        }
      }
    }
  }
}

/** DESIGN section 4: under which settings a class is made again after it ran. */
const repeatable: Readonly<Record<Safety, readonly string[]>> = {
  read: ['read', 'idempotent', 'semi'],
  idempotent: ['idempotent', 'semi'],
  semi: ['semi'],
  once: [],
  mutate: [],
};

function mayRepeat(facts: Circumstances): boolean {
  const { safety, setting, isTooOld, hasAttemptsLeft, isInputConsumed, isReplySeen } = facts;
  const isLate = safety === 'idempotent' && isTooOld;
  const isBarred = isLate || !hasAttemptsLeft || isInputConsumed || isReplySeen;
  return !isBarred && repeatable[safety].includes(setting) && facts.leaseLeftMs < 100;
}

describe('decideExecuted', () => {
  it('makes a call again that failed for a time, by its class, at the cost of the budget', () => {
    for (const facts of everything('done')) {
      const { action, outcome, costs, waitMs } = decideExecuted(facts, true);
      const isAgain = mayRepeat(facts);
      const expected = isAgain ? 'send-again' : 'fail';
      expect([action, outcome, costs], JSON.stringify(facts)).to.deep.equal([
        expected,
        'executed',
        isAgain,
      ]);
      expect(waitMs).to.equal(isAgain ? facts.leaseLeftMs : 0);
    }
  });

  it('ends a call that failed for good, with the outcome `executed`', () => {
    for (const facts of everything('done')) {
      const { action, outcome, costs, waitMs } = decideExecuted(facts, false);
      expect([action, outcome, costs, waitMs]).to.deep.equal(['fail', 'executed', false, 0]);
    }
  });

  it('says why, in words', () => {
    for (const facts of everything('done')) {
      for (const isTransient of [true, false]) {
        expect(decideExecuted(facts, isTransient).why).to.match(/^[a-z"].{10,}[^.]$/);
      }
    }
  });
});

describe('override', () => {
  interface Case {
    readonly facts: Circumstances;
    readonly classified: Decision;
    readonly loosest: Decision;
  }

  /** What is decided with and without a reason to end the call. */
  function* cases(): Iterable<Case> {
    for (const evidence of evidences) {
      for (const facts of everything(evidence, [...flags, ...more])) {
        const isRefused = evidence === 'refused';
        if (facts.isFinalRefusal && !isRefused) continue;
        const loosest = decide({ ...facts, isFinalRefusal: false });
        yield { facts, classified: decide(facts), loosest };
      }
    }
    for (const facts of everything('done')) {
      const loosest = decideExecuted(facts, true);
      for (const classified of [loosest, decideExecuted(facts, false)]) {
        yield { facts, classified, loosest };
      }
    }
  }

  it('changes nothing when the application says nothing', () => {
    for (const { facts, classified, loosest } of cases()) {
      const wish = { again: undefined, why: '' };
      expect(override(facts, classified, loosest, wish)).to.equal(classified);
    }
  });

  it('sends nothing again when it says no, and says of the call what it said before', () => {
    for (const { facts, classified, loosest } of cases()) {
      const decision = override(facts, classified, loosest, { again: false, why: 'no' });
      expect(decision.action).not.to.equal('send-again');
      expect([decision.outcome, decision.costs]).to.deep.equal([classified.outcome, false]);
      if (decision.outcome === 'unknown') {
        expect(decision.action).to.equal(facts.canReconcile ? 'ask' : 'fail');
      }
    }
  });

  it('sends again when it says yes what may be sent again, and nothing else', () => {
    let looser = 0;
    for (const { facts, classified, loosest } of cases()) {
      const decision = override(facts, classified, loosest, { again: true, why: 'yes' });
      if (loosest.action === 'send-again') {
        const { why, ...rest } = loosest;
        expect(decision).to.deep.equal({ ...rest, why: `${why}, and yes` });
        if (classified.action !== 'send-again') looser++;
      } else {
        expect(decision).to.equal(classified);
      }
      const ran = facts.evidence !== 'untouched' && facts.evidence !== 'refused';
      if ((ran || facts.mayHaveRun) && facts.safety === 'mutate') {
        expect(decision.action).not.to.equal('send-again');
      }
    }
    expect(looser).to.be.above(0);
  });
});
