/** The client of the bad-network experiment. */
import { obey } from '../harness/orders.ts';
import { openWay } from './contenders.ts';
import { run, type Work } from './exchanges.ts';
import { LossyPath } from './lossy-path.ts';
import type { Doors } from './servers.ts';

export interface RunOrder {
  readonly do: 'run';
  readonly contender: string;
  readonly doors: Doors;
  readonly work: Work;
  /** The path is made within this process, with this seed. */
  readonly inProcess?: { readonly seed: number; readonly loss: { p: number; r: number } };
}

await obey(async (order: RunOrder | { readonly do: 'close' }) => {
  if (order.do === 'close') return undefined;
  const { contender, doors, work, inProcess } = order;
  if (inProcess === undefined) return { course: await run(openWay(contender, doors), work) };
  const path = await LossyPath.open(doors, inProcess.loss, inProcess.seed);
  const course = await run(openWay(contender, path.doors, path), work);
  const { counts } = path;
  await path.close();
  return { course, counts };
});
