import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from 'holdfast';
import { documentOf } from './document.ts';
import { verbs } from './verbs.ts';

/** Where the exchanges are had. */
export interface Doors {
  readonly http: { readonly host: string; readonly port: number };
  readonly holdfast: { readonly host: string; readonly port: number };
}

/** Gives documents, by HTTP and by holdfast, and counts how often. */
export interface Servers {
  readonly doors: Doors;
  readonly executions: number;
  close(): Promise<void>;
}

export async function openServers(host: string): Promise<Servers> {
  let executions = 0;
  const execute = (number: number): string => {
    executions++;
    return documentOf(number);
  };
  const plain = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(execute(Number(request.url?.slice(1))));
  });
  await new Promise<void>((resolve) => plain.listen(0, host, resolve));
  const give = ({ number }: { readonly number: number }): string => execute(number);
  const held = await serve(verbs, { take: give, look: give }, { listen: `tcp://${host}:0` });
  const { port } = plain.address() as AddressInfo;
  return {
    doors: {
      http: { host, port },
      holdfast: { host, port: Number(new URL(held.urls[0] ?? '').port) },
    },
    get executions() {
      return executions;
    },
    async close() {
      plain.closeAllConnections();
      await Promise.all([new Promise((resolve) => plain.close(resolve)), held.close()]);
    },
  };
}
