import type { Protocol } from '../protocol.ts';
import { BzrClientWire } from './client-wire.ts';
import { BzrCallWriter } from './request.ts';

export type { BzrArgument, BzrValue } from './bencode.ts';
export { type BzrVerb, registered } from './registered.ts';
export { type BzrErrorData, BzrReply, type BzrRequest } from './values.ts';
export { type BzrVerbs, bzrVerbs, safetyOf } from './verbs.ts';

/**
 * Version 3 of the protocol of Bazaar's smart server, which is Breezy's too, for clients:
 *
 * ```ts
 * import { connect } from 'holdfast';
 * import { bzr, bzrVerbs } from 'holdfast/bzr';
 *
 * const client = connect('tcp://127.0.0.1:4155', bzrVerbs, { protocol: bzr() });
 * const reply = await client.call['Branch.last_revision_info']({ args: ['trunk/'] });
 * reply.text(1); // '42', the revision's number
 * ```
 *
 * A verb is called with `{ args, body }` and resolves to a {@link BzrReply}. An error of the server
 * is an `ERR_HOLDFAST_REMOTE` whose `remote.code` is Bazaar's name for it, e.g. `NoSuchFile`, and
 * whose `remote.data` is {@link BzrErrorData}; of a verb that the server does not have it is
 * `ERR_HOLDFAST_UNKNOWN_VERB`, and the outcome `not-executed`. Verbs that are not in the registry go
 * by `client.invoke(name, { args, body })`, as `mutate`.
 *
 * One request is on a link at a time, and the others wait. Servers keep no sessions: whether a call
 * whose answer was lost is sent again depends on what left this process and on the verb's class. A
 * call that is cancelled, or that takes longer than its deadline, ends its link. While a call waits
 * nothing can be asked of the server, so that only `attemptTimeoutMs` and the deadline, or the
 * medium's own keep-alive, notice a path that has gone silent; behind a silence of `heartbeatMs` each
 * call is preceded by a `hello`. So is, behind any (`verifyAfterMs` is 0), each call that must not be
 * repeated: for a second after SIGHUP a server throws requests away unread, which looks as if they
 * had been executed. With `maxLinks` calls that would have to wait go to further links, in no certain
 * order.
 *
 * A `semi` verb that is sent again may fail because its first copy succeeded: `Branch.lock_write`
 * meets the lock that it took itself, whose token was lost. Who would rather hear that nothing is
 * known sets `replay: 'idempotent'`; who can find out gives a `reconcile`.
 */
export function bzr(): Protocol {
  let links = 0;
  return {
    name: 'bzr/3',
    maxInFlight: 1,
    hasSessions: false,
    answersPings: 'when-idle',
    callWriter: () => new BzrCallWriter(),
    clientWire: (sink, hello) => new BzrClientWire(sink, hello, `bzr/3 link ${++links}`),
  };
}
