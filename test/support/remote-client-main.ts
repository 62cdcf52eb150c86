import { type Client, connect } from '../../lib/index.ts';
import type { ClientOrder, FromClients } from './remote-client.ts';
import { verbs } from './verbs.ts';

/** Clients in a process of their own, which call what they are told: `remote-client-main OPTIONS`. */
const options = JSON.parse(process.argv[2] ?? '{}');
const clients = new Map<number, Client<typeof verbs>>();

function say(message: FromClients): void {
  process.send?.(message);
}

function open(number: number, url: string): void {
  const client = connect(url, verbs, options);
  clients.set(number, client);
  client.on('state', ({ previous, reason }) => {
    if (previous === 'ready') say({ kind: 'lost', client: number, reason: String(reason) });
  });
}

process.on('message', (order: ClientOrder) => {
  const client = clients.get(order.client);
  if (order.kind === 'connect') {
    open(order.client, order.url);
  } else if (order.kind === 'end') {
    client?.destroy();
  } else {
    const { id, safety, name } = order;
    const start = performance.now();
    client?.call[safety](name, order.options).then(
      (value) => say({ kind: 'report', id, ms: performance.now() - start, value }),
      ({ code, outcome, message }) => {
        const failure = { code, outcome, message };
        say({ kind: 'report', id, ms: performance.now() - start, failure });
      },
    );
  }
});
process.on('disconnect', () => process.exit());
say({ kind: 'ready' });
