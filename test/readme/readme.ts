import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** README's text. */
export const readme: string = textOf('README.md');

/** The page on tools over SSH. */
export const sshPage: string = textOf('lib/media/SSH.md');

/** The page on `once` and its stores. */
export const oncePage: string = textOf('lib/completions/README.md');

/** The page on restarts. */
export const restartsPage: string = textOf('lib/handover/RESTARTS.md');

/** The page on streams. */
export const streamsPage: string = textOf('lib/streams/STREAMS.md');

/** The page on what users get for their own tests. */
export const testingPage: string = textOf('lib/testing/TESTING.md');

/** The page on protocols of one's own. */
export const protocolPage: string = textOf('lib/protocols/PROTOCOL-SEAM.md');

/** The pages with an example of each medium, and on what is sent again. */
export const mediaPage: string = textOf('lib/media/MEDIA.md');
export const retriesPage: string = textOf('lib/client/RETRIES.md');

/** The pages with all options of clients and servers. */
export const clientPage: string = textOf('lib/client/OPTIONS.md');
export const serverPage: string = textOf('lib/server/OPTIONS.md');

/** The pages on figures, on the command and on errors. */
export const figuresPage: string = textOf('lib/observe/FIGURES.md');
export const commandPage: string = textOf('lib/cli/COMMAND.md');
export const errorsPage: string = textOf('lib/ERRORS.md');

function textOf(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The text below a heading, up to the next of its rank or above. */
export function section(heading: string, text = readme): string {
  const rest = text.split(`\n## ${heading}\n`)[1];
  if (rest === undefined) throw new Error(`There is no section "${heading}"`);
  return rest.split('\n## ')[0] as string;
}

/** The cells of the table in a text whose first column has this title, without its head. */
export function tableIn(text: string, firstTitle: string): string[][] {
  const lines = text.split('\n');
  const head = lines.findIndex((line) => line.startsWith(`| ${firstTitle} |`));
  if (head < 0) throw new Error(`There is no table of "${firstTitle}" there`);
  const rows = lines.slice(head + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((row) => {
    const cells = row.split('|').slice(1, -1);
    return cells.map((cell) => cell.trim());
  });
}

/** A piece of a document that is a file; its first line is a comment that names it. */
export interface Snippet {
  readonly file: string;
  readonly code: string;
}

const pages: readonly string[] = [
  readme,
  mediaPage,
  retriesPage,
  clientPage,
  serverPage,
  figuresPage,
  commandPage,
  errorsPage,
  sshPage,
  oncePage,
  restartsPage,
  testingPage,
  protocolPage,
];

/** Every TypeScript snippet of the documents, in order. */
export function snippets(): Snippet[] {
  return pages.flatMap((text) => {
    return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => {
      const file = /^\/\/ ([a-z]+\.ts)\n/.exec(code)?.[1];
      if (file === undefined) throw new Error(`A snippet does not name its file:\n${code}`);
      return { file, code };
    });
  });
}

/** What a snippet prints, by the comments behind its `console.log`s. */
export function promised({ code }: Pick<Snippet, 'code'>): string {
  const lines = [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)];
  return lines.map(([, line]) => `${line}\n`).join('');
}
