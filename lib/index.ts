export type {
  CallArguments,
  CallMethod,
  CallMethods,
  HistoryMethods,
  SendingArguments,
  SendingOptions,
  StreamArguments,
  WithHistory,
} from './client/call-types.ts';
export type { AttemptFailure, FailureKind } from './client/classify.ts';
export type { CallsWithin, Client } from './client/client.ts';
export { connect, type Target } from './client/connect.ts';
export type {
  AttemptEvent,
  ClientEvents,
  ClientState,
  DrainingEvent,
  ReconnectingEvent,
  ReplayEvent,
  StateEvent,
} from './client/events.ts';
export type { ItemStream } from './client/item-stream.ts';
export {
  type CallOptions,
  type ClientOptions,
  clientDefaults,
  type ReadyOptions,
  type StreamOptions,
} from './client/options.ts';
export type { Reconcile, ReconcileContext, Reconciled, Reconcilers } from './client/reconcile.ts';
export type { RetryContext, RetryIf } from './client/retry-if.ts';
export { decodeCompletion, encodeCompletion } from './completions/codec.ts';
export { type MemoryCompletionsOptions, memoryCompletions } from './completions/memory.ts';
export type {
  BeginRequest,
  Begun,
  Completion,
  CompletionStore,
  Transacted,
  TransactionalStore,
} from './completions/store.ts';
export {
  type AttemptRecord,
  type ErrorCode,
  type Evidence,
  errorCodes,
  HoldfastError,
  isHoldfastError,
  type Outcome,
  type RemoteFailure,
} from './errors.ts';
export { type HandOverOptions, type HandOverReport, handOver } from './handover/hand-over.ts';
export { type InheritedListener, inherit } from './handover/inherit.ts';
export { serve } from './handover/serve.ts';
export type {
  Channel,
  ChannelUser,
  InheritedSocket,
  Listener,
  Listening,
  ListeningSocket,
  Medium,
  Peer,
  PeerIdentity,
  SocketFile,
} from './media/medium.ts';
export { memory } from './media/memory.ts';
export { type TcpOptions, tcp } from './media/tcp.ts';
export { type UnixOptions, unix } from './media/unix.ts';
export type { ServedResult } from './observe/channels.ts';
export type { Tally } from './observe/figures.ts';
export type {
  ClientAttemptMessage,
  ClientCallMessage,
  ClientLinkMessage,
  ServerCallMessage,
  ServerRefusalMessage,
} from './observe/messages.ts';
export type { Route } from './observe/routes.ts';
export type {
  CallWriter,
  ClientHello,
  ClientSink,
  ClientWire,
  EncodedCall,
  Protocol,
  Refusal,
  ServerHello,
  UnknownFate,
  Verdict,
} from './protocols/protocol.ts';
export { type RetryBudget, type RetryBudgetOptions, retryBudget } from './retry/budget.ts';
export { type RefuseOptions, refuse } from './server/answers.ts';
export type { CallContext } from './server/call-context.ts';
export type { GivenItems, HandlerOf, Handlers, StreamContext } from './server/handlers.ts';
export { type ServerOptions, serverDefaults } from './server/options.ts';
export type { Authenticate, Principal } from './server/principal.ts';
export type { DrainOptions, DrainReport, Server, ServerEvents } from './server/server.ts';
export type { CutCall } from './server/server-core.ts';
export { type DrainOnSignalsOptions, drainOnSignals } from './server/signals.ts';
export { type TransactionContext, transactional } from './server/transactional.ts';
export { transient } from './server/transient.ts';
export type { ItemIterable, ItemSource } from './streams/item-source.ts';
export type { Clock, Timer } from './util/clock.ts';
export {
  defineVerbs,
  idempotent,
  mutate,
  once,
  read,
  semi,
  type UnarySettings,
  type UseOptions,
  type VerbMaker,
  type VerbMakers,
  type VerbOptions,
} from './verbs/define.ts';
export type { HedgeOptions } from './verbs/hedge.ts';
export { type PublishedKind, type VerbKind, verbKinds } from './verbs/kinds.ts';
export { type ReplaySetting, replaySettings, type Safety, safeties } from './verbs/safety.ts';
export type { StandardSchema } from './verbs/schema.ts';
export type { VerbSettings } from './verbs/settings.ts';
export type {
  ClientStreamMaker,
  DuplexMaker,
  ResumeOptions,
  ServerStreamMaker,
  StreamMakers,
  StreamSchemas,
  StreamSettings,
} from './verbs/streams.ts';
export type { PublishedTable, VerbRow } from './verbs/table.ts';
export type {
  HandlerInputOf,
  HandlerItemOf,
  HandlerOutputOf,
  HandlerSentOf,
  InputOf,
  ItemOf,
  OutputOf,
  SentOf,
} from './verbs/types.ts';
export type {
  Accept,
  AnyVerb,
  ClientStreamVerb,
  DuplexVerb,
  ResumeFrom,
  ServerStreamVerb,
  Verb,
  VerbFacts,
  Verbs,
} from './verbs/verb.ts';
