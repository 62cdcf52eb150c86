import { sha256 } from './tree.ts';
import type { JournalLine } from './verbs.ts';

/** What is known of one file at the end, by checksum. */
export interface FileFacts {
  readonly path: string;
  readonly source: string;
  /** What the client got when it read the file back. */
  readonly readBack: string | undefined;
  /** What is in the server's folder. */
  readonly stored: string | undefined;
}

/** What the client was told of the journal's lines, by their ids. */
export interface AppendFacts {
  readonly acknowledged: ReadonlySet<string>;
  /** Failed with the outcome "unknown". */
  readonly unknown: ReadonlySet<string>;
  /** Failed with the outcome "not-executed". */
  readonly notExecuted: ReadonlySet<string>;
}

/** Everything that the reckoning is made from. */
export interface Facts {
  readonly files: readonly FileFacts[];
  /** The journal as it lies in the server's folder. */
  readonly journal: string;
  readonly appends: AppendFacts;
  /** Checksums of the journal's lines, in the order in which the client was given them. */
  readonly watched: readonly string[];
  /** Calls that failed although nothing should have stopped them, in words. */
  readonly failures: readonly string[];
}

/** What came out. */
export interface Reckoning {
  readonly files: { readonly total: number; readonly equal: number };
  readonly journal: {
    readonly acknowledged: number;
    readonly present: number;
    readonly doubled: number;
    readonly notExecuted: number;
    /** Nobody was told how they ended; the journal knows. */
    readonly unknown: { readonly present: number; readonly absent: number };
  };
  /** Lines that the watch gave: each once, and in order. */
  readonly watched: number;
  /** Everything that does not add up, in words; empty when all is well. */
  readonly problems: readonly string[];
}

/** Holds what the client was told against what the server's files say. */
export function reckon({ files, journal, appends, watched, failures }: Facts): Reckoning {
  const problems = [...failures];
  const unequal = files.filter(({ source, readBack, stored }) => {
    return readBack !== source || stored !== source;
  });
  for (const { path, readBack, stored } of unequal) {
    problems.push(
      `${path}: ${stored === undefined ? 'not stored' : readBack === undefined ? 'not read back' : 'another checksum'}`,
    );
  }

  const counts = countLines(journal, problems);
  const { acknowledged, unknown, notExecuted } = appends;
  const doubled = [...counts].filter(([, count]) => count > 1);
  for (const [id, count] of doubled) problems.push(`line ${id} is there ${count} times`);
  for (const id of acknowledged) {
    if (!counts.has(id)) problems.push(`line ${id} was acknowledged and is not there`);
  }
  for (const id of notExecuted) {
    if (counts.has(id)) problems.push(`line ${id} is there, but was said to be "not-executed"`);
  }
  for (const id of counts.keys()) {
    if (acknowledged.has(id) || unknown.has(id) || notExecuted.has(id)) continue;
    problems.push(`line ${id} is there, but was never sent`);
  }

  checkWatched(journal, watched, problems);
  const present = [...unknown].filter((id) => counts.has(id)).length;
  return {
    files: { total: files.length, equal: files.length - unequal.length },
    journal: {
      acknowledged: acknowledged.size,
      present: counts.size,
      doubled: doubled.length,
      notExecuted: notExecuted.size,
      unknown: { present, absent: unknown.size - present },
    },
    watched: watched.length,
    problems,
  };
}

/** What was watched must be what is there: no line is missing, doubled, or another one. */
function checkWatched(journal: string, watched: readonly string[], problems: string[]): void {
  const lines = journal.split('\n').slice(0, -1);
  if (watched.length !== lines.length) {
    problems.push(`the watch gave ${watched.length} lines, and there are ${lines.length}`);
  }
  const wrong = lines.findIndex((line, index) => {
    const checksum = watched[index];
    return checksum !== undefined && checksum !== sha256(Buffer.from(line));
  });
  if (wrong >= 0) problems.push(`the watch gave something else for line ${wrong + 1}`);
}

/** The exit code that a reckoning deserves. */
export function exitCodeOf({ problems }: Reckoning): 0 | 1 {
  return problems.length === 0 ? 0 : 1;
}

/** How often each id stands in the journal. */
function countLines(journal: string, problems: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  journal.split('\n').forEach((line, index, lines) => {
    if (line === '' && index === lines.length - 1) return;
    const id = idOf(line);
    if (id === undefined) problems.push(`the journal's line ${index + 1} is torn`);
    else counts.set(id, (counts.get(id) ?? 0) + 1);
  });
  return counts;
}

function idOf(line: string): string | undefined {
  try {
    const { id } = JSON.parse(line) as JournalLine;
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}
