import type { Client } from '../../client/client.ts';
import { connect } from '../../client/connect.ts';
import { messageOf } from '../../errors.ts';
import { bzr as bzrProtocol } from '../../protocols/bzr/index.ts';
import { type BzrVerbs, bzrVerbs } from '../../protocols/bzr/verbs.ts';
import { type BranchAddress, branchAt } from '../bzr/address.ts';
import { BranchReader, type BranchReport } from '../bzr/branch.ts';
import { type Command, command } from '../command.ts';
import { durationText } from '../durations.ts';
import { count, duration, flag, text } from '../options.ts';
import { note, paint, print, printJson } from '../output.ts';
import { table } from '../table.ts';
import { harmless } from '../terminal.ts';

/** `holdfast bzr`. */
export const bzrCommand: Command = command({
  about: [
    'Speaks to the smart server of Bazaar or Breezy with calls that change nothing. They are made again as often as the connection is lost, so that what is read is whole.',
    'A URL is bzr://HOST/PATH or tcp://HOST:PORT/PATH for a server that listens; bzr+ssh://HOST/PATH or openssh://HOST/PATH for the system’s ssh, ssh://USER@HOST/PATH for the package ssh2, with their parameters behind a "?"; or the absolute path of a branch on this machine.',
  ],
  operands: [{ name: 'URL', help: 'the branch' }],
  options: {
    limit: count('how many revisions are shown; default 10', 10),
    program: text('NAME', 'what runs at the far end of SSH, or here; default bzr, here brz'),
    timeout: duration('gives up when one question has no answer for so long; default 30s', 30_000),
    json: flag('prints for machines: JSON on stdout, errors as JSON on stderr'),
  },
  examples: [
    ['bzr bzr+ssh://bzr.example/srv/trunk', 'the last revisions and the tags of a branch'],
    ['bzr tcp://127.0.0.1:4155/trunk --json', 'the same for machines'],
  ],
  hasOutcome: true,
  run: async ([url = ''], { limit, program, timeout, json }) => {
    const address = branchAt(url, program ?? (url.startsWith('/') ? 'brz' : 'bzr'));
    const report = await withBranch(address, timeout, json, (branch) => branch.read(limit));
    if (json) printJson(report);
    else print(textOf(report));
    return 0;
  },
});

async function withBranch<Result>(
  { medium, path }: BranchAddress,
  timeoutMs: number,
  isQuiet: boolean,
  work: (branch: BranchReader) => Promise<Result>,
): Promise<Result> {
  const client = connect(medium, bzrVerbs, {
    protocol: bzrProtocol(),
    timeoutMs,
    // A reader that is alone does no harm by asking again, however often.
    retryBudget: false,
    maxAttempts: 255,
    reconnectCapMs: 1_000,
  });
  if (!isQuiet) tellLosses(client, timeoutMs);
  try {
    const result = await work(new BranchReader(client, path));
    await client.close();
    return result;
  } catch (error) {
    client.destroy();
    await client.closed;
    throw error;
  }
}

function tellLosses(client: Client<BzrVerbs>, timeoutMs: number): void {
  client.once('reconnecting', ({ cause }) => {
    const why = cause === undefined ? 'No connection' : harmless(messageOf(cause));
    note(`${why}; trying again for up to ${durationText(timeoutMs)}`);
  });
  client.on('replay', ({ verb, attempt, why }) => {
    note(`"${harmless(verb)}" is sent again (attempt ${attempt}): ${harmless(why)}`);
  });
}

function textOf({ path, format, number, revisionId, tags, log, logEnds }: BranchReport): string {
  const parts = [
    `${harmless(path)}: ${harmless(format)}`,
    number === 0 ? 'No revisions' : `Revision ${number}: ${harmless(revisionId)}`,
  ];
  if (tags.length > 0) {
    const columns = [{ title: 'TAG' }, { title: 'REVISION', isNumber: true }, { title: 'ID' }];
    const rows = tags.map((tag) => [
      harmless(tag.name),
      String(tag.number ?? '?'),
      harmless(tag.revisionId),
    ]);
    parts.push('', table(columns, rows, paint));
  }
  if (log.length > 0) {
    const columns = [{ title: 'REVISION', isNumber: true }, { title: 'AT' }, { title: 'BY' }];
    const rows = log.map((revision) => [
      String(revision.number),
      revision.at,
      harmless(revision.committer),
      harmless(revision.message.split('\n')[0] ?? ''),
    ]);
    parts.push('', table([...columns, { title: 'WHAT' }], rows, paint));
  }
  if (logEnds !== undefined) parts.push(`No more: ${harmless(logEnds)}`);
  return parts.join('\n');
}
