/** The clients of the recovery benchmark. */
import { obey } from '../harness/orders.ts';
import { FloorSubject } from './floor.ts';
import { HoldfastSubject } from './holdfast.ts';
import { type ClientOrder, type Sample, type Samples, subjects } from './samples.ts';

interface Path {
  readonly floor: FloorSubject;
  readonly holdfast: HoldfastSubject;
}

const paths = new Map<string, Path>();
let lastRound = 0;

await obey(async (order: ClientOrder) => {
  switch (order.do) {
    case 'open': {
      const { place, addresses } = order;
      paths.set(order.path, {
        floor: await FloorSubject.open(place, addresses.floor),
        holdfast: await HoldfastSubject.open(place, addresses.holdfast),
      });
      return undefined;
    }
    case 'recover': {
      const path = paths.get(order.path);
      if (path === undefined) throw new Error(`There is no path ${order.path}`);
      return await recover(path, order.rounds);
    }
    case 'close':
      for (const { floor, holdfast } of paths.values()) {
        await holdfast.close();
        await floor.close();
      }
      return undefined;
  }
});

/** Does all subjects in each round, in an order that rotates. */
async function recover({ floor, holdfast }: Path, rounds: number): Promise<Samples> {
  const samples: Samples = { floor: [], read: [], mutate: [], roundTripUs: [] };
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < subjects.length; at++) {
      const subject = subjects[(round + at) % subjects.length]!;
      const number = ++lastRound;
      let sample: Sample;
      if (subject === 'floor') {
        samples.roundTripUs.push(await floor.roundTripUs());
        sample = await floor.recover(number);
      } else {
        await holdfast.touch();
        sample = await holdfast.recover(subject, number);
      }
      samples[subject].push(sample);
    }
  }
  return samples;
}
