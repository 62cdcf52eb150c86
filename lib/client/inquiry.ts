import { messageOf } from '../errors.ts';
import { optionError, show } from '../util/check.ts';
import type { AttemptsOwner } from './attempts-owner.ts';
import type { Call } from './call.ts';
import { examine } from './content.ts';
import type { CallFailure } from './failures.ts';
import type { Judge } from './judge.ts';
import type { Question, Reconciled } from './reconcile.ts';

/** Asks the application what became of calls, and does what its answers decide. */
export class Inquiry {
  readonly #calls: AttemptsOwner;
  readonly #judge: Judge;
  #size = 0;

  constructor(calls: AttemptsOwner, judge: Judge) {
    this.#calls = calls;
    this.#judge = judge;
  }

  /** How many calls are asked about. */
  get size(): number {
    return this.#size;
  }

  /** Asks. The call fails as `failure` says if the application does not know either. */
  ask(call: Call, question: Question, failure: CallFailure): void {
    const asked = new AbortController();
    question.asked = asked;
    this.#size++;
    const isWanted = (): boolean => question.asked === asked;
    // Not in the midst of what goes on with the link: the application may do anything.
    const turn = Promise.resolve();
    const answer = turn.then(() =>
      isWanted() ? answerTo(call, question, asked.signal) : noAnswer,
    );
    answer.then(
      (reconciled) => {
        if (isWanted()) this.#conclude(call, question, failure, reconciled);
      },
      (error: unknown) => {
        if (!isWanted()) return;
        const { details } = failure;
        const cause = error === undefined ? details?.cause : error;
        this.#fail(call, question, failure, `failed (${messageOf(error)})`, { ...details, cause });
      },
    );
  }

  /** The call has settled otherwise: the answer is not wanted any more. */
  drop(question: Question): void {
    const { asked } = question;
    if (asked === undefined) return;
    this.#answered(question);
    // Not in the midst of settling: listeners may do anything.
    queueMicrotask(() => asked.abort());
  }

  #answered(question: Question): void {
    question.asked = undefined;
    this.#size--;
  }

  #conclude(call: Call, question: Question, failure: CallFailure, answer: Reconciled): void {
    switch (answer.result) {
      case 'applied':
        this.#answered(question);
        this.#deliver(call, answer.output);
        return;
      case 'not-applied':
        this.#answered(question);
        this.#onNotApplied(call, failure);
        return;
      case 'unknown':
        this.#fail(call, question, failure, 'cannot tell', failure.details);
    }
  }

  /** What the application says that its handler would have returned is held to the same. */
  #deliver(call: Call, output: unknown): void {
    const check = call.extras?.check;
    if (check === undefined) {
      this.#calls.resolve(call, output);
      return;
    }
    examine(call, check, output, (content) => {
      if (content.isGood) {
        this.#calls.resolve(call, content.output);
        return;
      }
      const why = `its reply, as the application has it, is wrong: ${content.why}`;
      this.#calls.fail(call, 'ERR_HOLDFAST_OUTPUT', why, 'executed', { cause: content.cause });
    });
  }

  #onNotApplied(call: Call, { code, why, details, isLast = false }: CallFailure): void {
    const decision = this.#judge.decideNotApplied(call, isLast);
    if (decision.action !== 'send-again') {
      this.#calls.fail(call, code, `${why}; ${decision.why}`, decision.outcome, details);
      return;
    }
    const evidence = call.history?.at(-1)?.evidence ?? 'handed-over';
    const attempt = call.attempts + 1;
    this.#calls.onReplay({ verb: call.verb.name, attempt, evidence, why: decision.why });
    this.#calls.sendAgain([call]);
  }

  #fail(
    call: Call,
    question: Question,
    { code, why }: CallFailure,
    what: string,
    details: CallFailure['details'],
  ): void {
    this.#answered(question);
    const whole = `${why}; the application was asked what became of it, and ${what}`;
    this.#calls.fail(call, code, whole, 'unknown', details);
  }
}

const noAnswer: Reconciled = { result: 'unknown' };

/** What the application answers; rejects when it fails, and when that is no answer. */
async function answerTo(
  call: Call,
  { reconcile, input, key }: Question,
  signal: AbortSignal,
): Promise<Reconciled> {
  const attempts = [...(call.history ?? [])];
  const answer: unknown = await reconcile(input, { verb: call.verb.name, key, attempts, signal });
  const { result, output } = (answer ?? {}) as { readonly result?: unknown; output?: unknown };
  // A promise for an output is waited for here, where the deadline bounds it.
  if (result === 'applied') return { result, output: await output };
  if (result === 'not-applied' || result === 'unknown') return { result };
  const text = `The answer about "${call.verb.name}" must have the result "applied", "not-applied" or "unknown"`;
  throw optionError(`${text}, got ${show(answer instanceof Object ? result : answer)}`);
}
