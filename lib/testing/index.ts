export { type CheckVerbsOptions, checkVerbs, checkVerbsDefaults } from './check-verbs.ts';
export type { CheckedApplication, Step } from './checker/application.ts';
export type { VerbFinding, VerbNote, VerbReport } from './checker/report.ts';
export type { Inputs } from './checker/trials.ts';
export type { FaultyConnection } from './fault-channel.ts';
export { FaultMedium, type FaultMediumOptions, faultMediumDefaults } from './fault-medium.ts';
export type { Course, Cut, Dial, Direction, Faults, Plan } from './faults.ts';
export {
  type RandomFaultsOptions,
  randomFaults,
  randomFaultsDefaults,
} from './random-faults.ts';
export { seededRandom } from './seeded-random.ts';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.ts';
