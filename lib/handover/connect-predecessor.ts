import { connect } from '../client/connect.ts';
import type { ClientOptions } from '../client/options.ts';
import type { PassedRecord } from '../completions/memory.ts';
import { HoldfastError } from '../errors.ts';
import type { Channel, Medium } from '../media/medium.ts';
import type { Predecessor } from '../server/predecessor.ts';
import { handOverFormat, handOverFrameBytes, handOverVerbs } from './verbs.ts';

/**
 * The successor's side of a hand-over.
 *
 * @param takeChannel gives the connection with the predecessor, once
 * @param onReady the predecessor lets go
 * @param nature where time and chance come from
 */
export function connectPredecessor(
  takeChannel: () => Channel | Promise<Channel> | undefined,
  onReady: () => void,
  nature: Pick<ClientOptions, 'clock' | 'random'> = {},
): Predecessor {
  const medium: Medium = {
    address: 'hand-over:',
    dial: async () => {
      const channel = await takeChannel();
      if (channel !== undefined) return channel;
      throw new HoldfastError('ERR_HOLDFAST_DIAL', 'The predecessor has ended', { final: true });
    },
  };
  const client = connect(medium, handOverVerbs, {
    maxFrameBytes: handOverFrameBytes,
    // The answer of each call that runs there is waited for.
    maxCalls: 1_000_000,
    // It may be busy with ending, but not for so long.
    heartbeatTimeoutMs: 30_000,
    replay: 'never',
    ...nature,
  });
  const { call } = client;
  return {
    ready: async () => {
      const farewell = await call.ready(handOverFormat);
      onReady();
      return farewell;
    },
    claim: async (session) => (await call.claim(session)) ?? undefined,
    answer: async (session, number) => (await call.answer({ session, number })) ?? undefined,
    cancel: (session, number) => {
      call.cancel({ session, number }).catch(() => {});
    },
    rest: () => call.rest(),
    records: {
      begin: (request) => call.begin(request),
      finish: (request, completion) => call.finish({ request, completion }),
      abandon: (request) => call.abandon(request),
      takeAll: async () => {
        const batches: (readonly PassedRecord[])[] = [];
        do batches.push(await call.takeRecords());
        while (batches.at(-1)?.length !== 0);
        return batches.flat();
      },
    },
    close: () => client.destroy(),
  };
}
