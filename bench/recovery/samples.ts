import type { Place } from '../place.ts';

/** The media of this benchmark: those whose servers outlive a connection. */
export type RecoveryPlace = Extract<Place, { medium: 'tcp' | 'unix' | 'tls' }>;

/** One recovery, in microseconds from the cut at the server. */
export interface Sample {
  /** The client knows that the connection is gone. */
  readonly seenUs: number;
  /** There is a new one that calls can be sent on. */
  readonly openUs: number;
  /** The pending call has its reply. */
  readonly replyUs: number;
}

/** What is recovered, by whom. */
export const subjects = ['floor', 'read', 'mutate'] as const;

export type Subject = (typeof subjects)[number];

/** The recoveries of one path, and what a round trip takes there; the same round has the same index. */
export type Samples = Record<Subject, Sample[]> & { readonly roundTripUs: number[] };

/** Where the two servers of a path are: ports of 127.0.0.1, or paths. */
export interface Addresses {
  readonly floor: string;
  readonly holdfast: string;
}

export type ServerOrder =
  | { readonly do: 'serve'; readonly place: RecoveryPlace; readonly delayMs: number }
  | { readonly do: 'close' };

export type ClientOrder =
  | {
      readonly do: 'open';
      readonly path: string;
      readonly place: RecoveryPlace;
      readonly addresses: Addresses;
    }
  | { readonly do: 'recover'; readonly path: string; readonly rounds: number }
  | { readonly do: 'close' };
