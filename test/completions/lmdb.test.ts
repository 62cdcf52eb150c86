import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lmdbCompletions } from '../../lib/completions/lmdb.ts';
import { type CrashBench, crashContract } from './crash-contract.ts';
import { completionStoreContract } from './store-contract.ts';

async function lmdbBench(): Promise<CrashBench> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-lmdb-'));
  let aheadMs = 0;
  return {
    place: { kind: 'lmdb', path: join(folder, 'here') },
    open: async ({ place = 'here', ...options } = {}) => {
      const path = join(folder, place);
      const now = (): number => Date.now() + aheadMs;
      const store = await lmdbCompletions({ path, now, ...options });
      return { store, close: () => store.close() };
    },
    pass: async (ms) => {
      aheadMs += ms;
    },
    end: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

completionStoreContract('LMDB', lmdbBench, true);
crashContract('LMDB', lmdbBench);
