import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Medium, unix } from '../../lib/index.ts';
import { pipe } from '../../lib/media/pipe.ts';
import { describeChannel } from './channel-contract.ts';
import { Bench } from './medium-contract.ts';
import { describeRound } from './round-contract.ts';

const program = fileURLToPath(new URL('../support/join-socket.mjs', import.meta.url));

/**
 * Each channel is a program of its own that joins its stdin and stdout to a listener. The program is
 * there before anyone listens, so that the contract of dialling is another: see the medium's tests.
 */
describe("The medium's contract: pipe", () => {
  let bench: Bench;

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    const path = join(folder, 'socket');
    const medium: Medium = pipe({ command: process.execPath, args: [program, path] });
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
});
