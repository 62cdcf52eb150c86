/** Longest input that is made. */
export const maxInputBytes = 4096;

/** What one mutation may use. */
interface Sources {
  readonly random: () => number;
  /** Other inputs, of which parts may be taken. */
  readonly corpus: readonly Buffer[];
  readonly words: readonly Buffer[];
}

type Mutation = (input: Buffer, sources: Sources) => Buffer;

/** Numbers at which things change. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fff_ffff, 0xffff_ffff];

const mutations: readonly Mutation[] = [
  // A bit.
  (input, { random }) => {
    const changed = Buffer.from(input);
    const at = below(random, changed.length);
    if (changed.length > 0) changed[at] = (changed[at] as number) ^ (1 << below(random, 8));
    return changed;
  },
  // A byte.
  (input, { random }) => {
    const changed = Buffer.from(input);
    if (changed.length > 0) changed[below(random, changed.length)] = below(random, 256);
    return changed;
  },
  // A number of 1, 2 or 4 bytes.
  (input, { random }) => {
    const size = 2 ** below(random, 3);
    if (input.length < size) return input;
    const changed = Buffer.from(input);
    const at = below(random, input.length - size + 1);
    const near = anyOf(random, edges) + below(random, 3) - 1;
    changed.writeUIntBE((near >>> 0) % 2 ** (8 * size), at, size);
    return changed;
  },
  // A part is left out.
  (input, { random }) => {
    const [start, end] = range(random, input);
    return Buffer.concat([input.subarray(0, start), input.subarray(end)]);
  },
  // A part comes twice.
  (input, { random }) => {
    const [start, end] = range(random, input);
    return Buffer.concat([input.subarray(0, end), input.subarray(start)]);
  },
  // Random bytes come in.
  (input, { random }) => {
    const bytes = Buffer.from(
      Array.from({ length: 1 + below(random, 8) }, () => below(random, 256)),
    );
    return inserted(input, below(random, input.length + 1), bytes);
  },
  // A word comes in, or in place of what is there.
  (input, { random, words }) => {
    const word = anyOf(random, words);
    const at = below(random, input.length + 1);
    if (random() < 0.5) return inserted(input, at, word);
    return Buffer.concat([input.subarray(0, at), word, input.subarray(at + word.length)]);
  },
  // A part of another input comes in.
  (input, { random, corpus }) => {
    const other = anyOf(random, corpus);
    const [start, end] = range(random, other);
    return inserted(input, below(random, input.length + 1), other.subarray(start, end));
  },
  // It goes on as another one does.
  (input, { random, corpus }) => {
    const other = anyOf(random, corpus);
    const start = input.subarray(0, below(random, input.length + 1));
    return Buffer.concat([start, other.subarray(below(random, other.length + 1))]);
  },
];

/** One of the inputs, changed a little. */
export function mutate(sources: Sources): Buffer {
  const { random, corpus } = sources;
  let input = anyOf(random, corpus);
  for (let times = 2 ** below(random, 4); times > 0; times--) {
    input = anyOf(random, mutations)(input, sources);
  }
  return Buffer.from(input.subarray(0, maxInputBytes));
}

/** The smallest input found that still `fails`, by leaving parts out. */
export function shrunk(input: Buffer, fails: (input: Buffer) => boolean): Buffer {
  let smallest = input;
  for (let size = Math.ceil(input.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest.length; ) {
      const less = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (fails(less)) smallest = less;
      else at += size;
    }
  }
  return smallest;
}

function inserted(input: Buffer, at: number, bytes: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at), bytes, input.subarray(at)]);
}

function range(random: () => number, { length }: Buffer): [start: number, end: number] {
  const start = below(random, length + 1);
  return [start, start + below(random, Math.min(64, length - start) + 1)];
}

function below(random: () => number, bound: number): number {
  return Math.floor(random() * bound);
}

function anyOf<Item>(random: () => number, items: readonly Item[]): Item {
  return items[below(random, items.length)] as Item;
}
