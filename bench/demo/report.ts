import type { PlannedFault } from './schedule.ts';
import type { Ending } from './story.ts';

/** The reckoning as it is printed. */
export function report(ending: Ending, tookMs: number): string {
  const { reckoning, figures, recovery, ownLocks, streaming, faults, progress } = ending;
  const { files, journal, watched, problems } = reckoning;
  const { unknown } = journal;
  const slowest = recovery.slowest;
  const rows: [string, string][] = [
    ['files', `${files.equal} of ${files.total} stored and read back with equal checksums`],
    [
      'journal',
      `${journal.acknowledged} lines acknowledged, ${journal.present} present, ${journal.doubled} doubled`,
    ],
    [
      'unknown',
      `${unknown.present + unknown.absent} appends, none sent again; the journal tells: ` +
        `${unknown.present} had run (the answer was lost), ${unknown.absent} had not`,
    ],
    ['locks', `${ownLocks} were ours already when the call was repeated; nobody else got in`],
    [
      'streams',
      `${streaming.files.length} uploads in chunks, and a watch that gave ${watched} lines, each once and in order; ` +
        `${streaming.madeAnew} made anew`,
    ],
    ['faults', `${faults.length}: ${countFaults(faults)}`],
    [
      'client',
      `${figures.reconnects} reconnects, ${figures.replays} replays (${figures.evidence})`,
    ],
  ];
  if (slowest !== undefined) {
    rows.push(['slowest recovery', `${(slowest.tookMs / 1000).toFixed(2)} s (${slowest.fault})`]);
  }
  if (journal.notExecuted > 0) {
    rows.push(['not executed', `${journal.notExecuted} appends, each made anew`]);
  }
  const lines = rows.map(([name, text]) => `${progress.paint('bold', name.padEnd(18))}${text}`);
  for (const problem of problems.slice(0, 20)) lines.push(progress.paint('red', `! ${problem}`));
  const seconds = (tookMs / 1000).toFixed(1);
  lines.push(
    problems.length === 0
      ? progress.paint('green', `Everything adds up, after ${seconds} s`)
      : progress.paint(
          'red',
          `${problems.length} things do not add up, after ${seconds} s (first 20 above)`,
        ),
  );
  return lines.join('\n');
}

function countFaults(faults: readonly PlannedFault[]): string {
  const counts = new Map<string, number>();
  for (const { fault } of faults) counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
  return [...counts]
    .toSorted()
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}
