import type { Tally } from './campaign.ts';
import { planOf, type RunKind } from './generate.ts';
import type { Plan } from './plan.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulation.ts';

/** What is said of a campaign. */
export function summary({ runs, calls, executions, simulatedHours, failures }: Tally): string {
  const what = `${runs} runs, ${calls} calls, ${executions} executions`;
  return `${what}, ${simulatedHours.toFixed(1)} simulated hours: ${failures.length} runs broke a promise`;
}

/** A run that breaks a promise, made as small as it can be, with its trace. */
export async function report(seed: number, isShrunk: boolean, kind?: RunKind): Promise<string> {
  const plan = planOf(seed, kind);
  const { violations } = await simulate(plan);
  const [first] = violations;
  if (first === undefined) return `Seed ${seed} breaks no promise`;
  const all = violations.map(({ promise, what }) => `  ${promise}: ${what}`);
  const head = [`Seed ${seed} breaks ${violations.length} promises:`, ...all.slice(0, 10)];
  if (!isShrunk) return head.join('\n');
  const { plan: smaller, runs } = await shrink(plan, first.promise);
  const small = await simulate(smaller, true);
  return [
    ...head,
    '',
    `The same promise (${first.promise}) is broken, found in ${runs} runs, by`,
    ...describe(smaller),
    '',
    'Trace (simulated ms):',
    ...small.trace,
    '',
    ...small.violations.map(({ promise, what }) => `${promise}: ${what}`),
  ].join('\n');
}

function describe({ calls, faults, network, clients, serverOptions, servers }: Plan): string[] {
  return [
    `  ${calls.length} calls, ${faults.length} faults, ${servers} servers`,
    `  network ${JSON.stringify(network)}`,
    `  servers ${JSON.stringify(serverOptions)}`,
    ...clients.map((client, index) => `  client ${index} ${JSON.stringify(client)}`),
    ...calls.map((call) => `  call ${JSON.stringify(call)}`),
    ...faults.map((fault) => `  fault ${JSON.stringify(fault)}`),
  ];
}
