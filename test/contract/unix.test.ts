import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unix } from '../../lib/index.ts';
import { listenerOf, mediumOf } from '../../lib/media/url.ts';
import { describeMedium } from './medium-contract.ts';

describeMedium('unix', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
  return {
    listener: unix({ path: join(folder, 'socket') }),
    mediumFor: mediumOf,
    listenerAt: listenerOf,
    refusedCodes: ['ENOENT', 'ECONNREFUSED'],
    resetCode: 'ECONNRESET',
    readsInto: true,
    cleanup: () => rm(folder, { recursive: true }),
  };
});
