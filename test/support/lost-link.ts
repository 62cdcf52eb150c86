import type { Client, StateEvent } from '../../lib/index.ts';

/** Resolves when a client's link is gone, with the reason. */
export function lostLink(client: Pick<Client, 'on' | 'off'>): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const listen = ({ previous, reason }: StateEvent): void => {
      if (previous !== 'ready') return;
      client.off('state', listen);
      resolve(reason);
    };
    client.on('state', listen);
  });
}
