import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  context,
  type MeterProvider,
  metrics,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { Client } from '../client/client.ts';
import type { Server } from '../server/server.ts';
import { type Checks, resolveOptions, withMethods } from '../util/check.ts';
import type { Verbs } from '../verbs/verb.ts';
import {
  type ClientAttemptMessage,
  type ClientCallMessage,
  channels,
  type ServerCallMessage,
} from './channels.ts';
import { ClientTelemetry } from './opentelemetry/client-telemetry.ts';
import { ServerTelemetry } from './opentelemetry/server-telemetry.ts';

/** Where spans and metrics go. */
export interface InstrumentOptions {
  /** Default: the provider that is registered with the API. */
  readonly tracerProvider?: TracerProvider;
  /** Default: the provider that is registered with the API. */
  readonly meterProvider?: MeterProvider;
}

const checks: Checks<InstrumentOptions> = {
  tracerProvider: withMethods('getTracer'),
  meterProvider: withMethods('getMeter'),
};

const clients = new Map<unknown, ClientTelemetry>();
const servers = new Map<unknown, ServerTelemetry>();

/**
 * Makes spans and metrics of a client's calls, by the semantic conventions for RPC: one span of kind
 * CLIENT for each call, below the span that is active where the call is made, with an event for each
 * attempt that did not simply succeed. The protocol does not carry contexts yet: the server's spans
 * are in traces of their own.
 *
 * @returns what ends it; it also ends with the client
 */
export function instrument<V extends Verbs>(
  client: Client<V>,
  options?: InstrumentOptions,
): () => void {
  const { tracer, meter } = providersOf(options);
  const telemetry = new ClientTelemetry(client, tracer, meter);
  const stop = enter(clients, client, telemetry, listenToClients);
  void client.closed.then(stop);
  return stop;
}

/**
 * Makes spans and metrics of a server's calls, by the semantic conventions for RPC: one span of kind
 * SERVER for each call whose handler runs, which is active in the handler.
 *
 * @returns what ends it; it also ends with the server
 */
export function instrumentServer(server: Server, options?: InstrumentOptions): () => void {
  const { tracer, meter } = providersOf(options);
  const telemetry = new ServerTelemetry(server, tracer, meter);
  const stop = enter(servers, server, telemetry, listenToServers);
  void server.closed.then(stop);
  return stop;
}

function providersOf(given: InstrumentOptions | undefined) {
  const { tracerProvider = trace, meterProvider = metrics } = resolveOptions(
    'option of instrument',
    given,
    {},
    checks,
  );
  return {
    tracer: tracerProvider.getTracer('holdfast'),
    meter: meterProvider.getMeter('holdfast'),
  };
}

/** The channels are the process's: there is one subscriber, however many clients are followed. */
function enter<Telemetry extends { readonly stop: () => void }>(
  entered: Map<unknown, Telemetry>,
  key: object,
  telemetry: Telemetry,
  listen: (isOn: boolean) => void,
): () => void {
  entered.get(key)?.stop();
  if (entered.size === 0) listen(true);
  entered.set(key, telemetry);
  return () => {
    if (entered.get(key) !== telemetry) return;
    telemetry.stop();
    entered.delete(key);
    if (entered.size === 0) listen(false);
  };
}

const onClientStart = (message: unknown): void => {
  const call = message as ClientCallMessage;
  clients.get(call.client)?.onStart(call);
};

const onClientAttempt = (message: unknown): void => {
  const { client, call, attempt } = message as ClientAttemptMessage;
  clients.get(client)?.onAttempt(call, attempt);
};

const onClientEnd = (message: unknown): void => {
  const call = message as ClientCallMessage;
  clients.get(call.client)?.onEnd(call);
};

function listenToClients(isOn: boolean): void {
  const what = isOn ? 'subscribe' : 'unsubscribe';
  channels.clientCallStart[what](onClientStart);
  channels.clientAttempt[what](onClientAttempt);
  channels.clientCallEnd[what](onClientEnd);
}

/** Lets a channel run what it runs within a context of OpenTelemetry, whoever manages those. */
class ContextStore extends AsyncLocalStorage<Context> {
  override run<Output>(store: Context, callback: () => Output): Output;
  override run<Output, Given extends unknown[]>(
    store: Context,
    callback: (...given: Given) => Output,
    ...given: Given
  ): Output {
    return context.with(store, callback, undefined, ...given);
  }
}

const handlersContext = new ContextStore();

const contextOf = (message: unknown): Context => {
  const call = message as ServerCallMessage;
  return servers.get(call.server)?.onStart(call) ?? context.active();
};

const onServerEnd = (message: unknown): void => {
  const call = message as ServerCallMessage;
  servers.get(call.server)?.onEnd(call);
};

function listenToServers(isOn: boolean): void {
  const { serverCallStart, serverCallEnd } = channels;
  if (isOn) {
    serverCallStart.bindStore(handlersContext, contextOf);
    serverCallEnd.subscribe(onServerEnd);
  } else {
    serverCallStart.unbindStore(handlersContext);
    serverCallEnd.unsubscribe(onServerEnd);
  }
}
