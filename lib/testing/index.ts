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
