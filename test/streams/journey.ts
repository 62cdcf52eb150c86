import { seededRandom } from '../../lib/testing/index.ts';
import { Road } from './road.ts';

/** Nothing takes as many steps. */
const maxSteps = 200_000;

/** No item of a {@link Journey} costs more. */
export const maxItemBytes = 650_000;

/** One stream over links that are cut, with everything in random order; the same for the same seed. */
export class Journey {
  readonly sent: unknown[] = [];
  readonly taken: unknown[] = [];
  readonly count: number;
  readonly maxBufferedBytes: number;
  readonly road: Road;
  mostBuffered = 0;
  #isOver = false;
  readonly #random: () => number;
  /** What happens, and how likely it is. */
  readonly #events: readonly (readonly [weight: number, happen: () => void])[];

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.#random = random;
    this.maxBufferedBytes = 400_000 + Math.floor(random() * 600_000);
    const windowBytes = 131_072 + Math.floor(random() * 400_000);
    this.road = new Road({ windowBytes, maxBufferedBytes: this.maxBufferedBytes });
    this.count = Math.floor(random() * 200);
    const { road } = this;
    this.#events = [
      [random() * 0.05, () => this.#cut()],
      [0.3, () => this.#push()],
      [0.2, () => road.sender.hasNext && road.send()],
      [0.2, () => road.arrive(Math.floor(random() * 100_000))],
      [0.1, () => road.arriveBack(Math.floor(random() * 30))],
      [0.1, () => road.isDue && road.credit()],
      [0.1, () => this.#take()],
    ];
  }

  /** Until the receiver has had the end. */
  async run(): Promise<void> {
    this.road.connect();
    for (let step = 0; !this.#isOver; step++) {
      if (step > maxSteps) throw new Error('The stream does not end');
      this.#pick()();
      this.mostBuffered = Math.max(this.mostBuffered, this.road.sender.bufferedBytes);
      if (step % 8 === 0) await Promise.resolve();
    }
  }

  #pick(): () => void {
    const total = this.#events.reduce((sum, [weight]) => sum + weight, 0);
    let left = this.#random() * total;
    for (const [weight, happen] of this.#events) {
      left -= weight;
      if (left < 0) return happen;
    }
    return () => {};
  }

  #cut(): void {
    this.road.cut();
    this.road.connect();
  }

  #push(): void {
    if (this.sent.length === this.count) this.road.end();
    if (!this.road.sender.wantsMore) return;
    const item = this.#item();
    this.sent.push(item);
    this.road.sender.push(item);
  }

  #take(): void {
    if (this.road.receiver.isAwaited) return;
    void this.road.receiver.next().then(({ done, value }) => {
      if (done === true) this.#isOver = true;
      else this.taken.push(value);
    });
  }

  /** An item that says which it is: now and then a large one, as bytes or as text. */
  #item(): unknown {
    const place = this.sent.length + 1;
    const size = Math.floor(this.#random() * (this.#random() < 0.1 ? 600_000 : 3_000));
    const kind = this.#random();
    if (kind < 0.5) return Buffer.alloc(size + 8, place & 0xff).fill(`${place} `, 0, 8);
    if (kind < 0.8) return { place, text: 'x'.repeat(size) };
    return kind < 0.9 ? place : undefined;
  }
}
