import type { AttemptRecord, HoldfastError } from '../errors.ts';
import type { CallWatch } from '../observe/call-watch.ts';
import type { EncodedCall } from '../protocols/protocol.ts';
import type { ReplaySetting } from '../verbs/safety.ts';
import type { VerbRow } from '../verbs/table.ts';
import type { CallExtras } from './call-extras.ts';
import type { CallStream } from './call-stream.ts';
import type { ClientLink } from './client-link.ts';
import type { GivenOptions } from './options.ts';
import { Past } from './past.ts';
import { settingOfCopies } from './replay.ts';
import type { Term } from './terms.ts';
import type { VerbUse } from './verb-use.ts';
import type { Waiting } from './waiting.ts';

/**
 * One invocation by the application, from `client.call` until it settles. It has a term, is in the
 * table under its number, and either waits in the queue or is on a link.
 *
 * Every field counts: ten more made a client with many calls in flight 4 to 6 % slower. What only some
 * calls have is in their extras, and what few have behind them is in their past.
 */
export class Call implements EncodedCall {
  /** Another one once an attempt was answered, and the call is made again. */
  number: number;
  readonly verb: VerbUse;
  /** The time that it has, once that has begun; see {@link Bounds.begin}. */
  term: Term | undefined;
  /** What its caller said of it. */
  given: GivenOptions | undefined;

  /** The encoded call; it is sent as often as needed. */
  buffer: Buffer;
  start: number;
  end: number;
  body: Uint8Array | undefined;
  tailBytes: number;

  /** Attempts so far. */
  attempts = 0;
  sentAt = 0;
  /** The link of the current attempt, and where in its output the server has enough to run it. */
  link: ClientLink | undefined;
  /** What held of the verb when the current attempt was sent. */
  row: VerbRow;
  sentTo = 0;
  /** Which of the calls on that link it is, from 1; 0 when it was sent on an earlier one. */
  place = 0;
  /** Its place among those that wait to be sent; the queue's. */
  waiting: Waiting<Call> | undefined;
  /** The server keeps the fate of the current attempt, and tells it on a new link. */
  isRecorded = false;
  isSettled = false;
  extras: CallExtras | undefined;
  #past: Past | undefined;

  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;

  constructor(
    number: number,
    verb: VerbUse,
    encoded: EncodedCall,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.number = number;
    this.verb = verb;
    this.row = verb.row;
    this.buffer = encoded.buffer;
    this.start = encoded.start;
    this.end = encoded.end;
    this.body = encoded.body;
    this.tailBytes = encoded.tailBytes;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** It is sent with another input from now on. */
  encodeAs({ buffer, start, end, body, tailBytes }: EncodedCall): void {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.body = body;
    this.tailBytes = tailBytes;
  }

  /** It waits to be sent. */
  get isQueued(): boolean {
    return this.waiting !== undefined;
  }

  /** What it has beside one input and one output. */
  get stream(): CallStream | undefined {
    return this.extras?.stream;
  }

  /** Who wants to hear of it, if anybody does. */
  get watch(): CallWatch | undefined {
    return this.extras?.watch;
  }

  /** How far it may be sent again, where this is what its client says. */
  settingWithin(clients: ReplaySetting): ReplaySetting {
    const setting = this.given?.replay ?? clients;
    return this.isCopy ? settingOfCopies(setting) : setting;
  }

  /** When it was made, on the client's clock; `NaN` before its time has begun. */
  get madeAt(): number {
    return this.term === undefined ? Number.NaN : this.term.madeAt;
  }

  /** When it must have settled, on the client's clock. */
  get deadlineAt(): number {
    return this.term === undefined ? Number.POSITIVE_INFINITY : this.term.dueAt;
  }

  /** Its time has begun: sets another end; `Infinity`: none. */
  moveDeadline(deadlineAt: number): void {
    if (!this.isSettled) this.term?.move(this, deadlineAt);
  }

  /** Bytes that the call holds until it settles. */
  get byteLength(): number {
    return this.end - this.start + (this.body === undefined ? 0 : this.body.byteLength);
  }

  /** Made when it is asked for first: what is asked below for every call does without. */
  get past(): Past {
    this.#past ??= new Past();
    return this.#past;
  }

  /** What became of its attempts, oldest first, if any has ended. */
  get history(): AttemptRecord[] | undefined {
    return this.#past?.history;
  }

  /** True when an attempt may have run. */
  get mayHaveRun(): boolean {
    return this.#past?.mayHaveRun === true;
  }

  /** It is a copy of a call to another server. */
  get isCopy(): boolean {
    return this.#past?.isCopy === true;
  }

  /** The link that was lost, while the call waits to hear its fate. */
  get lostLink(): ClientLink | undefined {
    return this.#past?.lostLink;
  }

  /** The application is told or asked of it at this moment; see {@link whileTelling}. */
  get isTold(): boolean {
    return this.#past?.isTold === true;
  }

  /**
   * Tells or asks the application, in the midst of what is done with the call. Whatever it does
   * there, this call ends only afterwards.
   */
  whileTelling<Value>(tell: () => Value): Value {
    const { past } = this;
    past.isTold = true;
    try {
      return tell();
    } finally {
      past.isTold = false;
    }
  }

  /** Proven by an answer, whatever became of other attempts. */
  get wasExecuted(): boolean {
    const past = this.#past;
    return past !== undefined && (past.executions > 0 || past.isChecked);
  }

  /** It is on no link, and waits neither for the application nor for the judgement of its reply. */
  get needsLink(): boolean {
    const isElsewhere = this.isAsked || this.#past?.isChecked === true;
    return this.link === undefined && !isElsewhere;
  }

  /** The application is asked what became of it. */
  get isAsked(): boolean {
    return this.extras?.question?.asked !== undefined;
  }

  /** The error of the last attempt that was executed, if its answer was no good. */
  get answer(): HoldfastError | undefined {
    return this.#past?.answer;
  }

  /** The attempt that was sent last, on this link, may have run, or still may. */
  mayRun(link: ClientLink | undefined): void {
    const { past } = this;
    if (!past.isCopy && past.ambiguousAttempts === past.disprovedAttempts) {
      past.firstSentAt = this.sentAt;
      past.completions = link?.completions ?? '';
    }
    past.ambiguousAttempts++;
    past.takenAt = past.lostAt;
  }

  /** No attempt so far has run, nor will. */
  disprove(): void {
    this.past.disprovedAttempts = this.past.ambiguousAttempts;
  }

  /** Makes it a copy of a call to another server, which is not known to have no copy running. */
  becomeCopyOf(original: Call, now: number): void {
    const { past } = this;
    const of = original.past;
    of.history ??= [];
    past.history = of.history;
    past.isCopy = true;
    // Whoever gets the error of both must not try again.
    past.retried = true;
    of.retried = true;
    // For its server too it is not the first.
    this.attempts = original.attempts + of.copies - 1;
    past.firstSentAt = of.firstSentAt || original.madeAt;
    // What the other copies may take at this moment is not free before its lease has expired.
    past.takenAt = now;
    this.renewHeader();
  }

  /** True when another copy of it, or of a call for whose sake it is made, may have run. */
  get isReplay(): boolean {
    return this.mayHaveRun || this.isCopy || this.given?.layer?.isReplay === true;
  }

  /** It need not be sent again at a later time. */
  clearRetry(): void {
    this.#past?.retryAlarm?.clear();
  }

  /**
   * Gives the header memory of its own. The memory of an earlier attempt may still be on its way
   * out on another link, and what differs from attempt to attempt is written into the header.
   */
  renewHeader(): void {
    this.buffer = Buffer.from(this.buffer.subarray(this.start, this.end));
    this.end -= this.start;
    this.start = 0;
  }
}
