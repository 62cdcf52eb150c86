import { connect } from '../../lib/index.ts';
import type { ClientOrder, ClientReport } from './remote-client.ts';
import { verbs } from './verbs.ts';

/** A client in a process of its own, which calls what it is told: `remote-client-main.ts URL OPTIONS`. */
const [url, settings] = process.argv.slice(2) as [string, string];
const client = connect(url, verbs, JSON.parse(settings));

process.on('message', ({ id, safety, name, options = {} }: ClientOrder) => {
  const start = performance.now();
  const say = (report: Omit<ClientReport, 'id' | 'ms'>): void => {
    process.send?.({ id, ms: performance.now() - start, ...report } satisfies ClientReport);
  };
  client.call[safety](name, options).then(
    (value) => say({ value }),
    ({ code, outcome, message }) => say({ failure: { code, outcome, message } }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
