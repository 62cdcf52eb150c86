import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** One file of the source tree. */
export interface SourceFile {
  readonly path: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** What is made, not written. */
const madeFolders = new Set(['node_modules', 'dist', 'coverage', '.bench', '.git']);

/** Reads every file of a source tree, in the order of their paths. */
export async function readTree(root: string): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const name = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!madeFolders.has(entry.name)) await visit(name);
      } else if (entry.isFile()) {
        const bytes = await readFile(name);
        const path = relative(root, name).split(sep).join('/');
        files.push({ path, bytes, sha256: sha256(bytes) });
      }
    }
  };
  await visit(root);
  return files.sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** A checksum, in hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
