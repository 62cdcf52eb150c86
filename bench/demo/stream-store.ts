import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Handlers } from 'holdfast';
import { sha256 } from './tree.ts';
import type { fileStore, WatchedLine } from './verbs.ts';

/** How often a file that is watched is looked at. */
const lookEveryMs = 20;

/** The handlers that take and give items. */
type StreamHandlers = Pick<Handlers<typeof fileStore>, 'upload' | 'watch'>;

/**
 * @param fileOf where a path is kept
 * @param incoming the folder in which files are made
 * @param ending aborts when the server is about to end: who watches is sent to the next one
 */
export function streamHandlers(
  fileOf: (path: string) => string,
  incoming: string,
  ending: AbortSignal,
): StreamHandlers {
  return {
    // What is broken off throws, and leaves nothing.
    upload: async ({ path }, { items }) => {
      const file = fileOf(path);
      const aside = join(incoming, randomUUID());
      const target = await open(aside, 'wx');
      let bytes = 0;
      try {
        for await (const chunk of items) {
          await target.writeFile(chunk);
          bytes += chunk.byteLength;
        }
      } catch (error) {
        await target.close();
        await rm(aside);
        throw error;
      }
      await target.close();
      await mkdir(dirname(file), { recursive: true });
      await rename(aside, file);
      return bytes;
    },

    watch: async function* ({ path, from, follows }, { signal }) {
      const reader = new LineReader(fileOf(path));
      for (;;) {
        for (const line of await reader.next()) if (line.at >= from) yield line;
        if (!follows || ending.aborted || signal.aborted) return;
        await delay(lookEveryMs);
      }
    },
  };
}

/** Reads the lines of a file that grows. */
class LineReader {
  readonly #path: string;
  #offset = 0;
  #lines = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The lines that are whole and were not read yet. */
  async next(): Promise<WatchedLine[]> {
    const file = await open(this.#path).catch(() => undefined);
    if (file === undefined) return [];
    try {
      const { size } = await file.stat();
      const bytes = Buffer.allocUnsafe(size - this.#offset);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, this.#offset);
      const end = bytes.subarray(0, bytesRead).lastIndexOf('\n') + 1;
      this.#offset += end;
      const lines = bytes.subarray(0, end).toString().split('\n').slice(0, -1);
      return lines.map((line) => ({ at: ++this.#lines, sha256: sha256(Buffer.from(line)) }));
    } finally {
      await file.close();
    }
  }
}
