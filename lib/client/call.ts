import type { AttemptRecord, HoldfastError } from '../errors.ts';
import type { CallWatch } from '../observe/call-watch.ts';
import type { EncodedCall } from '../protocols/protocol.ts';
import type { Alarm, Due } from '../retry/timer-wheel.ts';
import type { ReplaySetting } from '../verbs/safety.ts';
import type { VerbRow } from '../verbs/table.ts';
import type { CallStream } from './call-stream.ts';
import type { ClientLink } from './client-link.ts';
import type { ContentCheck } from './content.ts';
import type { GivenOptions } from './options.ts';
import type { Question } from './reconcile.ts';
import type { RetryIf } from './retry-if.ts';
import type { VerbUse } from './verb-use.ts';

/** Who is told that a call's deadline has passed. */
export interface Deadlines {
  onDeadline(call: Call): void;
}

/** What only some calls have. */
export interface CallExtras {
  readonly signal?: AbortSignal | undefined;
  onAbort?: (() => void) | undefined;
  attemptAlarm?: Alarm | undefined;
  /** 0: attempts have no bound. */
  attemptTimeoutMs: number;
  /** What the application is asked when nobody else knows what became of the call. */
  readonly question?: Question | undefined;
  /** Overrides how failures are classified. */
  readonly retryIf?: RetryIf | undefined;
  /** Looks at replies. */
  readonly check?: ContentCheck | undefined;
}

/** What has gone wrong with a call although its link lived. */
export interface Troubles {
  /** Attempts that were executed, with an answer that is no good. */
  executions: number;
  /** The error that the last of them would have ended the call with. */
  answer: HoldfastError | undefined;
  /** A reply has come, and it is being looked at. */
  isChecked: boolean;
  /** Attempts whose time was over. */
  timeouts: number;
}

/**
 * One invocation by the application, from `client.call` until it settles. It is on the wheel for
 * its deadline, in the table under its number, and either waits in the queue or is on a link.
 */
export class Call implements Due, EncodedCall {
  /** Another one once an attempt was answered, and the call is made again. */
  number: number;
  readonly verb: VerbUse;
  readonly setting: ReplaySetting;
  /**
   * When it was made, on the client's clock; see {@link Bounds.begin}. Before that there is no time
   * that it has taken, and no deadline.
   */
  madeAt: number = Number.NaN;
  /** What its caller said of it. */
  given: GivenOptions | undefined;

  /** The encoded call; it is sent as often as needed. */
  buffer: Buffer;
  start: number;
  end: number;
  body: Uint8Array | undefined;
  tailBytes: number;

  /** Attempts so far, and how many of them may have run. */
  attempts = 0;
  ambiguousAttempts = 0;
  /** How many of those the application has found not to have run. */
  disprovedAttempts = 0;
  /** Copies at other servers, which count as attempts that may have run. */
  copies = 0;
  /** It is such a copy: repeats what may have run, and is not repeated itself. */
  isCopy = false;
  refusals = 0;
  /** When the first attempt that may have run was sent. */
  firstSentAt = 0;
  /** The set of records of `once` calls to which that attempt went. */
  completions = '';
  sentAt = 0;
  /** The link of the current attempt, and the attempt's interval in that link's output. */
  link: ClientLink | undefined;
  /** What held of the verb when the current attempt was sent. */
  row: VerbRow;
  sentFrom = 0;
  sentTo = 0;
  /** Which of the calls on that link it is, from 1; 0 when it was sent on an earlier one. */
  place = 0;
  isQueued = false;
  /** The queue's own links. */
  queueNext: Call | undefined;
  queuePrevious: Call | undefined;
  /** The server keeps the fate of the current attempt, and tells it on a new link. */
  isRecorded = false;
  /** It was sent again, or would have been if the budget allowed it; or it was below. */
  retried = false;
  /** The link that was lost, while the call waits to hear its fate. */
  lostLink: ClientLink | undefined;
  /** The link on which its fate was asked for. */
  askedOn: ClientLink | undefined;
  /** Why it was lost. */
  lostCause: Error | undefined;
  /** When an attempt that may have run was last given up. */
  lostAt = 0;
  /** What the last attempt that may have run took, it had taken by then. */
  takenAt = 0;
  isSettled = false;
  /** The application is told or asked of it at this moment; see {@link whileTelling}. */
  isTold = false;
  extras: CallExtras | undefined;
  /** What it has beside one input and one output. */
  stream: CallStream | undefined;
  /** Set while the call waits because the server refused it for now, or for a lease to expire. */
  retryAlarm: Alarm | undefined;
  history: AttemptRecord[] | undefined;
  /** Who wants to hear of it, if anybody does. */
  watch: CallWatch | undefined;
  #troubles: Troubles | undefined;

  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;

  dueAt: number = Number.POSITIVE_INFINITY;
  wheelNext: Due | undefined;
  wheelPrevious: Due | undefined;
  readonly #deadlines: Deadlines;

  constructor(
    deadlines: Deadlines,
    number: number,
    verb: VerbUse,
    setting: ReplaySetting,
    encoded: EncodedCall,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.#deadlines = deadlines;
    this.number = number;
    this.verb = verb;
    this.setting = setting;
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

  /** When it must have settled. */
  get deadlineAt(): number {
    return this.dueAt;
  }

  /** Its time runs. */
  get hasBegun(): boolean {
    return this.dueAt !== Number.POSITIVE_INFINITY;
  }

  /** Bytes that the call holds until it settles. */
  get byteLength(): number {
    return this.end - this.start + (this.body === undefined ? 0 : this.body.byteLength);
  }

  /** The attempt that was sent last, on this link, may have run, or still may. */
  mayRun(link: ClientLink | undefined): void {
    if (!this.isCopy && this.ambiguousAttempts === this.disprovedAttempts) {
      this.firstSentAt = this.sentAt;
      this.completions = link?.completions ?? '';
    }
    this.ambiguousAttempts++;
    this.takenAt = this.lostAt;
  }

  /** The same object until the call settles. */
  get troubles(): Troubles {
    this.#troubles ??= { executions: 0, answer: undefined, isChecked: false, timeouts: 0 };
    return this.#troubles;
  }

  /**
   * Tells or asks the application, in the midst of what is done with the call. Whatever it does
   * there, this call ends only afterwards.
   */
  whileTelling<Value>(tell: () => Value): Value {
    this.isTold = true;
    try {
      return tell();
    } finally {
      this.isTold = false;
    }
  }

  /** Proven by an answer, whatever became of other attempts. */
  get wasExecuted(): boolean {
    const troubles = this.#troubles;
    return troubles !== undefined && (troubles.executions > 0 || troubles.isChecked);
  }

  /** It is on no link, and waits neither for the application nor for the judgement of its reply. */
  get needsLink(): boolean {
    const isElsewhere = this.isAsked || this.#troubles?.isChecked === true;
    return this.link === undefined && !isElsewhere;
  }

  /** The application is asked what became of it. */
  get isAsked(): boolean {
    return this.extras?.question?.asked !== undefined;
  }

  /** The error of the last attempt that was executed, if its answer was no good. */
  get answer(): HoldfastError | undefined {
    return this.#troubles?.answer;
  }

  /** No attempt so far has run, nor will. */
  disprove(): void {
    this.disprovedAttempts = this.ambiguousAttempts;
  }

  /** True when an attempt may have run. */
  get mayHaveRun(): boolean {
    return this.ambiguousAttempts > this.disprovedAttempts || this.lostLink !== undefined;
  }

  /** Makes it a copy of a call to another server, which is not known to have no copy running. */
  becomeCopyOf(original: Call, now: number): void {
    original.history ??= [];
    this.history = original.history;
    this.isCopy = true;
    // Whoever gets the error of both must not try again.
    this.retried = true;
    original.retried = true;
    // For its server too it is not the first.
    this.attempts = original.attempts + original.copies - 1;
    this.firstSentAt = original.firstSentAt || original.madeAt;
    // What the other copies may take at this moment is not free before its lease has expired.
    this.takenAt = now;
    this.renewHeader();
  }

  /** True when another copy of it, or of a call for whose sake it is made, may have run. */
  get isReplay(): boolean {
    return this.mayHaveRun || this.isCopy || this.given?.layer?.isReplay === true;
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

  onDue(): void {
    this.#deadlines.onDeadline(this);
  }
}
