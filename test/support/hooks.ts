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
const patienceMs = 5_000;

function open(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => kinds.has(kind));
}

function leftBehind(): string | undefined {
  const resources = open();
  if (resources.length > before.resources) {
    return `sockets, servers or processes: ${counted(resources)}`;
  }
  const { size } = wheelOf(systemClock);
  return size > before.onWheel ? `${size} deadlines or alarms on the wheel` : undefined;
}

/** `3 TCPSocketWrap, 1 PipeWrap` */
function counted(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}

let before = { resources: 0, onWheel: 0 };

/** Every test must end everything that it began: no socket, server, process or deadline is left. */
export const mochaHooks: Mocha.RootHookObject = {
  beforeEach() {
    before = { resources: open().length, onWheel: wheelOf(systemClock).size };
  },
  async afterEach(this: Mocha.Context) {
    const until = performance.now() + patienceMs;
    while (leftBehind() !== undefined && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const found = leftBehind();
    // What fails here ends the whole run; of a test that has failed it is known already.
    if (found === undefined || this.currentTest?.isFailed() === true) return;
    throw new Error(`The test left behind ${found}`);
  },
};
