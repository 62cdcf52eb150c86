export { VirtualClock as FakeClock } from '../../lib/testing/index.ts';
