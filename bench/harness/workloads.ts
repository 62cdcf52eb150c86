import type { CallKind } from '../contender.ts';

/** What the clients are asked to do in one slice of time. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly kind: CallKind;
  /** Calls in flight at any time. */
  readonly outstanding: number;
  /** The figure that contenders are compared by. */
  readonly comparedBy: 'latency' | 'rate' | 'bandwidth';
}

/** The calls that every contender of every comparison does. */
export const workloads: readonly Workload[] = [
  {
    name: 'sequential',
    title: 'sequential small calls',
    kind: 'small',
    outstanding: 1,
    comparedBy: 'latency',
  },
  {
    name: 'outstanding-64',
    title: 'small calls, 64 outstanding',
    kind: 'small',
    outstanding: 64,
    comparedBy: 'rate',
  },
  {
    name: 'outstanding-1000',
    title: 'small calls, 1,000 outstanding',
    kind: 'small',
    outstanding: 1000,
    comparedBy: 'rate',
  },
  {
    name: 'bytes-64k',
    title: '64 KiB replies, 16 outstanding',
    kind: 'bytes',
    outstanding: 16,
    comparedBy: 'bandwidth',
  },
];

/** Those, and larger values in both directions. */
export const allWorkloads: readonly Workload[] = [
  ...workloads,
  {
    name: 'both-64k',
    title: '64 KiB there and back, 16 outstanding',
    kind: 'both',
    outstanding: 16,
    comparedBy: 'bandwidth',
  },
  {
    name: 'objects-7k',
    title: 'objects of 7 kB, 16 outstanding',
    kind: 'object',
    outstanding: 16,
    comparedBy: 'rate',
  },
];
