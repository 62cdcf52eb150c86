import { HoldfastError } from '../errors.ts';
import { resolveOptions, show } from '../util/check.ts';
import { isVerbKind, type PublishedKind } from './kinds.ts';
import { registryError } from './registry-error.ts';
import { isSafety, type Safety, stricter } from './safety.ts';
import { settingChecks, type VerbSettings } from './settings.ts';
import type { Verbs } from './verb.ts';

/** What one side says of a verb: a row of the published table. */
export interface VerbRow {
  readonly name: string;
  readonly safety: Safety;
  readonly kind: PublishedKind;
  readonly settings: VerbSettings;
}

/** Most verbs that a published table may have. */
export const maxVerbs = 4096;

/**
 * The table that a server publishes: its verbs in the order in which calls refer to them.
 *
 * @throws HoldfastError `ERR_HOLDFAST_REGISTRY` when they are more than a client would take
 */
export function tableOf(verbs: Verbs): VerbRow[] {
  const entries = Object.entries(verbs);
  if (entries.length > maxVerbs) {
    throw registryError(`A registry has at most ${maxVerbs} verbs, got ${entries.length}`);
  }
  return entries.map(([name, { safety, kind, settings }]) => ({ name, safety, kind, settings }));
}

/** A server's verbs as it publishes them, and what tells them from others. */
export interface PublishedTable {
  /** In hex; tables that differ have different ones. */
  readonly hash: string;
  readonly verbs: readonly VerbRow[];
}

/** A table as it travels: the settings in one order, so that equal tables are equal bytes. */
export function encodeTable(rows: readonly VerbRow[]): unknown[] {
  return rows.map(({ name, safety, kind, settings }) => {
    const ordered: Record<string, unknown> = {};
    for (const key of Object.keys(settingChecks) as (keyof VerbSettings)[]) {
      if (settings[key] !== undefined) ordered[key] = settings[key];
    }
    // Who does not know kinds knows only these.
    if (kind !== 'unary') ordered['kind'] = kind;
    return [name, safety, ordered];
  });
}

/**
 * A table that arrived. Settings that this version does not know are left out; a class that it does
 * not know counts as `mutate`, the strictest.
 *
 * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL`
 */
export function decodeTable(value: unknown): VerbRow[] {
  if (!Array.isArray(value) || value.length > maxVerbs) {
    throw badTable(`it must be a list of at most ${maxVerbs} verbs, got ${show(value)}`);
  }
  const names = new Set<string>();
  return value.map((row: unknown) => {
    if (!Array.isArray(row) || typeof row[0] !== 'string') throw badTable('a row has no name');
    const name: string = row[0];
    if (names.has(name)) throw badTable(`${show(name)} comes twice`);
    names.add(name);
    return {
      name,
      safety: isSafety(row[1]) ? row[1] : 'mutate',
      kind: kindIn(row[2]),
      settings: knownSettings(row[2]),
    };
  });
}

function kindIn(settings: unknown): PublishedKind {
  const kind = (settings as Record<string, unknown> | null | undefined)?.['kind'] ?? 'unary';
  return isVerbKind(kind) ? kind : 'other';
}

function knownSettings(value: unknown): VerbSettings {
  const known: Record<string, unknown> = {};
  for (const name of Object.keys(settingChecks)) {
    const setting = (value as Record<string, unknown> | null | undefined)?.[name];
    if (setting !== undefined && setting !== null) known[name] = setting;
  }
  try {
    return resolveOptions('verb setting', known as VerbSettings, {}, settingChecks);
  } catch (cause) {
    throw badTable('a setting is out of range', cause);
  }
}

function badTable(why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', `Peer's table of verbs is wrong: ${why}`, {
    cause,
    final: true,
  });
}

/** What holds of a verb when both sides have an opinion: of each setting the stricter. */
export function stricterRow(mine: VerbRow, theirs: VerbRow): VerbRow {
  return {
    name: mine.name,
    kind: mine.kind,
    safety: stricter(mine.safety, theirs.safety),
    settings: {
      ...pick('timeoutMs', Math.min, mine, theirs),
      ...pick('attemptTimeoutMs', Math.min, mine, theirs),
      ...pick('maxAttempts', Math.min, mine, theirs),
      ...pick('maxReplayAgeMs', Math.min, mine, theirs),
      ...pick('leaseMs', Math.max, mine, theirs),
      ...pick('inactivityTimeoutMs', Math.min, mine, theirs),
      ...pick('retryRatio', Math.min, mine, theirs),
    },
  };
}

function pick(
  name: keyof VerbSettings,
  choose: (one: number, other: number) => number,
  mine: VerbRow,
  theirs: VerbRow,
): VerbSettings {
  const one = mine.settings[name];
  const other = theirs.settings[name];
  if (one === undefined) return other === undefined ? {} : { [name]: other };
  return { [name]: other === undefined ? one : choose(one, other) };
}
