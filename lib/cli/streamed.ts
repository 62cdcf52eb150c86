import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Client } from '../client/client.ts';
import type { StreamOptions } from '../client/options.ts';
import { codeOf } from '../errors.ts';
import { givesItems, type PublishedKind, takesItems } from '../verbs/kinds.ts';
import { fromJson } from './json.ts';

/** How a call with streams is made from a shell. */
export interface StreamedCall {
  readonly verb: string;
  readonly input: unknown;
  readonly options: StreamOptions;
  /** The items on stdin are bytes as they come, and not lines of JSON. */
  readonly areBytes: boolean;
  /** An item, or the output, as it is printed. */
  readonly show: (value: unknown) => string | Uint8Array;
}

/** The kind of a verb with streams, by the server's table; undefined for one without. */
export async function streamKindOf(
  client: Client,
  verb: string,
): Promise<PublishedKind | undefined> {
  const { verbs } = await client.verbs();
  const kind = verbs.find(({ name }) => name === verb)?.kind ?? 'unary';
  return takesItems(kind) || givesItems(kind) ? kind : undefined;
}

/** Prints the items of a call as they come, and its output if it has one. */
export async function printStreamed(
  client: Client,
  kind: PublishedKind,
  { verb, input, options, areBytes, show }: StreamedCall,
): Promise<void> {
  const items = takesItems(kind) ? { items: areBytes ? process.stdin : linesOfStdin() } : {};
  const iterator = client.stream(verb, input, { ...options, ...items })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await iterator.next();
      const isPrinted = done !== true || !givesItems(kind);
      if (isPrinted && !(await isRead(show(value)))) await iterator.return?.();
      if (done === true || process.stdout.destroyed) return;
    }
  } finally {
    // What is typed from now on is of no use, and must not be waited for.
    if (takesItems(kind)) process.stdin.destroy();
  }
}

/** Prints; false when nobody reads it. */
async function isRead(text: string | Uint8Array): Promise<boolean> {
  try {
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    return !process.stdout.destroyed;
  } catch (error) {
    if (codeOf(error) === 'EPIPE') return false;
    throw error;
  }
}

async function* linesOfStdin(): AsyncGenerator<unknown> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() !== '') yield fromJson('A line of stdin', line);
  }
}
