import { seededRandom } from 'holdfast/testing';
import { between, shuffled } from './random.ts';

/** What happens to the path, or to the server, once. */
export type Fault =
  /** Nobody speaks for a while, and a middlebox ends the connection; then work goes on. */
  | { readonly kind: 'idle FIN'; readonly idleMs: number }
  | { readonly kind: 'RST' }
  /** The path goes silent. What was on its way is lost, or arrives when nobody waits any more. */
  | { readonly kind: 'silent stall'; readonly isDeliveredLate: boolean }
  /** A call of many megabytes, and the connection is cut after so many bytes of it. */
  | {
      readonly kind: 'cut in a large write';
      readonly verb: 'put' | 'append';
      readonly afterBytes: number;
    }
  /** The server is killed and stays away for so long. */
  | { readonly kind: 'SIGKILL'; readonly downMs: number }
  /** A successor starts, and the server drains. */
  | { readonly kind: 'drained restart' };

/** A fault and its place in the run. */
export interface PlannedFault {
  /** It happens when this share of the files is done. */
  readonly atShare: number;
  readonly fault: Fault;
}

/** How large a large write is. */
export const largeBytes: number = 8 * 1024 * 1024;

/** Faults happen in this part of the run, so that there is work before and after each. */
const firstShare = 0.03;
const lastShare = 0.93;

/** All faults of a run; the same seed gives the same plan. */
export function planFaults(seed: number): PlannedFault[] {
  const random = seededRandom(seed);
  const cut = (verb: 'put' | 'append'): Fault => ({
    kind: 'cut in a large write',
    verb,
    afterBytes: between(random, largeBytes / 16, largeBytes / 2),
  });
  const faults: Fault[] = [
    { kind: 'idle FIN', idleMs: between(random, 300, 700) },
    { kind: 'idle FIN', idleMs: between(random, 300, 700) },
    { kind: 'idle FIN', idleMs: between(random, 300, 700) },
    { kind: 'RST' },
    { kind: 'RST' },
    { kind: 'RST' },
    { kind: 'silent stall', isDeliveredLate: false },
    { kind: 'silent stall', isDeliveredLate: true },
    cut('put'),
    cut('append'),
    cut(random() < 0.5 ? 'put' : 'append'),
    { kind: 'SIGKILL', downMs: between(random, 100, 500) },
    { kind: 'SIGKILL', downMs: between(random, 100, 500) },
    { kind: 'SIGKILL', downMs: between(random, 100, 500) },
    { kind: 'drained restart' },
    { kind: 'drained restart' },
  ];
  const step = (lastShare - firstShare) / faults.length;
  return shuffled(random, faults).map((fault, place) => ({
    atShare: firstShare + (place + random()) * step,
    fault,
  }));
}
