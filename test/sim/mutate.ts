import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Edit, Mutant } from './mutants.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of the sources with a defect in it, in a folder of its own. */
export interface MutatedCopy {
  readonly folder: string;
  remove(): Promise<void>;
}

/** The text with an edit made; throws when what is to be changed is not there once. */
export function edited(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    const count = parts.length - 1;
    throw new Error(`${file} has this ${count} times instead of once: ${JSON.stringify(find)}`);
  }
  return parts.join(replace);
}

/** Throws when a mutant does not fit the sources any more. */
export async function checkFits({ edits }: Mutant): Promise<void> {
  for (const edit of edits) edited(await readFile(join(root, edit.file), 'utf8'), edit);
}

/** Copies what the simulator needs, with a defect in it. */
export async function mutated({ edits }: Mutant): Promise<MutatedCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-mutant-'));
  for (const part of ['lib', 'test/sim', 'package.json', 'tsconfig.json']) {
    await cp(join(root, part), join(folder, part), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const edit of edits) {
    const path = join(folder, edit.file);
    await writeFile(path, edited(await readFile(path, 'utf8'), edit));
  }
  return { folder, remove: () => rm(folder, { recursive: true }) };
}
