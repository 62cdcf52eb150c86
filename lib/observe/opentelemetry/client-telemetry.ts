import {
  type Attributes,
  type Histogram,
  type Meter,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api';
import type { Client } from '../../client/client.ts';
import { type AttemptRecord, codeOf, isHoldfastError, messageOf } from '../../errors.ts';
import type { ClientCallMessage } from '../channels.ts';
import { aboutServer, aboutVerb, durationOptions, names, otherMethod } from './conventions.ts';
import { countRoutes } from './counters.ts';

/** The spans and metrics of one client. */
export class ClientTelemetry {
  readonly stop: () => void;
  readonly #tracer: Tracer;
  readonly #durations: Histogram;
  readonly #spans = new WeakMap<object, Span>();

  constructor(client: Pick<Client, 'routes'>, tracer: Tracer, meter: Meter) {
    this.#tracer = tracer;
    this.#durations = meter.createHistogram(names.clientDuration, durationOptions);
    this.stop = countRoutes(meter, 'holdfast.client', client);
  }

  /** Within the caller's turn, so that the span has the caller's as its parent. */
  onStart(message: ClientCallMessage): void {
    const { verb } = message;
    const options = { kind: SpanKind.CLIENT, attributes: aboutVerb(verb) };
    this.#spans.set(message, this.#tracer.startSpan(verb, options));
  }

  onAttempt(call: ClientCallMessage, attempt: AttemptRecord): void {
    // What is always so is in the span itself.
    if (attempt.number === 1 && attempt.decision === 'deliver') return;
    const { number, link, phase, evidence, decision, why } = attempt;
    this.#spans.get(call)?.addEvent(names.attempt, {
      [`${names.attempt}.number`]: number,
      [`${names.attempt}.link`]: link,
      [`${names.attempt}.phase`]: phase,
      [`${names.attempt}.evidence`]: evidence,
      [`${names.attempt}.decision`]: decision,
      [`${names.attempt}.why`]: why,
    });
  }

  onEnd(message: ClientCallMessage): void {
    const { verb, attempts, durationMs = 0 } = message;
    const last = attempts.at(-1);
    const attributes: Attributes = {
      ...aboutVerb(verb),
      ...(last === undefined ? {} : aboutServer(last.link)),
      ...('error' in message ? aboutError(message.error) : {}),
    };
    this.#durations.record(durationMs / 1_000, attributes);
    const span = this.#spans.get(message);
    if (span === undefined) return;
    this.#spans.delete(message);
    span.setAttributes(attributes);
    if (attributes[names.method] === otherMethod) {
      span.updateName('holdfast').setAttribute(names.methodOriginal, verb);
    }
    if (last !== undefined && last.number > 1) {
      span.setAttribute(names.resendCount, last.number - 1);
    }
    if ('error' in message) {
      const { error } = message;
      if (isHoldfastError(error)) span.setAttribute(names.outcome, error.outcome);
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    }
    span.end();
  }
}

function aboutError(error: unknown): Attributes {
  const code = codeOf(error) || otherMethod;
  const remote = isHoldfastError(error) ? error.remote : undefined;
  return {
    [names.errorType]: code,
    ...(remote === undefined ? {} : { [names.statusCode]: remote.code }),
    ...(code === 'ERR_HOLDFAST_UNKNOWN_VERB' ? { [names.method]: otherMethod } : {}),
  };
}
