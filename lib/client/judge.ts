import type { AttemptRecord, Evidence } from '../errors.ts';
import type { RetryBudget } from '../retry/budget.ts';
import type { VerbRow } from '../verbs/table.ts';
import type { Call } from './call.ts';
import type { ClientLink } from './client-link.ts';
import type { ResolvedClientOptions } from './options.ts';
import { type Circumstances, type Decision, decide } from './replay.ts';

/**
 * Judges attempts that ended without an answer: gathers the circumstances for {@link decide}, asks
 * the budget, and writes the call's history.
 */
export class Judge {
  readonly #options: ResolvedClientOptions;
  readonly #budget: RetryBudget;

  constructor(options: ResolvedClientOptions, budget: RetryBudget) {
    this.#options = options;
    this.#budget = budget;
  }

  /**
   * @param evidence what is known of the attempt
   * @param event what ended it, for the history
   */
  decide(
    call: Call,
    link: ClientLink | undefined,
    evidence: Evidence,
    isFinalRefusal: boolean,
    event: string,
  ): Decision {
    const mayHaveRun = call.mayHaveRun;
    if (evidence === 'handed-over' || evidence === 'forgotten') call.mayRun(link);
    const facts = this.#factsOf(call, call.row, evidence, mayHaveRun, isFinalRefusal);
    let decision = decide(facts);
    if (decision.costs && !this.#budget.withdraw()) {
      decision = {
        action: 'fail',
        outcome: 'unknown',
        costs: false,
        why: 'the retry budget is empty',
      };
    }
    this.record(call, link, evidence, decision.action, `${event}: ${decision.why}`);
    return decision;
  }

  /**
   * Why a call must not go out after all, or undefined if it may: the server that it goes to may
   * hold its verb for stricter than the one before did, and time has passed. Records of `once` calls
   * are of one set: to another the key would be new.
   */
  objectionTo(call: Call, link: ClientLink): string | undefined {
    if (!call.mayHaveRun) return undefined;
    const evidence = link.completions === call.completions ? 'handed-over' : 'forgotten';
    const facts = this.#factsOf(call, call.verb.row, evidence, true, false);
    const { action, why } = decide(facts);
    return action === 'send-again' ? undefined : why;
  }

  #factsOf(
    call: Call,
    { settings, safety }: VerbRow,
    evidence: Evidence,
    mayHaveRun: boolean,
    isFinalRefusal: boolean,
  ): Circumstances {
    const maxAgeMs = settings.maxReplayAgeMs ?? this.#options.maxReplayAgeMs;
    const maxAttempts = settings.maxAttempts ?? this.#options.maxAttempts;
    return {
      evidence,
      safety,
      setting: call.setting,
      mayHaveRun,
      isTooOld: call.mayHaveRun && this.#options.clock.now() - call.firstSentAt > maxAgeMs,
      hasAttemptsLeft: call.ambiguousAttempts < maxAttempts,
      isFinalRefusal,
      isInputConsumed: false,
      isReplySeen: false,
      canReconcile: false,
    };
  }

  /** Writes one line of the call's history. */
  record(
    call: Call,
    link: ClientLink | undefined,
    evidence: Evidence,
    decision: AttemptRecord['decision'],
    why: string,
  ): void {
    call.history ??= [];
    call.history.push({
      number: call.attempts,
      link: link?.label ?? '',
      phase: phases[evidence] ?? 'sent',
      evidence,
      decision,
      why,
    });
  }
}

const phases: Readonly<Partial<Record<Evidence, AttemptRecord['phase']>>> = {
  untouched: 'waiting',
  incomplete: 'sending',
  refused: 'answered',
  never: 'sending',
};
