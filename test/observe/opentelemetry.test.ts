import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  type DataPoint,
  type Histogram,
  MeterProvider,
  MetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { expect } from 'chai';
import { type Client, connect, refuse, type Server, serve } from '../../lib/index.ts';
import { aboutPeer, aboutServer, names } from '../../lib/observe/opentelemetry/conventions.ts';
import { instrument, instrumentServer } from '../../lib/observe/opentelemetry.ts';
import { failureOf } from '../support/failure.ts';
import { verbs } from '../support/verbs.ts';

/** Metrics are collected when a test asks for them. */
class Reader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}

  /** The data points of a metric: their attributes and values. */
  async pointsOf(name: string): Promise<DataPoint<unknown>[]> {
    const { resourceMetrics, errors } = await this.collect();
    expect(errors).to.deep.equal([]);
    const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
    const metric = all.find(({ descriptor }) => descriptor.name === name);
    return (metric?.dataPoints ?? []) as DataPoint<unknown>[];
  }
}

describe('holdfast/opentelemetry', () => {
  let exporter: InMemorySpanExporter;
  let tracerProvider: BasicTracerProvider;
  let reader: Reader;
  let meterProvider: MeterProvider;
  let server: Server;
  let client: Client<typeof verbs>;
  let isBusy: boolean;

  beforeEach(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    exporter = new InMemorySpanExporter();
    tracerProvider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    reader = new Reader();
    meterProvider = new MeterProvider({ readers: [reader] });
    isBusy = false;
    const run = async (name: string): Promise<string> => {
      if (isBusy) {
        isBusy = false;
        throw refuse({ retryAfterMs: 0, message: 'not now' });
      }
      await Promise.resolve();
      if (name === 'bad') throw Object.assign(new Error('not that'), { code: 'NOT_THAT' });
      tracerProvider.getTracer('test').startSpan(`work on ${name}`).end();
      return `done ${name}`;
    };
    const handlers = { read: run, idempotent: run, semi: run, once: run, mutate: run };
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    client = connect(server.urls[0] as string, verbs, { random: () => 0 });
    instrument(client, { tracerProvider, meterProvider });
    instrumentServer(server, { tracerProvider, meterProvider });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
    await Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()]);
    context.disable();
  });

  function spans(kind: SpanKind): ReadableSpan[] {
    return exporter.getFinishedSpans().filter((span) => span.kind === kind);
  }

  /** Resolves when so many spans of this kind have ended: the server's end may come after the reply. */
  async function ended(kind: SpanKind, count: number): Promise<ReadableSpan[]> {
    while (spans(kind).length < count) await new Promise(setImmediate);
    return spans(kind);
  }

  it('makes a span of a call, below the one that is active where it is made', async () => {
    const tracer = tracerProvider.getTracer('test');
    const parent = tracer.startSpan('parent');
    await context.with(trace.setSpan(context.active(), parent), () => client.call.read('x'));
    const [span, ...others] = spans(SpanKind.CLIENT);
    expect(others).to.deep.equal([]);
    expect(span?.name).to.equal('read');
    expect(span?.parentSpanContext?.spanId).to.equal(parent.spanContext().spanId);
    expect(span?.status.code).to.equal(SpanStatusCode.UNSET);
    expect(span?.attributes).to.deep.equal({
      'rpc.system.name': 'holdfast',
      'rpc.method': 'read',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(server.urls[0] as string).port),
      'network.transport': 'tcp',
    });
    expect(span?.events).to.deep.equal([]);
  });

  it('makes an event of each attempt of a call that was sent again', async () => {
    isBusy = true;
    await client.call.mutate('x');
    const [span] = spans(SpanKind.CLIENT);
    expect(span?.attributes['holdfast.resend_count']).to.equal(1);
    expect(
      span?.events.map(({ name, attributes }) => [name, attributes?.[`${name}.why`]]),
    ).to.deep.equal([
      ['holdfast.attempt', 'not now: the server did not execute it'],
      ['holdfast.attempt', 'the server replied'],
    ]);
  });

  it('says of a failed call what failed and what is known of it', async () => {
    await failureOf(client.call.mutate('bad'));
    const [span] = spans(SpanKind.CLIENT);
    expect(span?.status.code).to.equal(SpanStatusCode.ERROR);
    expect(span?.attributes).to.include({
      'error.type': 'ERR_HOLDFAST_REMOTE',
      'rpc.response.status_code': 'NOT_THAT',
      'holdfast.outcome': 'executed',
    });
    const [served] = await ended(SpanKind.SERVER, 1);
    expect(served?.status.code).to.equal(SpanStatusCode.ERROR);
    expect(served?.attributes['error.type']).to.equal('NOT_THAT');
  });

  it('gives names that the server does not have no place among the methods', async () => {
    await failureOf(client.invoke('nothing'));
    const [span] = spans(SpanKind.CLIENT);
    expect(span?.name).to.equal('holdfast');
    expect(span?.attributes).to.include({
      'rpc.method': '_OTHER',
      'rpc.method_original': 'nothing',
      'error.type': 'ERR_HOLDFAST_UNKNOWN_VERB',
    });
    const [point] = await reader.pointsOf('rpc.client.call.duration');
    expect(point?.attributes).to.include({ 'rpc.method': '_OTHER' });
  });

  it("makes a span of the server's side, active in the handler, in a trace of its own", async () => {
    await client.call.mutate('x');
    const [served] = await ended(SpanKind.SERVER, 1);
    const work = exporter.getFinishedSpans().find(({ name }) => name === 'work on x');
    expect(served?.name).to.equal('mutate');
    expect(served?.parentSpanContext).to.equal(undefined);
    expect(work?.parentSpanContext?.spanId).to.equal(served?.spanContext().spanId);
    expect(served?.attributes).to.include({
      'rpc.method': 'mutate',
      'network.peer.address': '127.0.0.1',
      'network.transport': 'tcp',
    });
  });

  it('records durations in seconds, and what routes count', async () => {
    isBusy = true;
    await client.call.read('x');
    await client.call.read('y');
    await ended(SpanKind.SERVER, 3);
    for (const side of ['client', 'server'] as const) {
      const points = await reader.pointsOf(`rpc.${side}.call.duration`);
      const good = points.find(({ attributes }) => attributes['error.type'] === undefined);
      const { count, sum = 0, buckets } = (good as DataPoint<unknown>).value as Histogram;
      expect([side, count]).to.deep.equal([side, 2]);
      expect(sum).to.be.within(0, 5);
      expect(buckets.boundaries).to.include(0.005);
      expect((await reader.pointsOf(`holdfast.${side}.refusals`))[0]?.value).to.equal(1);
      expect((await reader.pointsOf(`holdfast.${side}.attempts`))[0]?.value).to.equal(3);
    }
  });

  it('leaves other clients and servers alone', async () => {
    const other = connect(server.urls[0] as string, verbs);
    await other.call.read('x');
    expect(spans(SpanKind.CLIENT)).to.deep.equal([]);
    other.destroy();
    await other.closed;
  });

  it('ends when it is told to', async () => {
    const stop = instrument(client, { tracerProvider, meterProvider });
    const stopServer = instrumentServer(server, { tracerProvider, meterProvider });
    await client.call.read('x');
    expect(spans(SpanKind.CLIENT)).to.have.length(1);
    stop();
    stop();
    stopServer();
    await client.call.read('y');
    expect(spans(SpanKind.CLIENT)).to.have.length(1);
    expect(spans(SpanKind.SERVER)).to.have.length(1);
    expect(await reader.pointsOf('holdfast.client.attempts')).to.deep.equal([]);
  });

  it('says nothing to an API without an SDK, and refuses providers that are none', async () => {
    const stop = instrument(client);
    expect(await client.call.read('x')).to.equal('done x');
    stop();
    expect(() => instrument(client, { tracerProvider: {} as never })).to.throw(
      'Option "tracerProvider" must have the method getTracer()',
    );
  });

  it('uses the names of the semantic conventions', () => {
    expect(names).to.include({
      system: conventions.ATTR_RPC_SYSTEM_NAME,
      method: conventions.ATTR_RPC_METHOD,
      methodOriginal: conventions.ATTR_RPC_METHOD_ORIGINAL,
      statusCode: conventions.ATTR_RPC_RESPONSE_STATUS_CODE,
      errorType: conventions.ATTR_ERROR_TYPE,
      serverAddress: conventions.ATTR_SERVER_ADDRESS,
      serverPort: conventions.ATTR_SERVER_PORT,
      peerAddress: conventions.ATTR_NETWORK_PEER_ADDRESS,
      peerPort: conventions.ATTR_NETWORK_PEER_PORT,
      transport: conventions.ATTR_NETWORK_TRANSPORT,
      clientDuration: conventions.METRIC_RPC_CLIENT_CALL_DURATION,
      serverDuration: conventions.METRIC_RPC_SERVER_CALL_DURATION,
    });
  });

  it('knows where every medium leads', () => {
    const [address, port, transport] = [names.serverAddress, names.serverPort, names.transport];
    for (const [link, expected] of [
      ['tcp://[::1]:4155#2', { [address]: '::1', [port]: 4155, [transport]: 'tcp' }],
      ['tls://a.example:443#1', { [address]: 'a.example', [port]: 443, [transport]: 'tcp' }],
      ['unix:/run/a#b.sock#12', { [address]: '/run/a#b.sock', [transport]: 'unix' }],
      ['ssh://me@b.example:22/?command=x#1', { [address]: 'b.example', [port]: 22 }],
      ['memory#1', {}],
    ] as const) {
      expect(aboutServer(link), link).to.deep.equal(expected);
    }
    expect(aboutPeer({ medium: 'memory', address: '' })).to.deep.equal({});
    expect(aboutPeer({ medium: 'unix', address: '' })).to.deep.equal({ [transport]: 'unix' });
  });
});
