import type { Contender } from '../../bench/contender.ts';
import { contender as floor } from '../../bench/contenders/floor.ts';

const timesTheWork = 50;

/** What a contender becomes that has lost nearly all of its speed, on a busy machine too. */
export const contender: Contender = {
  ...floor,
  async connect(address, place) {
    const client = await floor.connect(address, place);
    return {
      async call(kind) {
        for (let more = 1; more < timesTheWork; more++) await client.call(kind);
        return client.call(kind);
      },
      close: () => client.close(),
    };
  },
};
