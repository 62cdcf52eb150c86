import { layOut } from '../harness/report.ts';
import type { Carrier, Transfer, Way } from './verbs.ts';

/** At least this share of what a socket carries. */
const target = 0.8;

/** The transfers of one direction, round by round. */
export interface WayRounds {
  readonly way: Way;
  readonly rounds: readonly Readonly<Record<Carrier, Transfer>>[];
  /** Of holdfast's last transfer, in MB. */
  readonly serverMemoryMb: number;
}

/** One direction in figures. */
export interface WayFigures {
  readonly way: Way;
  readonly socketMbPerSecond: number;
  readonly holdfastMbPerSecond: number;
  /** The median of the shares of all rounds. */
  readonly share: number;
  /** Processor time of both sides for an item, in microseconds. */
  readonly socketCpuUs: number;
  readonly holdfastCpuUs: number;
  /** The socket's by holdfast's: the share where processors are what bounds both. */
  readonly cpuShare: number;
  /** How much more memory the client had at most than before. */
  readonly memoryMb: number;
  /** How much the server had at most. */
  readonly serverMemoryMb: number;
}

export function wayFigures({ way, rounds, serverMemoryMb }: WayRounds): WayFigures {
  const speed = (carrier: Carrier): number =>
    median(rounds.map((round) => round[carrier].megabytesPerSecond));
  return {
    way,
    socketMbPerSecond: speed('socket'),
    holdfastMbPerSecond: speed('holdfast'),
    share: median(
      rounds.map(({ socket, holdfast }) => holdfast.megabytesPerSecond / socket.megabytesPerSecond),
    ),
    socketCpuUs: median(rounds.map(({ socket }) => socket.cpuUs)),
    holdfastCpuUs: median(rounds.map(({ holdfast }) => holdfast.cpuUs)),
    cpuShare: median(rounds.map(({ socket, holdfast }) => socket.cpuUs / holdfast.cpuUs)),
    memoryMb: Math.max(...rounds.map(({ holdfast }) => holdfast.memoryMb)),
    serverMemoryMb,
  };
}

export function speedTable(all: readonly WayFigures[]): string {
  const head = [
    '64 KiB items',
    'socket MB/s',
    'holdfast MB/s',
    'share',
    `${target} or more`,
    'CPU us/item',
    'CPU share',
    'client memory +MB',
    'server memory MB',
  ];
  const rows = all.map((own) => [
    own.way,
    own.socketMbPerSecond.toFixed(0),
    own.holdfastMbPerSecond.toFixed(0),
    own.share.toFixed(2),
    own.share >= target ? 'met' : 'missed',
    `${own.socketCpuUs.toFixed(1)} : ${own.holdfastCpuUs.toFixed(1)}`,
    own.cpuShare.toFixed(2),
    own.memoryMb.toFixed(1),
    own.serverMemoryMb.toFixed(0),
  ]);
  return layOut([head, ...rows]);
}

/** Latencies of small calls in microseconds, by what went on beside them. */
export type Latencies = Readonly<Record<'alone' | Way, readonly number[]>>;

export function latencyTable(latencies: Latencies): string {
  const rows = Object.entries(latencies).map(([beside, took]) => [
    beside === 'alone' ? 'alone' : `beside a ${beside}`,
    ...[0.5, 0.95, 0.99].map((share) => quantile(took, share).toFixed(0)),
  ]);
  return layOut([['small call', 'p50 us', 'p95 us', 'p99 us'], ...rows]);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
}
