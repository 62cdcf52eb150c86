import {
  type Attributes,
  type Context,
  type Histogram,
  type Meter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { codeOf, messageOf } from '../../errors.ts';
import type { Server } from '../../server/server.ts';
import type { ServerCallMessage } from '../channels.ts';
import { aboutPeer, aboutVerb, durationOptions, names } from './conventions.ts';
import { countRoutes } from './counters.ts';

/** The spans and metrics of one server. */
export class ServerTelemetry {
  readonly stop: () => void;
  readonly #tracer: Tracer;
  readonly #durations: Histogram;
  readonly #spans = new WeakMap<object, Span>();

  constructor(server: Pick<Server, 'routes'>, tracer: Tracer, meter: Meter) {
    this.#tracer = tracer;
    this.#durations = meter.createHistogram(names.serverDuration, durationOptions);
    this.stop = countRoutes(meter, 'holdfast.server', server);
  }

  /** Begins a span; gives the context in which the handler runs. */
  onStart(message: ServerCallMessage): Context {
    const { verb, call } = message;
    const attributes: Attributes = { ...aboutVerb(verb), ...aboutPeer(call.peer) };
    if (call.attempt > 1) attributes[names.resendCount] = call.attempt - 1;
    const options = { kind: SpanKind.SERVER, attributes };
    // What is active here is of whoever made the server: it is not the caller's.
    const span = this.#tracer.startSpan(verb, options, ROOT_CONTEXT);
    this.#spans.set(message, span);
    return trace.setSpan(ROOT_CONTEXT, span);
  }

  onEnd(message: ServerCallMessage): void {
    const { verb, result = 'reply', durationMs = 0, error } = message;
    const attributes = aboutVerb(verb);
    if (result !== 'reply') {
      attributes[names.errorType] = result === 'cancelled' ? result : codeOf(error) || '_OTHER';
    }
    this.#durations.record(durationMs / 1_000, attributes);
    const span = this.#spans.get(message);
    if (span === undefined) return;
    this.#spans.delete(message);
    span.setAttributes(attributes);
    if (result !== 'reply') {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    }
    span.end();
  }
}
