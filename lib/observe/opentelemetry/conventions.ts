import type { Attributes, MetricOptions } from '@opentelemetry/api';
import type { Peer } from '../../media/medium.ts';

/**
 * Names of OpenTelemetry's semantic conventions for RPC, as of 1.40 (release candidate), and of our
 * own where they have none.
 */
export const names = {
  system: 'rpc.system.name',
  method: 'rpc.method',
  methodOriginal: 'rpc.method_original',
  statusCode: 'rpc.response.status_code',
  errorType: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  peerAddress: 'network.peer.address',
  peerPort: 'network.peer.port',
  transport: 'network.transport',
  clientDuration: 'rpc.client.call.duration',
  serverDuration: 'rpc.server.call.duration',
  outcome: 'holdfast.outcome',
  resendCount: 'holdfast.resend_count',
  attempt: 'holdfast.attempt',
} as const;

/** What `rpc.method` is for a verb that the server does not have: names from anywhere are many. */
export const otherMethod = '_OTHER';

/** The attributes of everything that is about a verb. */
export function aboutVerb(verb: string): Attributes {
  return { [names.system]: 'holdfast', [names.method]: verb };
}

/** Of the histograms of durations; the buckets are those that the conventions advise. */
export const durationOptions: MetricOptions = {
  unit: 's',
  description: 'Duration of calls',
  advice: {
    explicitBucketBoundaries: [
      0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    ],
  },
};

const transports: Readonly<Record<string, string>> = {
  tcp: 'tcp',
  tls: 'tcp',
  unix: 'unix',
  pipe: 'pipe',
  stdio: 'pipe',
};

/** Where a link goes to, by its label, e.g. `tcp://127.0.0.1:4155#2`; what cannot be told is left out. */
export function aboutServer(link: string): Attributes {
  const [, scheme, rest] = /^([a-z+]+):(?:\/\/)?(.*)#\d+$/.exec(link) ?? [];
  if (scheme === undefined || rest === undefined) return {};
  if (scheme === 'unix') return { [names.serverAddress]: rest, [names.transport]: 'unix' };
  const transport = transports[scheme];
  const { host, port } = hostAndPort(rest.split(/[/?]/)[0] as string);
  return {
    ...(host === '' ? {} : { [names.serverAddress]: host }),
    ...(port === undefined ? {} : { [names.serverPort]: port }),
    ...(transport === undefined ? {} : { [names.transport]: transport }),
  };
}

/** Where a call came from. */
export function aboutPeer({ medium, address }: Peer): Attributes {
  const transport = transports[medium];
  const { host, port } = medium === 'unix' ? { host: address } : hostAndPort(address);
  return {
    ...(host === '' ? {} : { [names.peerAddress]: host }),
    ...(port === undefined ? {} : { [names.peerPort]: port }),
    ...(transport === undefined ? {} : { [names.transport]: transport }),
  };
}

/** Of `user@host:port`, `[::1]:port` or less. */
function hostAndPort(authority: string): { host: string; port?: number } {
  const place = authority.slice(authority.lastIndexOf('@') + 1);
  const [, six, four, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(place) ?? [];
  const host = six ?? four ?? place;
  return port === undefined ? { host } : { host, port: Number(port) };
}
