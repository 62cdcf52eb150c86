import { subscribe } from 'node:diagnostics_channel';
import type { Client, Evidence } from 'holdfast';
import type { Recovery } from './recovery.ts';
import type { fileStore } from './verbs.ts';

/** Counts what a client tells of itself. */
export class Figures {
  reconnects = 0;
  replays = 0;
  readonly #byEvidence = new Map<Evidence, number>();

  constructor(client: Client<typeof fileStore>, recovery: Recovery) {
    let links = 0;
    // The client's state does not change when it goes from one link to the next.
    subscribe('holdfast:client:link:up', () => {
      links++;
      this.reconnects = links - 1;
      recovery.onLinkUp();
    });
    client.on('replay', ({ evidence }) => {
      this.replays++;
      this.#byEvidence.set(evidence, (this.#byEvidence.get(evidence) ?? 0) + 1);
    });
  }

  /** Which evidence the replays stood on. */
  get evidence(): string {
    const counts = [...this.#byEvidence].map(([evidence, count]) => `${count} ${evidence}`);
    return counts.join(', ') || 'none';
  }
}
