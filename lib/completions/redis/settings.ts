import { messageOf } from '../../errors.ts';
import { storeError } from '../package.ts';
import type { RedisCommands, RedisSettings } from './connection.ts';

/** What Redis must be told, and why. */
const needs: readonly (readonly [setting: string, value: string, why: string])[] = [
  ['appendonly', 'yes', 'what it was told is gone when it restarts'],
  ['appendfsync', 'always', 'what it was told last is gone when its machine fails'],
  ['maxmemory-policy', 'noeviction', 'it forgets records when its memory is full'],
];

const trust = 'If you know better, pass durability: "trusted"';

/**
 * Makes sure that Redis does not forget what it was told.
 *
 * @throws HoldfastError `ERR_HOLDFAST_STORE`
 */
export async function checkSettings(client: RedisCommands): Promise<void> {
  // A client for a cluster asks any one of the nodes.
  const isOfCluster = 'masters' in client;
  const { configGet } = client as Partial<RedisSettings>;
  if (isOfCluster || typeof configGet !== 'function') {
    throw storeError(`The settings of Redis cannot be read by this client. ${trust}`);
  }
  for (const [setting, value, why] of needs) {
    const found = await settingOf(client as RedisCommands & RedisSettings, setting);
    if (found === value || (await isHarmless(client as RedisCommands & RedisSettings, setting))) {
      continue;
    }
    throw storeError(
      `Redis must have the setting ${setting} ${value}, not ${found}: ${why}. ${trust}`,
    );
  }
}

/** Without a bound of its memory Redis evicts nothing. */
async function isHarmless(client: RedisSettings, setting: string): Promise<boolean> {
  return setting === 'maxmemory-policy' && (await settingOf(client, 'maxmemory')) === '0';
}

async function settingOf(client: RedisSettings, name: string): Promise<string> {
  try {
    const found = await client.configGet(name);
    const value = found instanceof Map ? found.get(name) : (found as Record<string, unknown>)[name];
    return String(value);
  } catch (error) {
    throw storeError(
      `The setting ${name} of Redis cannot be read: ${messageOf(error)}. ${trust}`,
      error,
    );
  }
}
