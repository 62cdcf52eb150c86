import type { Contender } from '../../bench/contender.ts';
import { contender as floor } from '../../bench/contenders/floor.ts';

/** What a contender becomes that has lost much of its speed. */
export const contender: Contender = {
  ...floor,
  async connect(address, place) {
    const client = await floor.connect(address, place);
    const delayed = async (kind: Parameters<typeof client.call>[0]): Promise<unknown> => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return client.call(kind);
    };
    return { call: delayed, close: () => client.close() };
  },
};
