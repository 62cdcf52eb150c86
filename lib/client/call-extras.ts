import type { CallWatch } from '../observe/call-watch.ts';
import type { Alarm } from '../retry/timer-wheel.ts';
import type { CallStream } from './call-stream.ts';
import type { ContentCheck } from './content.ts';
import type { Question } from './reconcile.ts';
import type { RetryIf } from './retry-if.ts';

/** What only some calls have. */
export class CallExtras {
  /** What it has beside one input and one output. */
  readonly stream: CallStream | undefined;
  /** Who wants to hear of it. */
  readonly watch: CallWatch | undefined;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  attemptAlarm: Alarm | undefined;
  /** 0: attempts have no bound. */
  attemptTimeoutMs = 0;
  /** What the application is asked when nobody else knows what became of the call. */
  question: Question | undefined;
  /** Overrides how failures are classified. */
  retryIf: RetryIf | undefined;
  /** Looks at replies. */
  check: ContentCheck | undefined;

  constructor(stream?: CallStream, watch?: CallWatch) {
    this.stream = stream;
    this.watch = watch;
  }
}
