import { createHash } from 'node:crypto';

/** A Lua script of one key, and the name under which Redis keeps it. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

function script(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}

/*
 * A record is a hash: f fingerprint, o owner, t ticket, h holder of the lease, and once the call has
 * ended c, its completion. Each script touches one key only, so that all of it happens at once and
 * any node of a cluster can do it.
 */

/** ARGV: fingerprint, owner, ticket, holder, takesOver, ms to keep it unfinished (0: for ever), keepMs. */
export const begin: Script = script(`
local record = redis.call('HMGET', KEYS[1], 'f', 'o', 't', 'h', 'c')
if not record[1] then
  redis.call('HSET', KEYS[1], 'f', ARGV[1], 'o', ARGV[2], 't', ARGV[3], 'h', ARGV[4])
  if ARGV[6] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[6]) end
  return {'new'}
end
if record[1] ~= ARGV[1] then return {'mismatch'} end
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left < tonumber(ARGV[7]) then redis.call('PEXPIRE', KEYS[1], ARGV[7]) end
if record[5] then return {'done', record[5]} end
if ARGV[5] == '1' and record[2] == ARGV[2] and tonumber(record[3]) < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], 't', ARGV[3], 'h', ARGV[4])
  return {'new'}
end
return {'running', record[2], record[4]}
`);

/** ARGV: fingerprint, owner, ticket, holder, completion, keepMs. */
export const finish: Script = script(`
local record = redis.call('HMGET', KEYS[1], 'o', 't', 'c')
if record[1] and (record[3] or record[1] ~= ARGV[2] or record[2] ~= ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'f', ARGV[1], 'o', ARGV[2], 't', ARGV[3], 'h', ARGV[4], 'c', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1
`);

/** ARGV: owner, ticket. */
export const abandon: Script = script(`
local record = redis.call('HMGET', KEYS[1], 'o', 't', 'c')
if record[1] == ARGV[1] and record[2] == ARGV[2] and not record[3] then
  return redis.call('DEL', KEYS[1])
end
return 0
`);

/** The id of the set of records. ARGV: what it is to be if there is none; empty: leave it so. */
export const identify: Script = script(`
if ARGV[1] ~= '' then redis.call('SET', KEYS[1], ARGV[1], 'NX') end
return redis.call('GET', KEYS[1])
`);

/** ARGV: ms; 0 ends the lease. */
export const lease: Script = script(`
if ARGV[1] == '0' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 1
`);

export const isLeased: Script = script(`return redis.call('EXISTS', KEYS[1])`);
