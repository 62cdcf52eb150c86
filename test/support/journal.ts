import { readFileSync } from 'node:fs';
import { Executions } from './verbs.ts';

/** Where servers with transactions note what they have executed. */
export const entriesTable = 'entries';

/** What the servers of a scene have written down themselves, whichever of them ran what. */
export class Journal extends Executions {
  /** Those whose handler came to its end. */
  readonly ended: Executions = new Executions();

  /** Reads `+name` for each handler that began, and `-name` for each that ended. */
  static read(path: string): Journal {
    const journal = new Journal();
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      if (line.startsWith('+')) journal.note(line.slice(1));
      else if (line.startsWith('-')) journal.ended.note(line.slice(1));
    }
    return journal;
  }
}
