import { defineVerbs, read } from 'holdfast';

/** Bytes of an item, and of what the raw socket is given at a time. */
export const itemBytes = 64 * 1024;

/** What the streaming benchmark calls. */
export const verbs = defineVerbs({
  /** Gives so many items. */
  download: read.serverStream<number, Uint8Array>(),
  /** Takes items, and gives how many bytes they were. */
  upload: read.clientStream<void, Uint8Array, number>(),
  /** The small call beside a transfer. */
  touch: read<number, number>(),
});

/** Which way the bytes go. */
export const ways = ['download', 'upload'] as const;

export type Way = (typeof ways)[number];

/** What carries the bytes. */
export const carriers = ['socket', 'holdfast'] as const;

export type Carrier = (typeof carriers)[number];

/** Where each carrier's server listens. */
export type Ports = Readonly<Record<Carrier, number>>;

/** What the driver asks of a client. */
export type ClientOrder =
  | { readonly do: 'open'; readonly ports: Ports }
  | {
      readonly do: 'transfer';
      readonly carrier: Carrier;
      readonly way: Way;
      readonly items: number;
    }
  | { readonly do: 'touch'; readonly beside: Way | undefined; readonly calls: number };

/** And of the servers. */
export interface ServerOrder {
  readonly do: 'serve' | 'memory' | 'cpu';
}

/** One transfer. */
export interface Transfer {
  readonly megabytesPerSecond: number;
  /** Processor time of both sides for an item, in microseconds. */
  readonly cpuUs: number;
  /** How much more memory the client had at most than before, in MB. */
  readonly memoryMb: number;
}
