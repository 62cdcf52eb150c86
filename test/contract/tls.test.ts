import { tls } from '../../lib/media/tls.ts';
import { Authority } from '../support/certificates.ts';
import { describeMedium } from './medium-contract.ts';

describeMedium('tls', async () => {
  const authority = new Authority();
  const server = authority.issue({ addresses: ['127.0.0.1'] });
  const client = authority.issue({ commonName: 'client' });
  const at = (url: string): { host: string; port: number; ca: string } => {
    const { hostname, port } = new URL(url);
    return { host: hostname, port: Number(port), ca: authority.cert };
  };
  return {
    listener: tls({ ...at('tls://127.0.0.1:0'), ...server }),
    mediumFor: (url) => tls({ ...at(url), ...client }),
    listenerAt: (url) => tls({ ...at(url), ...server }),
    refusedCodes: ['ECONNREFUSED'],
    // A paused TLS socket may have read what its user never sees: then there is nothing to reset.
    resetCode: ['ECONNRESET', undefined],
    readsInto: false,
  };
});
