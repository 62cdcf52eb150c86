import { tcp } from '../../lib/index.ts';
import { listenerOf, mediumOf } from '../../lib/media/url.ts';
import { describeMedium } from './medium-contract.ts';

describeMedium('tcp', async () => ({
  listener: tcp({ port: 0 }),
  mediumFor: mediumOf,
  listenerAt: listenerOf,
  refusedCodes: ['ECONNREFUSED'],
  resetCode: 'ECONNRESET',
  readsInto: true,
}));
