import type { Medium } from '../media/medium.ts';
import type { Protocol } from '../protocols/protocol.ts';
import type { Clock } from '../util/clock.ts';
import { Patience, resolveStall, type StallOptions } from './patience.ts';
import { type StallListener, StallWatch, type WatchedLink } from './stall-watch.ts';

interface Settings {
  readonly stall: StallOptions | false;
  readonly clock: Clock;
  readonly heartbeatMs: number;
}

/** The patience of one client with each of its addresses, where it leaves links that stall. */
export class Patiences {
  readonly #afterMs: number;
  readonly #settings: Settings;
  readonly #byMedium = new Map<Medium, Patience>();

  constructor(stall: StallOptions, settings: Settings) {
    this.#afterMs = resolveStall(stall).afterMs;
    this.#settings = settings;
  }

  /** Undefined for a medium whose links are not left: nothing is lost there, or dialling is dear. */
  of(medium: Medium): Patience | undefined {
    if (medium.losesPackets !== true) return undefined;
    let patience = this.#byMedium.get(medium);
    if (patience === undefined) {
      patience = new Patience(this.#afterMs);
      this.#byMedium.set(medium, patience);
    }
    return patience;
  }

  /** Watches over a link that may be left. */
  watch<Link extends WatchedLink>(
    link: Link,
    listener: StallListener<Link>,
  ): StallWatch<Link> | undefined {
    const { clock, heartbeatMs } = this.#settings;
    const patience = this.of(link.medium);
    return patience && new StallWatch(link, listener, patience, clock, heartbeatMs);
  }
}

/** Undefined where the server could not tell what became of the calls, or answers no pings. */
export function patiencesFor(
  settings: Settings,
  { protocol: { hasSessions, answersPings } }: { readonly protocol: Protocol },
): Patiences | undefined {
  if (settings.stall === false || !hasSessions || answersPings !== 'always') return undefined;
  return new Patiences(settings.stall, settings);
}
