import { wheelOf } from '../../lib/retry/timer-wheel.ts';
import { systemClock } from '../../lib/util/clock.ts';

const kinds = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'PipeWrap',
  'ProcessWrap',
  'TCPConnectWrap',
]);

/** How long a test's sockets and timers may take to be gone. */
const patienceMs = 1_500;

function open(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => kinds.has(kind));
}

function leftBehind(before: number): string | undefined {
  const resources = open();
  if (resources.length > before) return `sockets, servers or processes: ${counted(resources)}`;
  const { size } = wheelOf(systemClock);
  return size > 0 ? `${size} deadlines or alarms on the wheel` : undefined;
}

/** `3 TCPSocketWrap, 1 PipeWrap` */
function counted(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}

let before = 0;

/** Every test must end everything that it began: no socket, server, process or deadline is left. */
export const mochaHooks: Mocha.RootHookObject = {
  beforeEach() {
    before = open().length;
  },
  async afterEach() {
    const until = performance.now() + patienceMs;
    while (leftBehind(before) !== undefined && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const found = leftBehind(before);
    if (found !== undefined) throw new Error(`The test left behind ${found}`);
  },
};
