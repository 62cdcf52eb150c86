import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Medium, unix } from '../../lib/index.ts';
import { openssh } from '../../lib/media/openssh.ts';
import { describeChannel } from './channel-contract.ts';
import { Bench } from './medium-contract.ts';
import { describeRound } from './round-contract.ts';

const fake = fileURLToPath(new URL('../support/fake-ssh.mjs', import.meta.url));

/** A listener behind a program that stands for ssh: it has no say in dialling, but in all the rest. */
describe("The medium's contract: openssh", () => {
  let bench: Bench;

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    const path = join(folder, 'socket');
    const medium: Medium = openssh({
      host: 'good',
      command: `join ${path}`,
      program: process.execPath,
      args: [fake],
    });
    bench = new Bench({
      listener: unix({ path }),
      mediumFor: () => medium,
      listenerAt: () => unix({ path }),
      refusedCodes: [],
      // What the program says when its connection is reset.
      resetCode: 'ERR_HOLDFAST_DIAL',
      readsInto: false,
      cleanup: () => rm(folder, { recursive: true }),
    });
  });

  afterEach(() => bench.close());

  describeChannel(() => bench);
  describeRound(() => bench.setup);
});
