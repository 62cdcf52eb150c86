import { memory } from '../../lib/index.ts';
import { describeMedium } from './medium-contract.ts';

describeMedium('memory', async () => {
  const place = memory('contract');
  return {
    listener: place,
    mediumFor: () => place,
    listenerAt: () => place,
    refusedCodes: ['ECONNREFUSED'],
    resetCode: undefined,
    readsInto: false,
  };
});
