import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Medium, unix } from '../../lib/index.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { describeChannel } from './channel-contract.ts';
import { Bench } from './medium-contract.ts';
import { describeRound } from './round-contract.ts';
import { describeStreams } from './stream-contract.ts';

/** A medium whose channels are programs that join their stdin and stdout to a listener. */
export interface PipedSetup {
  /** Compiled once for all tests, where there is one; see {@link compile}. */
  readonly source?: string;
  /** @param path the listener's socket @param program the compiled source */
  mediumTo(path: string, program: string): Medium;
}

/**
 * The contract of such a medium. The program is there before anyone listens, so that the contract of
 * dialling is another: see the media's own tests.
 */
export function describePiped(name: string, { source, mediumTo }: PipedSetup): void {
  describe(`The medium's contract: ${name}`, () => {
    let compiled: Compiled | undefined;
    let bench: Bench;

    before(async function () {
      this.timeout(30_000);
      if (source !== undefined) compiled = await compile(source);
    });

    after(() => compiled?.remove());

    beforeEach(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
      const path = join(folder, 'socket');
      const medium = mediumTo(path, compiled?.path ?? '');
      bench = new Bench({
        listener: unix({ path }),
        mediumFor: () => medium,
        listenerAt: () => unix({ path }),
        refusedCodes: [],
        // The program exits with a code when its socket is reset, and had said nothing before.
        resetCode: 'ERR_HOLDFAST_DIAL',
        readsInto: false,
        cleanup: () => rm(folder, { recursive: true }),
      });
    });

    afterEach(() => bench.close());

    describeChannel(() => bench);
    describeRound(() => bench.setup);
    describeStreams(() => bench.setup);
  });
}
