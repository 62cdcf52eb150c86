import type { AttemptRecord, Evidence } from '../errors.ts';
import type { RetryBudget } from '../retry/budget.ts';
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
    const { settings, safety } = call.verb.row;
    const isAmbiguous = evidence === 'handed-over';
    const mayHaveRun = call.mayHaveRun;
    if (isAmbiguous) call.mayRun();
    const facts: Circumstances = {
      evidence,
      safety,
      setting: call.setting,
      mayHaveRun,
      isTooOld: this.isTooOld(call),
      hasAttemptsLeft: call.ambiguousAttempts < (settings.maxAttempts ?? this.#options.maxAttempts),
      isFinalRefusal,
      isInputConsumed: false,
      isReplySeen: false,
      canReconcile: false,
    };
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

  /** True when repeating the call could undo what others did since its first sending. */
  isTooOld(call: Call): boolean {
    const { settings, safety } = call.verb.row;
    if (safety !== 'idempotent' || !call.mayHaveRun) return false;
    const maxAgeMs = settings.maxReplayAgeMs ?? this.#options.maxReplayAgeMs;
    return this.#options.clock.now() - call.firstSentAt > maxAgeMs;
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
};
