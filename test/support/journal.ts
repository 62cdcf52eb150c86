import { readFileSync } from 'node:fs';
import { lmdbCompletions } from '../../lib/completions/lmdb.ts';
import { entriesTable } from './scene-server.ts';
import { Executions } from './verbs.ts';

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

  /** Adds what the servers have done in transactions. */
  async addCommitted(path: string): Promise<void> {
    const store = await lmdbCompletions({ path });
    try {
      const entries = store.environment.openDB<number, string>({ name: entriesTable });
      for (const { key, value } of entries.getRange()) {
        for (let time = 0; time < value; time++) {
          this.note(key);
          this.ended.note(key);
        }
      }
    } finally {
      await store.close();
    }
  }
}
