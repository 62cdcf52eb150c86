import { lmdbCompletions } from '../../lib/completions/lmdb.ts';
import { Ledger } from './ledger.ts';
import { requestFor } from './requests.ts';

/**
 * A process that transfers until it is killed: `ledger-main PATH OWNER [hold]`. It tells the key of
 * each transfer that is committed. With `hold` it stops in the first one, before the end, and says so.
 */
const [path = '', owner = '', hold] = process.argv.slice(2);
const ledger = new Ledger(await lmdbCompletions({ path }));

async function transfer(key: string): Promise<void> {
  const request = requestFor(key, { owner, keepMs: 3_600_000 });
  await ledger.transfer(request, async () => {
    if (hold === undefined) return;
    process.send?.('holding');
    await new Promise(() => {});
  });
  process.send?.(key);
}

process.on('disconnect', () => process.exit());
for (let count = 0; ; count++) {
  await Promise.all([transfer(`${owner} ${count} a`), transfer(`${owner} ${count} b`)]);
}
