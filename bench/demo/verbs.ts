import { defineVerbs, idempotent, mutate, read, semi } from 'holdfast';

/** What the demo's client and server share: a small file store. */
export const fileStore = defineVerbs({
  /** Changes nothing: sent again after any loss. */
  get: read<{ path: string }, Uint8Array>(),
  /** Leaves the same file however often it runs: sent again soon after a loss. */
  put: idempotent<{ path: string; owner: string; bytes: Uint8Array }, void>(),
  /** A second copy would double a line: sent again only with proof that the first did not run. */
  append: mutate<{ path: string; owner: string; line: string }, void>(),
  /** A repeat after success fails with `LOCKED` and harms nothing. */
  lock: semi<{ path: string; owner: string }, void>(),
  /** A file in chunks. What is broken off leaves nothing. */
  upload: idempotent.clientStream<{ path: string }, Uint8Array, number>(),
  /** The lines of a file from one on; follows it while it grows. */
  watch: read.serverStream<{ path: string; from: number; follows: boolean }, WatchedLine>({
    resumeFrom: (input, last) => ({ ...input, from: last.at + 1 }),
  }),
});

/** A line of a file that is watched. */
export interface WatchedLine {
  /** Counts from 1. */
  readonly at: number;
  readonly sha256: string;
}

/** The file that gets one line for each file stored. */
export const journalPath = 'journal.jsonl';

/** One line of the journal. */
export interface JournalLine {
  /** No two lines are sent under one id: a doubled id is a doubled execution. */
  readonly id: string;
  readonly path: string;
  readonly sha256: string;
  /** Makes a line long. */
  readonly padding?: string;
}
