import { HoldfastError } from '../errors.ts';

/** Why a client ends a link, by the name that errors call the link by. */
export const linkFaults = {
  pingsTooFast: (link: string): HoldfastError =>
    wrong(`${link} pings faster than it reads the answers`),
  strayPong: (token: number): HoldfastError => wrong(`PONG ${token} answers no ping`),
  /** Whatever it is the beginning of, the replies to come would be read as its rest. */
  strayBeginning: (link: string): HoldfastError =>
    wrong(`${link} has begun a message that no call waits for`),
  /** Where one call follows the other, the server may not see one that it reads with that rest. */
  earlyAnswer: (link: string): HoldfastError =>
    lost(`${link} answered a call that it had not been given whole`),
  /** The answer would be in the way of the next. */
  unwanted: (link: string): HoldfastError =>
    lost(`${link} was given up with a call that nobody waits for any more`),
  silence: (link: string, silentMs: number): HoldfastError =>
    lost(
      `Nothing was heard from ${link} for ${Math.round(silentMs)} ms, not even an answer to a ping`,
    ),
} as const;

function wrong(message: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', message);
}

function lost(message: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_LOST', message);
}
