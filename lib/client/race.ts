import { type AttemptRecord, HoldfastError, type Outcome } from '../errors.ts';
import type { Medium } from '../media/medium.ts';
import type { CallWatch } from '../observe/call-watch.ts';
import { Alarm, type TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import { type HedgeOptions, isHedgeable } from '../verbs/hedge.ts';
import type { ReplaySetting } from '../verbs/safety.ts';
import type { Call } from './call.ts';
import type { Calls } from './calls.ts';
import { howOf, writeRecord } from './observing.ts';
import type { CallOptions } from './options.ts';
import { noBudget, permits } from './replay.ts';
import type { VerbUse } from './verb-use.ts';

/** Where a call, or a copy of it, can be made. */
export interface Lane {
  readonly calls: Calls;
  /** Where its link goes, or the last dial went. */
  readonly target: Medium | undefined;
  /** The verb as it is used there. */
  useOf(verb: VerbUse): VerbUse;
}

/** Who has the lanes. */
export interface Course {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly main: Lane;
  /** How many attempts of a call may run, unless its verb says otherwise. */
  readonly maxAttempts: number;
  /** How far calls may be sent again, unless they say otherwise. */
  readonly replay: ReplaySetting;
  /** A lane to an address that is none of these; undefined when there is none, or no more copies. */
  another(taken: ReadonlySet<Medium | undefined>): Lane | undefined;
  /** Takes the cost of a copy from the budget of the server that the call itself was sent to. */
  affords(original: Call, lane: Lane): boolean;
}

/** What a race is about. */
export interface RacedCall {
  readonly verb: VerbUse;
  readonly input: unknown;
  readonly options: CallOptions | undefined;
  readonly watch: CallWatch | undefined;
  readonly hedge: HedgeOptions;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Runner {
  readonly lane: Lane;
  /** Undefined until it is made. */
  call: Call | undefined;
}

/**
 * A call and its copies at other servers. The first good answer ends the race, and the others are
 * cancelled; one that fails leaves the race to the others, and the last failure decides.
 */
export class Race {
  readonly #course: Course;
  readonly #raced: RacedCall;
  readonly #startedAt: number;
  readonly #alarm: Alarm;
  readonly #open = new Set<Runner>();
  readonly #outcomes = new Set<Outcome>();
  readonly #taken = new Set<Medium | undefined>();
  #original: Call | undefined;
  #copies = 0;

  constructor(course: Course, raced: RacedCall) {
    this.#course = course;
    this.#raced = raced;
    this.#startedAt = course.clock.now();
    this.#alarm = new Alarm(course.wheel, () => this.#onAlarm());
    this.#original = this.#run(course.main);
    if (this.#open.size > 0) this.#alarm.set(this.#startedAt + raced.hedge.afterMs);
  }

  /** Makes the call, or a copy of it. */
  #run(lane: Lane, original?: Call): Call | undefined {
    const { verb, input, options, watch } = this.#raced;
    const runner: Runner = { lane, call: undefined };
    this.#open.add(runner);
    runner.call = lane.calls.start(
      lane.useOf(verb),
      input,
      options,
      (value) => this.#onWon(runner, value),
      (error) => this.#onFailed(runner, error as HoldfastError),
      watch,
      original,
    );
    return runner.call;
  }

  /** No answer for so long: the next copy, if there may be one. */
  #onAlarm(): void {
    const original = this.#original;
    const { hedge } = this.#raced;
    if (original === undefined || !this.#mayHedge(original)) return;
    for (const { lane } of [{ lane: this.#course.main }, ...this.#open]) {
      this.#taken.add(lane.target);
    }
    const lane = this.#course.another(this.#taken);
    if (lane === undefined) return;
    const now = this.#course.clock.now();
    const late = `no answer within ${Math.round(now - this.#startedAt)} ms: a copy`;
    if (!this.#course.affords(original, lane)) {
      this.#raced.verb.figures?.budgetRefused(now);
      const why = `${late} would go to another address, but ${noBudget}`;
      this.#record(original, this.#course.main, 'wait', why);
      return;
    }
    this.#copies++;
    original.past.copies++;
    this.#taken.add(lane.target);
    // Made before it is told: who is told may end the client, with all that was made.
    this.#run(lane, original);
    if (this.#open.size === 0) return;
    if (this.#copies < (hedge.max ?? 1)) this.#alarm.set(now + hedge.afterMs);
    writeRecord(original, {
      number: original.attempts + this.#copies,
      link: lane.target?.address ?? '',
      phase: 'waiting',
      evidence: 'untouched',
      decision: 'hedge',
      why: `${late} goes to another address`,
      durationMs: 0,
    });
  }

  /** Writes into the history of a call whose attempt, if one is under way, has not ended by itself. */
  #record(call: Call, { target }: Lane, decision: AttemptRecord['decision'], why: string): void {
    const isSent = call.link !== undefined;
    writeRecord(call, {
      number: call.attempts,
      link: call.link?.label ?? target?.address ?? '',
      phase: isSent ? 'sent' : 'waiting',
      evidence: isSent || call.mayHaveRun ? 'handed-over' : 'untouched',
      decision,
      why,
      durationMs: isSent ? this.#course.clock.now() - call.sentAt : 0,
    });
  }

  /** A copy runs at the same time, perhaps twice: it must be allowed whatever becomes of the first. */
  #mayHedge(original: Call): boolean {
    const { safety, settings } = original.verb.row;
    const { maxAttempts = this.#course.maxAttempts, leaseMs = 0 } = settings;
    const { ambiguousAttempts, copies } = original.past;
    const hasAttemptsLeft = ambiguousAttempts + copies + 1 < maxAttempts;
    if (!isHedgeable(safety) || leaseMs > 0 || !hasAttemptsLeft) return false;
    return permits(original.settingWithin(this.#course.replay), safety);
  }

  #onWon(runner: Runner, value: unknown): void {
    this.#open.delete(runner);
    for (const { lane, call } of this.#open) {
      if (call === undefined || call.isSettled) continue;
      this.#record(call, lane, 'cancel', 'another copy was answered first');
      lane.calls.settle(call);
    }
    this.#open.clear();
    this.#end(undefined);
    this.#raced.resolve(value);
  }

  #onFailed(runner: Runner, error: HoldfastError): void {
    this.#open.delete(runner);
    this.#outcomes.add(error.outcome);
    if (this.#open.size > 0) return;
    const failure = ofAll(error, this.#outcomes);
    this.#end(failure.outcome);
    this.#raced.reject(failure);
  }

  #end(outcome: Outcome | undefined): void {
    this.#alarm.clear();
    const { verb } = this.#raced;
    if (!verb.isPlain) return;
    const now = this.#course.clock.now();
    verb.figures?.settled(now, now - this.#startedAt, howOf(outcome));
  }
}

/** The last error, with what is known of all copies together. */
function ofAll(error: HoldfastError, outcomes: ReadonlySet<Outcome>): HoldfastError {
  const outcome = (['executed', 'unknown'] as const).find((known) => outcomes.has(known));
  if (outcome === undefined || outcome === error.outcome) return error;
  const { code, verb, attempts, retryAfterMs, remote, cause, final, retried } = error;
  const what = outcome === 'executed' ? 'was executed' : 'may have been executed';
  const message = `${error.message}; another copy of the call ${what}`;
  const facts = { outcome, verb, attempts, retryAfterMs, remote, cause, final, retried };
  return new HoldfastError(code, message, facts);
}
